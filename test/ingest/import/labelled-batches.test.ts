import { describe, expect, test } from 'vitest';
import { LabelledBatches } from '../../../ingest/import/labelled-batches.ts';
import { Rejections } from '../../../ingest/rejections.ts';
import { labelsFrom, type Labels } from '../../../storage/model/labels.ts';
import { float64Bits } from '../../../storage/model/sample.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { ShardRouter, type TenantShards } from '../../../storage/shard-router.ts';
import { SHARD_RPC_VERSION } from '../../../storage/shard/shard-api.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { limitsWith } from '../../fakes/limits-with.ts';
import { MemoryShards } from '../../fakes/memory-shards.ts';
import { dump, type Dump } from '../../storage/shard/store-model.ts';

const NOW_MS = 1_700_000_000_000;

async function open(shardCount = 1, limits: typeof LIMITS = LIMITS) {
  const memory = new MemoryShards(limits);
  const shards: TenantShards = await new ShardRouter(memory, shardCount, new FixedClock(0)).tenant('default');
  const rejections = new Rejections(5);
  const batches = new LabelledBatches({ shards, map: shards.maps[0]!, clock: new FixedClock(NOW_MS), limits, rejections, oldestAgeMs: limits.hotWindowMs });
  const begin = (labels: Labels): void => {
    shards.hasher.hashLabels(labels);
    batches.begin(labels, shards.hasher.words.slice());
  };
  const float = (timestampMs: number, value: number, startMs?: number): void => {
    const [low = 0, high = 0] = float64Bits(value);
    batches.sample(timestampMs, low, high, startMs);
  };
  const stored = (): Dump => memory.shardNames.flatMap((name) => [...dump(memory.storeOf(name))]).sort(([a], [b]) => (a < b ? -1 : 1));
  return { memory, shards, rejections, batches, begin, float, stored };
}

function series(name: string, labels: Readonly<Record<string, string>> = {}): Labels {
  return labelsFrom({ __name__: name, ...labels });
}

describe.each([1, 4])('with %i shards', (shardCount) => {
  test('everything that a series can have arrives, and is counted', async () => {
    const { batches, begin, float, stored, shards, rejections } = await open(shardCount);
    begin(series('e'));
    float(NOW_MS, 1, NOW_MS - 1000);
    float(NOW_MS + 1, 2);
    batches.exemplar(NOW_MS, 0.5, labelsFrom({ trace_id: 'x' }));
    batches.end();
    begin(series('s'));
    batches.sample(NOW_MS, 2, 0x7ff00000);
    batches.end();
    expect(await batches.flush()).toEqual({ samples: 3, histograms: 0, exemplars: 1 });
    expect(rejections.isEmpty).toBe(true);
    expect(stored().map(([name, samples]) => [name, samples.length])).toEqual([['e', 2], ['s', 1]]);
    expect(stored()[0]![1][0]).toContain(` since ${NOW_MS - 1000}`);
    expect(stored()[1]![1]).toEqual([`${NOW_MS}:7ff00000:2`]);
    const answers = await Promise.all(
      Array.from({ length: shardCount }, (_, shard) => shards.call(shard, (stub) => stub.selectExemplars({ version: SHARD_RPC_VERSION, selectors: [[]], startMs: 0, endMs: NOW_MS }))),
    );
    expect(answers.flatMap((answer) => (answer.status === 'exemplars' ? answer.series : []))).toEqual([{ labels: series('e'), exemplars: [{ labels: ['trace_id', 'x'], value: 0.5, timestampMs: NOW_MS }] }]);
  });

  test('more than a batch holds goes out in several, none of it lost, and a door is told to flush', async () => {
    const { batches, begin, float, stored, memory } = await open(shardCount, limitsWith({ batchSamplesMax: 10 }));
    let flushes = 0;
    let samples = 0;
    for (let i = 0; i < 50; i++) {
      begin(series('m', { i: String(i % 7) }));
      for (let j = 0; j < 13; j++) float(NOW_MS - i * 1000 + j, i + j);
      batches.end();
      if (!batches.isLarge) continue;
      flushes++;
      samples += (await batches.flush()).samples;
    }
    samples += (await batches.flush()).samples;
    expect(samples).toBe(50 * 13);
    expect(flushes).toBeGreaterThan(10);
    expect(memory.callsOf('append')).toBeGreaterThan(50);
    expect(stored().reduce((sum, [, ofSeries]) => sum + ofSeries.length, 0)).toBe(50 * 13);
  });
});

test('what is too old or too far ahead is refused and named, the rest is stored', async () => {
  const { batches, begin, float, rejections, stored } = await open();
  begin(series('m', { a: 'b' }));
  float(NOW_MS - LIMITS.hotWindowMs - 1, 1);
  float(NOW_MS + LIMITS.timestampAheadMsMax + 1, 1);
  float(NOW_MS, 1);
  batches.end();
  expect(await batches.flush()).toEqual({ samples: 1, histograms: 0, exemplars: 0 });
  expect([rejections.samples, rejections.kind]).toEqual([2, 'bad-data']);
  expect(rejections.message(1)).toContain('m{a="b"}: too old');
  expect(rejections.message(1)).toContain('timestampAheadMsMax');
  expect(stored()).toEqual([['m{a="b"}', [`${NOW_MS}:3ff00000:0`]]]);
});

test('an exemplar out of bounds is refused and named, and costs nothing else', async () => {
  const { batches, begin, float, rejections, stored } = await open();
  begin(series('m', { a: 'b' }));
  float(NOW_MS, 1);
  for (const timestampMs of [NOW_MS + LIMITS.timestampAheadMsMax + 1, NOW_MS - LIMITS.hotWindowMs - 1, Number.MAX_SAFE_INTEGER, NOW_MS]) batches.exemplar(timestampMs, 1, []);
  batches.end();
  expect(await batches.flush()).toEqual({ samples: 1, histograms: 0, exemplars: 1 });
  expect(rejections.counts).toEqual({ samples: 0, histograms: 0, exemplars: 3 });
  expect(rejections.message(1)).toMatch(/an exemplar: out of bounds: .*an exemplar: too old: .*an exemplar: out of bounds/);
  expect(stored()).toEqual([['m{a="b"}', [`${NOW_MS}:3ff00000:0`]]]);
});

test('exemplars alone can fill a batch, too', async () => {
  const { batches, begin, memory } = await open(1, limitsWith({ batchBytesMax: 2048 }));
  begin(series('m'));
  for (let i = 0; i < 100; i++) batches.exemplar(NOW_MS - i * 1000, i, labelsFrom({ trace_id: `${i}`.padStart(100, '0') }));
  batches.end();
  expect(batches.isLarge).toBe(true);
  expect((await batches.flush()).exemplars).toBe(100);
  expect(memory.callsOf('append')).toBeGreaterThan(5);
});

test('a float that would pass for a histogram is any NaN', async () => {
  const { batches, begin, stored } = await open();
  begin(series('m'));
  batches.sample(NOW_MS, 12345, 0xfffa0000);
  batches.end();
  await batches.flush();
  expect(stored()).toEqual([['m', [`${NOW_MS}:7ff80000:3039`]]]);
});
