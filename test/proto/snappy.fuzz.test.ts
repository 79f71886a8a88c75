import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DecodeError } from '../../proto/decode-error.ts';
import { snappyEncode, snappyJsDecoder, snappyWasmDecoder, type SnappyDecode } from '../../proto/snappy.ts';
import { textMutations } from './fuzz-bytes.ts';
import { fuzz, fuzzRounds } from './fuzz-loop.ts';

const MAX_BYTES = 1024 * 1024;
/** The types are those of Workers, where nothing can be compiled; Node can. */
const CompiledModule = WebAssembly.Module as unknown as new (bytes: Uint8Array) => WebAssembly.Module;
const wasm = snappyWasmDecoder(new CompiledModule(readFileSync(join(import.meta.dirname, '../../.build/snappy.wasm'))), MAX_BYTES);
const js = snappyJsDecoder(MAX_BYTES);
const ORIGINALS = ['a', 'hello hello hello hello', 'abcdefgh'.repeat(30) + 'x'.repeat(100), JSON.stringify(process.versions)].map((text) => snappyEncode(Buffer.from(text)));
/** Literals and copies of each kind of tag, as far as ASCII has them, with lengths and offsets that reach beyond. */
const TOKENS = ['\0a', '\x04ab', '\x01\x01', '\x05\x01', '\x02\x01\0', '\x02\x7f\x7f', '\x03\x01\0\0\0', '\x03\x7f\x7f\x7f\x7f'];

/** What comes out, `undefined` where it is refused. */
function plainOf(decode: SnappyDecode, input: Uint8Array): Uint8Array | undefined {
  try {
    return decode(input);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

test('both decoders agree on damaged input, but that snappyjs refuses some lengths that are longer than they need be', { timeout: 3_600_000 }, async () => {
  let strict = 0;
  const take = (input: Uint8Array): boolean => {
    const fromJs = plainOf(js, input);
    const fromWasm = plainOf(wasm, input);
    if (fromJs === undefined && fromWasm !== undefined) strict++;
    else if (fromJs !== undefined && (fromWasm === undefined || Buffer.compare(fromJs, fromWasm) !== 0)) throw new Error('the decoders differ');
    return fromJs !== undefined;
  };
  const { taken } = await fuzz({ name: 'snappy blocks', rounds: fuzzRounds(50_000), next: textMutations(ORIGINALS, TOKENS), take, check: () => ORIGINALS.forEach((original) => expect(take(original)).toBe(true)) });
  expect(strict).toBeLessThan(taken / 100);
});
