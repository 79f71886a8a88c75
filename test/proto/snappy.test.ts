import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../proto/decode-error.ts';
import { snappyEncode, snappyJsDecoder, snappyPlainLength, snappyWasmDecoder, type SnappyDecode } from '../../proto/snappy.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { varint } from './protobuf-fields.ts';

const MAX_BYTES = 1024 * 1024;
/** The types are those of Workers, where nothing can be compiled; Node can. */
const CompiledModule = WebAssembly.Module as unknown as new (bytes: Uint8Array) => WebAssembly.Module;
const wasmModule = new CompiledModule(readFileSync(join(import.meta.dirname, '../../.build/snappy.wasm')));
const DECODERS: Readonly<Record<string, (maxBytes: number) => SnappyDecode>> = {
  wasm: (maxBytes) => snappyWasmDecoder(wasmModule, maxBytes),
  js: snappyJsDecoder,
};

function plains(): Uint8Array[] {
  const random = new SeededRandom(1);
  const noise = new Uint8Array(70_000);
  random.fill(noise);
  const text = new TextEncoder().encode('http_requests_total{job="api"} '.repeat(5000));
  const sizes = [0, 1, 2, 3, 4, 15, 16, 17, 59, 60, 61, 62, 255, 256, 257, 65_535, 65_536, 65_537];
  return [...sizes.map((size) => noise.slice(0, size)), ...sizes.map((size) => text.slice(0, size)), text, new Uint8Array(200_000)];
}

describe.each(Object.keys(DECODERS))('%s', (name) => {
  const decode = DECODERS[name]!(MAX_BYTES);

  test('damage is told in words, with its place', () => {
    // Four bytes are promised; a literal of one, then a copy from nine before.
    expect(() => decode(Uint8Array.of(4, 0, 0x61, 0x01, 9))).toThrow(/^snappy: corrupt input at byte 5$/);
  });

  test('what is compressed comes back', () => {
    for (const plain of plains()) expect(Buffer.compare(decode(snappyEncode(plain)), plain), `${plain.length} bytes`).toBe(0);
  });

  function decodes(what: string, bytes: number[], text: string): void {
    test(what, () => expect(new TextDecoder().decode(decode(Uint8Array.from(bytes)))).toBe(text));
  }
  decodes('a literal', [5, 4 << 2, ...Buffer.from('abcde')], 'abcde');
  decodes('a copy with one byte of offset that overlaps itself', [11, 0 << 2, 97, (3 << 2) | 1, 1, 2 << 2, ...Buffer.from('xyz')], 'aaaaaaaaxyz');
  decodes('a copy with two bytes of offset', [6, 2 << 2, ...Buffer.from('abc'), (2 << 2) | 2, 3, 0], 'abcabc');
  decodes('a copy with four bytes of offset', [6, 2 << 2, ...Buffer.from('abc'), (2 << 2) | 3, 3, 0, 0, 0], 'abcabc');
  decodes('a literal whose length has two bytes', [3, 61 << 2, 2, 0, ...Buffer.from('abc')], 'abc');

  function refused(what: string, bytes: number[]): void {
    test(`refuses ${what}`, () => expect(() => decode(Uint8Array.from(bytes))).toThrow(DecodeError));
  }
  refused('nothing at all', []);
  refused('a length that does not end', [0x80]);
  refused('a length of six bytes', [0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 0]);
  refused('a declared length over the limit', [...varint(MAX_BYTES + 1), 0, 97]);
  refused('a declared length that so few bytes cannot hold', [...varint(1000), 0, 97]);
  refused('four gigabytes', [...varint(2 ** 32 - 1), 0, 97]);
  refused('less than declared', [6, 4 << 2, ...Buffer.from('abcde')]);
  refused('more than declared', [4, 4 << 2, ...Buffer.from('abcde')]);
  refused('a length of zero with something behind it', [0, 4 << 2, ...Buffer.from('abcde')]);
  refused('a literal that is cut off', [5, 4 << 2, 97]);
  refused('a literal length that is cut off', [5, 61 << 2, 1]);
  refused('a literal of four gigabytes', [5, 63 << 2, 255, 255, 255, 255, 97]);
  refused('a copy that is cut off', [6, 2 << 2, 97, 98, 99, (2 << 2) | 2, 3]);
  refused('a copy of offset 0', [6, 2 << 2, 97, 98, 99, (2 << 2) | 2, 0, 0]);
  refused('a copy from before the beginning', [6, 2 << 2, 97, 98, 99, (2 << 2) | 2, 4, 0]);
  refused('a copy from far before the beginning', [6, 2 << 2, 97, 98, 99, (2 << 2) | 3, 255, 255, 255, 255]);
  refused('a copy past the declared end', [5, 2 << 2, 97, 98, 99, (2 << 2) | 2, 3, 0]);

  test('is well again after each refusal', () => {
    const good = snappyEncode(Buffer.from('hello hello hello'));
    for (const bad of [[6, 2 << 2, 97, 98, 99, (2 << 2) | 3, 255, 255, 255, 255], [5, 63 << 2, 255, 255, 255, 255, 97]]) {
      expect(() => decode(Uint8Array.from(bad))).toThrow(DecodeError);
      expect(new TextDecoder().decode(decode(good))).toBe('hello hello hello');
    }
  });

  test('a large body does not spoil the next one', () => {
    const large = DECODERS[name]!(64 * MAX_BYTES);
    expect(large(snappyEncode(new Uint8Array(20 * MAX_BYTES).fill(7))).length).toBe(20 * MAX_BYTES);
    expect(new TextDecoder().decode(large(snappyEncode(Buffer.from('small'))))).toBe('small');
  });
});

test('the declared length is read from the front', () => {
  expect(snappyPlainLength(Uint8Array.from([...varint(300), ...new Uint8Array(20)]), MAX_BYTES)).toBe(300);
  expect(() => snappyPlainLength(Uint8Array.from([...varint(300), ...new Uint8Array(20)]), 299)).toThrow('the limit of 299');
});
