import { expect, test } from 'vitest';
import { DecodeError } from '../../../../proto/decode-error.ts';
import { TIMESTAMP_MS_MAX } from '../../../../storage/chunk/index.ts';
import { BY_ID, decodeRefMessage, encodeRefMessage, isRefMessage } from '../../../../storage/shard/append/ref-message.ts';
import { fuzzDecoder, fuzzRounds } from '../../../proto/fuzz-bytes.ts';
import { bareMessage, bitsOf, named, STALE } from '../batches.ts';

const SPACE = Uint32Array.of(0xfffffff0, 7, 3);
const HEADER_BYTES = 40;

/** Id words of the series at position i begin with i + 1, and have 1000 and 2000 more. */
function message(runs: readonly number[], ...timestampsMs: number[]): ArrayBuffer {
  const column = (more: number): Uint32Array => Uint32Array.from(timestampsMs, (_, i) => i + 1 + more);
  const valueBits = Uint32Array.from({ length: timestampsMs.length * 2 }, (_, i) => i + 1);
  const batch = { sampleCount: timestampsMs.length, idLow: column(0), idHigh: column(1000), idCheck: column(2000), timestampsMs: Float64Array.from(timestampsMs), valueBits };
  return encodeRefMessage({ space: SPACE, runs: Uint32Array.from(runs), mix: 99 }, batch);
}

test.each<[string, readonly number[], readonly number[], byId: readonly number[]]>([
  ['none', [], [], []],
  ['one', [4, 1], [5], []],
  ['one run at one time', [10, 3], [7, 7, 7], []],
  ['several targets', [10, 3, 5, 4], [7, 7, 5, 5, 5, 9, 7], []],
  ['each its own', [9, 1, 7, 1, 5, 1, 3, 1], [1, 2, 3, -4], []],
  ['one by its id', [9, 1, BY_ID, 1, 10, 1], [1, 1, 1], [1]],
  ['some by their ids, first and last', [BY_ID, 2, 10, 1, BY_ID, 3], [1, 1, 1, 1, 1, 1], [0, 1, 3, 4, 5]],
  ['at the ends of time', [10, 2], [-TIMESTAMP_MS_MAX, TIMESTAMP_MS_MAX], []],
  ['all by their ids', [BY_ID, 4], [1, 1, 2, 2], [0, 1, 2, 3]],
])('%s: comes back, a run of series in eight bytes, one of timestamps in twelve, an id in twelve', (_, runs, timestampsMs, byId) => {
  const encoded = message(runs, ...timestampsMs);
  const batch = decodeRefMessage(encoded);
  const timeRuns = timestampsMs.filter((timestampMs, i) => timestampMs !== timestampsMs[i - 1]).length;
  expect(encoded.byteLength).toBe(Math.ceil((HEADER_BYTES + runs.length * 4 + timeRuns * 12 + byId.length * 12) / 8) * 8 + timestampsMs.length * 8);
  expect(isRefMessage(encoded)).toBe(true);
  expect([batch.space, batch.mix, [...batch.runs]]).toEqual([SPACE, 99, runs]);
  expect([...batch.idLow]).toEqual(byId.map((i) => i + 1));
  expect([...batch.idHigh]).toEqual(byId.map((i) => i + 1001));
  expect([...batch.idCheck]).toEqual(byId.map((i) => i + 2001));
  expect([...batch.timestampsMs]).toEqual(timestampsMs);
  expect([...batch.valueBits]).toEqual(Array.from({ length: timestampsMs.length * 2 }, (_, i) => i + 1));
  expect([...batch.sampleEnd]).toEqual(timestampsMs.map((_, i) => i + 1));
});

test('columns longer than the count are cut, stale markers and many samples survive', () => {
  const bits = Uint32Array.from(Array.from({ length: 9000 }, () => bitsOf(STALE)).flat());
  const ids = new Uint32Array(9000);
  const columns = { sampleCount: 8000, idLow: ids, idHigh: ids, idCheck: ids, timestampsMs: new Float64Array(9000).fill(3), valueBits: bits };
  const batch = decodeRefMessage(encodeRefMessage({ space: SPACE, runs: Uint32Array.of(0, 8000), mix: 0 }, columns));
  expect(batch.sampleCount).toBe(8000);
  expect([batch.sampleEnd.at(-1), batch.timestampsMs.at(-1)]).toEqual([8000, 3]);
  expect([...batch.valueBits.slice(-2)]).toEqual(bitsOf(STALE));
});

test('other messages are none', () => {
  expect(isRefMessage(bareMessage([{ labels: named('m'), samples: [[1, 1]] }]))).toBe(false);
  expect(isRefMessage(new ArrayBuffer(0))).toBe(false);
  expect(isRefMessage(message([1, 1], 1).slice(0, HEADER_BYTES - 1))).toBe(false);
});

test('what no encoder makes is refused', () => {
  // Two runs of timestamps at 40, runs of series at 56, ends at 72, ids at 80.
  const original = (): ArrayBuffer => message([5, 2, BY_ID, 1], 7, 7, 9);
  const bytes = original().byteLength;
  const cases: [string, (view: DataView) => void][] = [
    ['the timestamps end at sample 2 of 3', (view) => (view.setUint32(72, 1, true), view.setUint32(76, 2, true))],
    ['run 0 of timestamps ends at sample 4 of 3', (view) => view.setUint32(72, 4, true)],
    ['run 0 of timestamps ends at sample 0 of 3', (view) => view.setUint32(72, 0, true)],
    ['run 1 of timestamps ends at sample 2 of 3', (view) => view.setUint32(76, 2, true)],
    ['the timestamp NaN of run 0', (view) => view.setFloat64(40, Number.NaN, true)],
    ['the timestamp 0.5 of run 1', (view) => view.setFloat64(48, 0.5, true)],
    ['the timestamp 1e+300 of run 0', (view) => view.setFloat64(40, 1e300, true)],
    ['run 0 of series is empty', (view) => view.setUint32(60, 0, true)],
    ['the runs have 4 series for 3 samples', (view) => view.setUint32(60, 3, true)],
    ['the runs have 4294967297 series for 3 samples', (view) => view.setUint32(68, 0xffffffff, true)],
    ['the runs have 0 series by id, of which there are 1', (view) => view.setUint32(64, 8, true)],
    ['the runs have 3 series by id, of which there are 1', (view) => view.setUint32(56, BY_ID, true)],
    ['the reserved word is not zero', (view) => view.setUint32(36, 1, true)],
    ...[4, 8, 12, 16].map((at): [string, (view: DataView) => void] => [`got ${bytes} bytes, want`, (view) => view.setUint32(at, 0xffffffff, true)]),
  ];
  for (const [reason, change] of cases) {
    const changed = original();
    change(new DataView(changed));
    expect(() => decodeRefMessage(changed), reason).toThrow(DecodeError);
    expect(() => decodeRefMessage(changed), reason).toThrow(reason);
  }
  for (let length = HEADER_BYTES; length < bytes; length++) expect(() => decodeRefMessage(original().slice(0, length)), String(length)).toThrow(DecodeError);
});

test('damaged messages are decoded or refused, nothing else', { timeout: 600_000 }, () => {
  const originals = [message([]), message([3, 3], 1, 1, 2), message([5, 1, BY_ID, 2, 9, 1], 5, 6, 7, 8)].map((bytes) => new Uint8Array(bytes));
  const decode = (bytes: Uint8Array): void => {
    const { buffer } = bytes.slice();
    if (isRefMessage(buffer)) decodeRefMessage(buffer);
  };
  fuzzDecoder(originals, fuzzRounds(50_000), decode, () => originals.forEach(decode));
});
