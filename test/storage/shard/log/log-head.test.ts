import { expect, test } from 'vitest';
import { LogHead, NO_ENTRY } from '../../../../storage/shard/log/log-head.ts';
import { readLog } from '../../../../storage/shard/log/read-log.ts';
import { SampleRun } from '../../../../storage/shard/run/sample-run.ts';

function append(head: LogHead, ...samples: (readonly [ref: number, timestampMs: number, low: number, high: number])[]): void {
  head.append({
    refs: Uint32Array.from(samples, ([ref]) => ref),
    timestampsMs: Float64Array.from(samples, ([, timestampMs]) => timestampMs),
    valueBits: Uint32Array.from(samples.flatMap(([, , low, high]) => [low, high])),
    sampleCount: samples.length,
  });
}

function entriesOf(head: LogHead, ref: number, startMs = -Infinity, endMs = Infinity): string[] {
  const run = new SampleRun();
  readLog(head, ref, startMs, endMs, run);
  return Array.from({ length: run.length }, (_, i) => `${run.timestampsMs[i]}:${run.bits[i * 2]}`);
}

test('the entries of one series, in the order of acceptance, with bounds included', () => {
  const head = new LogHead(10);
  append(head, [0, 10, 1, 0], [1, 10, 2, 0], [0, 30, 3, 0]);
  append(head, [0, 20, 4, 0], [1, 5, 5, 0], [0, 20, 6, 0]);
  expect(entriesOf(head, 0)).toEqual(['10:1', '30:3', '20:4', '20:6']);
  expect(entriesOf(head, 1)).toEqual(['10:2', '5:5']);
  expect(entriesOf(head, 0, 10, 20)).toEqual(['10:1', '20:4', '20:6']);
  expect(entriesOf(head, 0, 11, 19)).toEqual([]);
  expect([head.count, head.free]).toEqual([6, 4]);
});

test('knows what was sent again: only the newest entry, bit for bit', () => {
  const head = new LogHead(10);
  append(head, [0, 10, 1, 7], [0, 20, 2, 7]);
  expect(head.endsWith(0, 20, 2, 7, undefined, 0)).toBe(true);
  for (const [timestampMs, low, high] of [[10, 1, 7], [20, 2, 8], [20, 3, 7], [21, 2, 7]] as const) expect(head.endsWith(0, timestampMs, low, high, undefined, 0)).toBe(false);
  expect(head.endsWith(1, 20, 2, 7, undefined, 0)).toBe(false);
});

test('forgets entries after a seal', () => {
  const head = new LogHead(4);
  append(head, [0, 20, 1, 0], [0, 10, 1, 0]);
  head.clear();
  expect([head.count, head.free, head.lastEntryOf(0)]).toEqual([0, 4, NO_ENTRY]);
  append(head, [0, 5, 9, 0]);
  expect(entriesOf(head, 0)).toEqual(['5:9']);
});

test('makes room for more entries without losing what it has, up to its capacity', () => {
  const head = new LogHead(50_000);
  const batch = (fromMs: number, startsMs?: Float64Array): void =>
    head.append({ refs: new Uint32Array(10_000), timestampsMs: Float64Array.from({ length: 10_000 }, (_, i) => fromMs + i), valueBits: Uint32Array.from({ length: 20_000 }, (_, i) => (i % 2 === 0 ? fromMs + i / 2 : 0)), sampleCount: 10_000, ...(startsMs === undefined ? {} : { startsMs }) });
  const roomAtFirst = head.refs.length;
  expect(roomAtFirst).toBeLessThan(20_000);
  batch(0, new Float64Array(10_000).fill(7));
  for (let i = 1; i < 5; i++) batch(i * 10_000);
  expect([head.count, head.free, head.refs.length]).toEqual([50_000, 0, 50_000]);
  expect(entriesOf(head, 0)).toEqual(Array.from({ length: 50_000 }, (_, i) => `${i}:${i}`));
  expect([0, 9_999, 10_000, 49_999].map((entry) => head.startsMs![entry])).toEqual([7, 7, 0, 0]);
  expect(() => batch(50_000)).toThrow('60000 entries in a log for 50000');
  // What has come once may come again.
  head.clear();
  expect([head.count, head.refs.length]).toEqual([0, 50_000]);
});

test('makes room for more series without losing what it has', () => {
  const head = new LogHead(10);
  append(head, [1023, 1, 1, 0]);
  head.reserveSeries(100_000);
  append(head, [1023, 2, 2, 0], [99_999, 3, 3, 0]);
  expect(entriesOf(head, 1023)).toEqual(['1:1', '2:2']);
  expect(entriesOf(head, 99_999)).toEqual(['3:3']);
  expect(head.lastEntryOf(50_000)).toBe(NO_ENTRY);
});

test('a run settles: in order of time, the last accepted of each timestamp', () => {
  const head = new LogHead(10);
  append(head, [0, 30, 1, 0], [0, 10, 2, 0], [0, 30, 3, 0], [0, 20, 4, 0], [0, 10, 5, 0]);
  const run = new SampleRun();
  readLog(head, 0, -Infinity, Infinity, run);
  run.settle();
  expect(Array.from({ length: run.length }, (_, i) => `${run.timestampsMs[i]}:${run.bits[i * 2]}`)).toEqual(['10:5', '20:4', '30:3']);
});
