import { expect, test } from 'vitest';
import { NO_PAYLOADS } from '../../../../storage/chunk/index.ts';
import { LIMITS } from '../../../../storage/runtime/limits.ts';
import type { BatchSamples } from '../../../../storage/shard/append/append-message.ts';
import { DeltaSums } from '../../../../storage/shard/append/delta-sums.ts';
import { REFUSED_REF } from '../../../../storage/shard/append/resolve-series.ts';
import { TakenSamples, type TakeContext } from '../../../../storage/shard/append/taken-samples.ts';
import { HotStore } from '../../../../storage/shard/hot-store.ts';
import { LogHead } from '../../../../storage/shard/log/log-head.ts';
import { NodeSql } from '../../../fakes/node-sql.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';
import { fullMessage, named } from '../batches.ts';

const SERIES = 6;

function randomBatch(random: SeededRandom, newestMs: number): { readonly batch: BatchSamples; readonly refs: Uint32Array } {
  const seriesCount = random.between(1, 5);
  const isOneEach = !random.oneIn(4);
  const sampleEnd = new Uint32Array(seriesCount);
  for (let i = 0, end = 0; i < seriesCount; i++) sampleEnd[i] = end += isOneEach ? 1 : random.below(3);
  const sampleCount = sampleEnd[seriesCount - 1]!;
  return {
    refs: Uint32Array.from({ length: seriesCount }, () => (random.oneIn(20) ? REFUSED_REF : random.below(SERIES))),
    batch: {
      seriesCount,
      sampleCount,
      sampleEnd,
      timestampsMs: Float64Array.from({ length: sampleCount }, () => newestMs - (random.oneIn(4) ? random.below(3) : 0)),
      valueBits: Uint32Array.from({ length: sampleCount * 2 }, (_, word) => (word % 2 === 0 ? random.below(2) : 0)),
      payloads: NO_PAYLOADS,
      startsMs: random.oneIn(5) ? Float64Array.from({ length: sampleCount }, () => random.below(2)) : undefined,
      isDelta: undefined,
    },
  };
}

function columnsOf({ sampleCount, refs, timestampsMs, valueBits, startsMs }: TakenSamples): unknown {
  return [refs.slice(0, sampleCount), timestampsMs.slice(0, sampleCount), valueBits.slice(0, sampleCount * 2), startsMs?.slice(0, sampleCount)];
}

test('a batch that is newer throughout is taken as one would be that is looked at sample by sample', () => {
  const seen = { whole: 0, refused: 0, old: 0, again: 0 };
  for (let seed = 1; seed <= 300; seed++) {
    const random = new SeededRandom(seed);
    const head = new LogHead(10_000);
    head.reserveSeries(SERIES);
    const context: TakeContext = { head, floorMs: random.below(12), deltas: new DeltaSums({ newestMs: () => -Infinity, lastAt: () => undefined, from: () => ({ samples: [], untilMs: Infinity }) }, LIMITS) };
    const [taken, oneByOne] = [new TakenSamples(), new TakenSamples()];
    for (let step = 0; step < 30; step++) {
      const { batch, refs } = randomBatch(random, step);
      const outcome = taken.take(batch, refs, context);
      // No series of it is one of differences, which has to be looked at.
      expect(outcome).toEqual(oneByOne.take({ ...batch, isDelta: new Uint32Array(batch.seriesCount) }, refs, context));
      expect(columnsOf(taken), `seed ${seed}, step ${step}`).toEqual(columnsOf(oneByOne));
      if (outcome.refusedWithSeries.samples > 0) seen.refused++;
      else if (outcome.refusedByAge.samples > 0) seen.old++;
      else if (outcome.taken < batch.sampleCount) seen.again++;
      else seen.whole++;
      if (!random.oneIn(2)) continue;
      head.append(taken);
      taken.clear();
      oneByOne.clear();
    }
  }
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(100);
});

test('nothing is taken below the floor, also of series that are new or were not seen since waking', () => {
  const sql = new NodeSql();
  const store = new HotStore(sql);
  store.append(fullMessage([{ labels: named('a'), samples: [[200, 1]] }]));
  store.prune(100);
  const tooOld = { status: 'stored', samplesStored: 1, refusals: [{ kind: 'bad-data', samples: 1 }] };
  const batch = (name: string): ArrayBuffer => fullMessage([{ labels: named(name), samples: [[99, 1]] }, { labels: named('c'), samples: [[100, 1]] }]);
  expect(store.append(batch('b'))).toMatchObject(tooOld);
  store.seal();
  const woken = new HotStore(new NodeSql(sql.database));
  expect(woken.append(batch('a'))).toMatchObject(tooOld);
});
