import { expect, test } from 'vitest';
import { DecodeError } from '../../../proto/decode-error.ts';
import { decodeListedMessage, encodeListedMessage, isListedMessage } from '../../../storage/shard/listed-message.ts';
import { fuzzDecoder, fuzzRounds } from '../../proto/fuzz-bytes.ts';
import { bareMessage, bitsOf, named, STALE } from './batches.ts';

const NAME = Uint32Array.of(0xfffffff0, 7, 3);

function message(...timestampsMs: number[]): ArrayBuffer {
  return encodeListedMessage(NAME, timestampsMs.length, Float64Array.from(timestampsMs), Uint32Array.from({ length: timestampsMs.length * 2 }, (_, i) => i + 1));
}

test.each<[string, readonly number[]]>([
  ['none', []],
  ['one', [5]],
  ['one time for all', [7, 7, 7]],
  ['several targets', [7, 7, 5, 5, 5, 9, 7]],
  ['each its own', [1, 2, 3, -4]],
])('%s: comes back, each run of equal timestamps in twelve bytes', (_, timestampsMs) => {
  const encoded = message(...timestampsMs);
  const { name, batch } = decodeListedMessage(encoded);
  const runs = timestampsMs.filter((timestampMs, i) => timestampMs !== timestampsMs[i - 1]).length;
  expect(encoded.byteLength).toBe(24 + runs * 12 + timestampsMs.length * 8);
  expect(isListedMessage(encoded)).toBe(true);
  expect(name).toEqual(NAME);
  expect([...batch.timestampsMs]).toEqual(timestampsMs);
  expect([...batch.valueBits]).toEqual(Array.from({ length: timestampsMs.length * 2 }, (_, i) => i + 1));
  expect([...batch.sampleEnd]).toEqual(timestampsMs.map((_, i) => i + 1));
});

test('columns longer than the count are cut, stale markers and many samples survive', () => {
  const bits = Uint32Array.from(Array.from({ length: 9000 }, () => bitsOf(STALE)).flat());
  const { batch } = decodeListedMessage(encodeListedMessage(NAME, 8000, new Float64Array(9000).fill(3), bits));
  expect(batch.sampleCount).toBe(8000);
  expect([batch.sampleEnd.at(-1), batch.timestampsMs.at(-1)]).toEqual([8000, 3]);
  expect([...batch.valueBits.slice(-2)]).toEqual(bitsOf(STALE));
});

test('other messages are none', () => {
  expect(isListedMessage(bareMessage([{ labels: named('m'), samples: [[1, 1]] }]))).toBe(false);
  expect(isListedMessage(new ArrayBuffer(0))).toBe(false);
  expect(isListedMessage(message(1).slice(0, 23))).toBe(false);
});

test('what no encoder makes is refused', () => {
  const changed = (change: (view: DataView) => void): (() => void) => {
    const bytes = message(7, 7, 9);
    change(new DataView(bytes));
    return () => void decodeListedMessage(bytes);
  };
  const cases: [string, (view: DataView) => void][] = [
    ['timestamps end at sample 2 of 3', (view) => (view.setUint32(40, 1, true), view.setUint32(44, 2, true))],
    ['run 0 of timestamps ends at sample 4 of 3', (view) => view.setUint32(40, 4, true)],
    ['run 0 of timestamps ends at sample 0 of 3', (view) => view.setUint32(40, 0, true)],
    ['run 1 of timestamps ends at sample 2 of 3', (view) => view.setUint32(44, 2, true)],
    ['the timestamp NaN of run 0', (view) => view.setFloat64(24, Number.NaN, true)],
    ['the timestamp 0.5 of run 1', (view) => view.setFloat64(32, 0.5, true)],
    ['the timestamp 1e+300 of run 0', (view) => view.setFloat64(24, 1e300, true)],
    ['got 72 bytes, want', (view) => view.setUint32(4, 0xffffffff, true)],
    ['got 72 bytes, want', (view) => view.setUint32(8, 0xffffffff, true)],
  ];
  for (const [reason, change] of cases) {
    expect(changed(change), reason).toThrow(DecodeError);
    expect(changed(change), reason).toThrow(reason);
  }
  for (let length = 24; length < message(7, 7, 9).byteLength; length++) expect(() => decodeListedMessage(message(7, 7, 9).slice(0, length)), String(length)).toThrow(DecodeError);
});

test('damaged messages are decoded or refused, nothing else', { timeout: 600_000 }, () => {
  const originals = [message(), message(1, 1, 2), message(5, 6, 7, 8)].map((bytes) => new Uint8Array(bytes));
  const decode = (bytes: Uint8Array): void => {
    const { buffer } = bytes.slice();
    if (isListedMessage(buffer)) decodeListedMessage(buffer);
  };
  fuzzDecoder(originals, fuzzRounds(50_000), decode, () => originals.forEach(decode));
});
