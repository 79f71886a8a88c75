import { describe, expect, test } from 'vitest';
import { CATALOG_RPC_VERSION } from '../../../storage/catalog/catalog-api.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { LateBatchWriter, type LateSeries } from '../../../storage/shard/late/late-batch.ts';
import { groupedByDays } from '../../../storage/shard/late/late-days.ts';
import { limitsWith } from '../../fakes/limits-with.ts';
import { ImportStack, NOW_MS } from '../../ingest/import/import-stack.ts';
import { FlushWorld, HOUR_MS, seriesOf, START_MS } from './flush/flush-world.ts';

/* Late samples become a file for each day that they are of: a sender who has each on another day makes no more of them than limits say. */

const DAY_MS = 24 * HOUR_MS;

function lateSeries(name: string, timesMs: readonly number[]): LateSeries {
  const values = Float64Array.from(timesMs, (_, i) => i);
  return { labels: ['__name__', name], timestampsMs: Float64Array.from(timesMs), valueBits: new Uint32Array(values.buffer), startsMs: Float64Array.from(timesMs, (timeMs) => timeMs - 5) };
}

describe('groups of so many days', () => {
  test('have all samples once, with what belongs to each, in the order in which they came', () => {
    const random = Array.from({ length: 500 }, (_, i) => ((i * 7919) % 97) * DAY_MS - 40 * DAY_MS + (i % 3) * HOUR_MS);
    const series = [lateSeries('a', random), lateSeries('b', random.slice(0, 50).reverse())];
    const groups = groupedByDays(series, 10);
    expect(groups).toHaveLength(10);
    for (const group of groups) expect(new Set(group.flatMap(({ timestampsMs }) => Array.from(timestampsMs, (timeMs) => Math.floor(timeMs / DAY_MS)))).size).toBeLessThanOrEqual(10);
    const lines = (some: readonly LateSeries[]): string[] =>
      some.flatMap(({ labels, timestampsMs, valueBits, startsMs }) => Array.from(timestampsMs, (timeMs, i) => `${labels[1]} ${timeMs} ${new Float64Array(valueBits.buffer)[i]} ${startsMs[i]}`));
    expect(lines(groups.flat()).sort()).toEqual(lines(series).sort());
    const ofOneTime = (some: readonly LateSeries[]): string[] => lines(some).filter((line) => line.startsWith(`a ${random[0]} `));
    expect(ofOneTime(groups.flat())).toEqual(ofOneTime(series));
    expect(ofOneTime(series).length).toBeGreaterThan(1);
  });

  test('of few days are what came', () => {
    const series = [lateSeries('a', [1, 2, 3])];
    expect(groupedByDays(series, 1)).toEqual([series]);
    expect(groupedByDays([], 1)).toEqual([]);
  });
});

test('a batch of more days is refused by the shard, with the limit', () => {
  const world = new FlushWorld({ archiveLateDaysMax: 3 });
  const writer = new LateBatchWriter();
  writer.add(lateSeries('a', [0, DAY_MS, 2 * DAY_MS, 3 * DAY_MS]));
  expect(world.hot.late.append(writer.finish())).toMatchObject({ status: 'refused', isFull: false, message: 'a batch of old samples is of 4 days, the limit archiveLateDaysMax is 3' });
});

test('a flush makes no more files than days are allowed, and all samples are read in the end', { timeout: 60_000 }, async () => {
  const world = new FlushWorld({ archiveLateDaysMax: 16 });
  const commits: number[] = [];
  for (let batch = 0; batch < 12; batch++) {
    world.writeLate(seriesOf(1), Array.from({ length: 16 }, (_, i) => START_MS - 90 * DAY_MS - (batch * 16 + i) * 40 * DAY_MS), (series, timeMs) => series + timeMs);
  }
  world.commitTimeMs = () => {
    commits.push(world.files.files({ version: CATALOG_RPC_VERSION, startMs: -1e15, endMs: 1e15, after: undefined }).files.length);
    return 0;
  };
  world.write(seriesOf(1), [START_MS], () => 1);
  world.clock.advance(3 * DAY_MS);
  await world.settle();
  expect(await world.readAll()).toEqual([...world.acknowledged].sort());
  expect(commits.length).toBeGreaterThanOrEqual(12);
  for (const [i, count] of commits.entries()) if (i > 0) expect(count - commits[i - 1]!).toBeLessThanOrEqual(16);
});

describe('a sender of a million samples, each of another day', () => {
  function* body(): Generator<string> {
    for (let from = 0; from < 1_000_000; from += 5000) yield `${Array.from({ length: 5000 }, (_, i) => `nonsense 1 ${NOW_MS - 3 * DAY_MS - (from + i) * DAY_MS}`).join('\n')}\n`;
  }

  test('is told which are too old, and for the rest there are as many files as days are kept', { timeout: 120_000 }, async () => {
    const stack = new ImportStack({ keptMsOf: () => 365 * DAY_MS });
    const outcome = await stack.text([...body()].join(''));
    expect(outcome.lateSamples + outcome.stored.samples).toBe(365 - 2);
    expect(outcome.rejections.samples).toBe(1_000_000 - (365 - 2));
    expect(outcome.rejections.message(0)).toContain('VARVE_ARCHIVE_RETENTION');
  });

  test('where all is kept, none of its batches is of more days than a flush may take', { timeout: 120_000 }, async () => {
    const stack = new ImportStack({ limits: limitsWith({ importBodyBytesMax: LIMITS.importBodyBytesMax }) });
    const outcome = await stack.text([...body()].slice(0, 20).join(''));
    // A few days of 1970 in milliseconds are taken for seconds of today, some of which are still to come.
    expect(outcome.lateSamples + outcome.stored.samples + outcome.rejections.samples).toBe(100_000);
    expect(outcome.lateSamples).toBeGreaterThan(99_900);
    const { late } = stack.shards.storeOf(stack.shards.shardNames[0]!);
    const heads = late.waiting(Infinity, Infinity);
    expect(heads.length).toBeGreaterThanOrEqual(99_900 / LIMITS.archiveLateDaysMax);
    for (const { sequence } of heads) {
      const days = new Set<number>();
      late.read(sequence, ({ timestampsMs }) => timestampsMs.forEach((timeMs) => days.add(Math.floor(timeMs / DAY_MS))));
      expect(days.size).toBeLessThanOrEqual(LIMITS.archiveLateDaysMax);
    }
  });
});
