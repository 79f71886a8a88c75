import { expect, test } from 'vitest';
import { LogHead } from '../../../../storage/shard/log/log-head.ts';
import { LogTails } from '../../../../storage/shard/log/log-tails.ts';
import { readLog } from '../../../../storage/shard/log/read-log.ts';
import type { Part } from '../../../../storage/shard/run/piece.ts';
import { SampleRun } from '../../../../storage/shard/run/sample-run.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';

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
    const first = random.below(SERIES);
    // Now and then two are scraped together, which may then share timestamps, for a while.
    const refs = random.oneIn(3) ? [first, (first + 1) % SERIES] : [first];
    if (head.free < refs.length) head.clear();
    append(head, refs, refs.map(() => sampleMs), refs.flatMap(() => [random.below(1000), random.below(1000)]));
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

test('series that were scraped together share their timestamps as far as they are the same', () => {
  const head = new LogHead(100);
  const tails = new LogTails(head, 10_000);
  /** Where in memory its timestamps begin. */
  const placeOf = (ref: number): number => {
    const { timestampsMs, from } = tails.read(ref, 0, 1000)!;
    return timestampsMs.byteOffset + from * 8;
  };
  const expectAll = (...refs: readonly number[]): void => {
    for (const ref of refs) expect(samplesOf(tails.read(ref, 0, 1000)), `series ${ref}`).toEqual(expected(head, ref, 0, 1000));
  };
  const scrape = (refs: readonly number[], timeMs: number): void => append(head, refs, refs.map(() => timeMs), refs.flatMap((ref) => [ref, timeMs]));
  for (const timeMs of [10, 20, 30]) scrape([0, 1, 2], timeMs);
  expect([placeOf(1), placeOf(2)]).toEqual([placeOf(0), placeOf(0)]);
  // 1 goes its own way, 2 stays behind for a while, and each still has what the log has of it.
  scrape([0], 40);
  scrape([1], 41);
  expectAll(0, 1, 2);
  expect([placeOf(1) === placeOf(0), placeOf(2) === placeOf(0)]).toEqual([false, true]);
  scrape([2], 42);
  scrape([0, 1], 50);
  expectAll(2, 1, 0);
  // More than there is room for where they are.
  for (let timeMs = 60; timeMs < 200; timeMs += 10) scrape([0, 3], timeMs);
  expectAll(3, 0, 1, 2);
  head.clear();
  scrape([2, 1, 0], 500);
  expectAll(0, 1, 2, 3);
  expect(placeOf(2)).toBe(placeOf(0));
});

test('what they share is room for more', () => {
  const rememberedOf = (isTogether: boolean): number => {
    const head = new LogHead(1000);
    for (let i = 0; i < 40; i++) for (let ref = 0; ref < 20; ref++) append(head, [ref], [i * 100 + (isTogether ? 0 : ref)], [ref, i]);
    const tails = new LogTails(head, 500);
    // What is not remembered is read anew, into arrays of its own.
    const firsts = Array.from({ length: 20 }, (_, ref) => tails.read(ref, 0, 10_000)!);
    for (const [ref, part] of firsts.entries()) expect(samplesOf(part)).toEqual(expected(head, ref, 0, 10_000));
    return firsts.filter(({ timestampsMs, to }) => timestampsMs.length !== to).length;
  };
  expect(rememberedOf(false)).toBeLessThan(13);
  expect(rememberedOf(true)).toBeGreaterThan(16);
});

test('one whose timestamps are others takes no room in the column but its own', () => {
  const head = new LogHead(100);
  const tails = new LogTails(head, 10_000);
  for (let i = 0; i < 10; i++) append(head, [0], [i * 10], [0, i]);
  for (let i = 0; i < 30; i++) append(head, [1], [i * 10 + 1], [1, i]);
  const [first, second] = [tails.read(0, 0, 1000)!, tails.read(1, 0, 1000)!];
  expect([samplesOf(first), samplesOf(second)]).toEqual([expected(head, 0, 0, 1000), expected(head, 1, 0, 1000)]);
  const placeOf = ({ timestampsMs, from }: Part): number => timestampsMs.byteOffset / 8 + from;
  expect(placeOf(second) - placeOf(first)).toBeLessThan(30);
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
