import { expect, test } from 'vitest';
import { LogHead } from '../../../storage/shard/log-head.ts';
import { LogTails } from '../../../storage/shard/log-tails.ts';
import type { Part } from '../../../storage/shard/piece.ts';
import { SampleRun } from '../../../storage/shard/sample-run.ts';
import { readLog } from '../../../storage/shard/read-log.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';

const SERIES = 5;

function samplesOf(part: Part | undefined): string[] {
  if (part === undefined) return [];
  const { timestampsMs, bits, from, to } = part;
  return Array.from({ length: to - from }, (_, i) => `${timestampsMs[from + i]}:${bits[(from + i) * 2]}:${bits[(from + i) * 2 + 1]}`);
}

function append(head: LogHead, refs: readonly number[], timestampsMs: readonly number[], bits: readonly number[]): void {
  head.append({ refs: Uint32Array.from(refs), timestampsMs: Float64Array.from(timestampsMs), valueBits: Uint32Array.from(bits), sampleCount: refs.length });
}

function expected(head: LogHead, ref: number, startMs: number, endMs: number): string[] {
  const run = new SampleRun();
  readLog(head, ref, startMs, endMs, run);
  run.settle();
  return samplesOf({ timestampsMs: run.timestampsMs, bits: run.bits, payloads: [], startsMs: undefined, from: 0, to: run.length, hasStale: false });
}

/** Appends, reads and seals in any order, and asks for the same as the log itself gives. */
function compare(seed: number, samplesMax: number, isInOrder: boolean): void {
  const random = new SeededRandom(seed);
  const head = new LogHead(1000);
  const tails = new LogTails(head, samplesMax);
  let timeMs = 0;
  for (let step = 0; step < 1000; step++) {
    if (random.oneIn(100) || head.free === 0) head.clear();
    timeMs += 10;
    const sampleMs = isInOrder ? timeMs : timeMs - random.below(30);
    append(head, [random.below(SERIES)], [sampleMs], [random.below(1000), random.below(1000)]);
    const ref = random.below(SERIES);
    const startMs = timeMs - random.below(1000);
    const endMs = startMs + random.below(1000);
    expect(samplesOf(tails.read(ref, startMs, endMs))).toEqual(expected(head, ref, startMs, endMs));
  }
}

test('gives what the log gives, in whatever order samples come', () => {
  for (let seed = 1; seed <= 3; seed++) {
    compare(seed, 10_000, true);
    compare(seed, 10_000, false);
  }
});

test('two parts with the same array have the same timestamps in it, also of series that are not remembered', () => {
  const head = new LogHead(100);
  const tails = new LogTails(head, 0);
  append(head, [0, 1], [10, 11], [1, 1, 2, 2]);
  const parts = [tails.read(0, 0, 100)!, tails.read(1, 0, 100)!];
  expect(parts.map(samplesOf)).toEqual([['10:1:1'], ['11:2:2']]);
});

test('also when there is no room for all', () => {
  for (const samplesMax of [0, 20, 60]) compare(7, samplesMax, true);
});

test('says where stale markers may be', () => {
  const head = new LogHead(10);
  const tails = new LogTails(head, 100);
  append(head, [0, 1], [1, 1], [1, 2, 2, 0x7ff00000]);
  expect([tails.read(0, 0, 9)?.hasStale, tails.read(1, 0, 9)?.hasStale, tails.read(2, 0, 9)]).toEqual([false, true, undefined]);
  append(head, [0], [2], [2, 0x7ff00000]);
  expect(tails.read(0, 0, 9)?.hasStale).toBe(true);
});
