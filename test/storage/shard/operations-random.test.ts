import { describe, expect, test } from 'vitest';
import { decodeHistogram } from '../../../storage/chunk/index.ts';
import type { Labels } from '../../../storage/model/labels.ts';
import { SeriesHasher } from '../../../storage/model/series-id.ts';
import { HotStore } from '../../../storage/shard/hot-store.ts';
import { payloadOf } from '../../../storage/shard/run/payloads.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { limitsWith } from '../../fakes/limits-with.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { randomExponential, seededRandom } from '../model/random-histogram.ts';
import { bitsOf, fullMessage, named, STALE, type SeriesId, type TestBatch, type TestValue } from './batches.ts';
import { dump, histogramText, sampleText, StoreModel, type Dump } from './store-model.ts';

/*
 * All that can happen to a store, in any order, against the naive model: batches in and out of order, redelivery, seal, waking anew, prune,
 * keeping the newest, snapshot, restore, maintenance; and every way to read it.
 */
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
const ROUNDS = Number(process.env['STORE_ROUNDS'] ?? 25);
const STEPS = 80;

const LIMITS = limitsWith({
  logEntriesMax: 120,
  batchSamplesMax: 60,
  walSlotsMax: 12,
  sealStepSamples: 40,
  segmentRowBytesTarget: 300,
  segmentFrameBytesTarget: 100,
  selectPageBytesTarget: 800,
  seriesBlockBytesTarget: 200,
  mergeFanIn: 3,
  mergeSamplesMax: 600,
  mergeStepSamples: 7,
  refRunsInMemoryMax: 2,
  openSegmentBytesMax: 2000,
  openColumnSamplesMax: 50,
});

const VALUES: readonly TestValue[] = [0, -0, 1, 2.5, -7, Infinity, 1e300, 0.1 + 0.2];
const histogramSeed = seededRandom(5);
const VALUES_OF_ALL_KINDS = [...VALUES, STALE, ...Array.from({ length: 8 }, () => randomExponential(histogramSeed))] as const;
const SERIES = Array.from({ length: 12 }, (_, i) => named(i % 2 === 0 ? 'even' : 'odd', { i: String(i) }));
const RETENTION_MS = 400;

/** Series that always get samples, and some that only live for a while. */
function pickSeries(random: SeededRandom, aroundMs: number): readonly string[] {
  return random.oneIn(3) ? named('pod', { i: `pod-${Math.floor(aroundMs / 300)}-${random.below(4)}` }) : random.pick(SERIES);
}

function randomBatch(random: SeededRandom, aroundMs: number): TestBatch {
  const values = random.oneIn(2) ? VALUES : VALUES_OF_ALL_KINDS;
  const starts = random.oneIn(3) ? [0, 7, 1000] : [0];
  return Array.from({ length: random.between(1, 6) }, () => ({
    labels: pickSeries(random, aroundMs),
    samples: Array.from({ length: random.between(1, 7) }, () => [aroundMs + random.below(60) * 10 - 300, random.oneIn(3) ? random.uint32() / 7 : random.pick(values), random.pick(starts)] as const),
  }));
}

/** Local samples are numbers; what has histograms or start timestamps comes as over RPC, under the ids that the store itself gives. */
function append(store: HotStore, sql: NodeSql, batch: TestBatch): void {
  const isLocal = batch.every(({ samples }) => samples.every(([, value, startMs = 0]) => typeof value === 'number' && startMs === 0));
  if (!isLocal) {
    store.refOf(named('any'));
    const hasher = new SeriesHasher(new Uint8Array(sql.all<{ local_hash_key: ArrayBuffer }>('SELECT local_hash_key FROM shard_state')[0]!.local_hash_key));
    const idOfLabels = (labels: Labels): SeriesId => {
      hasher.hashLabels(labels);
      return [...hasher.words] as unknown as SeriesId;
    };
    expect(store.append(fullMessage(batch, idOfLabels)).status).toBe('stored');
    return;
  }
  store.appendLocal(
    batch.map(({ labels, samples }) => ({
      labels,
      timestampsMs: samples.map(([timestampMs]) => timestampMs),
      values: samples.map(([, value]) => value as number),
    })),
  );
}

/** A series read page by page. */
function readAll(store: HotStore, labels: readonly string[], startMs: number, endMs: number, samplesMax: number): string[] {
  const samples: string[] = [];
  const ref = store.refOf(labels);
  if (ref === undefined) return samples;
  for (let fromMs: number | undefined = startMs; fromMs !== undefined; ) {
    const page = store.readSeries(ref, fromMs, endMs, samplesMax);
    if (page.timestampsMs.length > samplesMax) throw new Error(`a page of ${page.timestampsMs.length}`);
    page.timestampsMs.forEach((timestampMs, i) => {
      const histogram = payloadOf(page.valueBits, i, page.payloads);
      const startMs = page.startsMs?.[i];
      samples.push(histogram === undefined ? sampleText(timestampMs, page.valueBits[i * 2]!, page.valueBits[i * 2 + 1]!, startMs) : histogramText(timestampMs, decodeHistogram(histogram), startMs));
    });
    if (page.nextStartMs !== undefined && page.nextStartMs <= fromMs) throw new Error('a page that does not go on');
    fromMs = page.nextStartMs;
  }
  return samples;
}

function compareReads(store: HotStore, model: StoreModel, random: SeededRandom, aroundMs: number, where: string): void {
  const labels = pickSeries(random, aroundMs);
  const startMs = aroundMs + random.below(80) * 10 - 400;
  const endMs = startMs + random.below(80) * 10;
  const expected = model.dump({ startMs, endMs, matchers: [{ name: 'i', type: '=', value: labels[labels.indexOf('i') + 1]! }] });
  expect(readAll(store, labels, startMs, endMs, random.pick([1, 3, 1000])), where).toEqual(expected[0]?.[1] ?? []);
  const ref = store.refOf(labels);
  const timeMs = random.oneIn(3) ? Infinity : startMs + random.below(10);
  const last = ref === undefined ? undefined : store.lastSampleAt(ref, timeMs);
  const text = last?.payload === undefined ? last && sampleText(last.timestampMs, last.bitsLow, last.bitsHigh, last.startMs) : histogramText(last.timestampMs, decodeHistogram(last.payload), last.startMs);
  expect(text, `${where}, at ${timeMs}`).toEqual(model.lastAt(labels, timeMs));
  if (last !== undefined && last.payload === undefined) expect([...bitsOf(last.value)]).toEqual([last.bitsLow, last.bitsHigh]);
}

/** How often what may come to nothing has changed something, in all rounds. */
const seen = new Map<string, number>();

function count(what: string): void {
  seen.set(what, (seen.get(what) ?? 0) + 1);
}

describe('whatever happens, the store is its model', () => {
  test.each(Array.from({ length: ROUNDS }, (_, round) => round))('round %i', (round) => {
    const random = new SeededRandom(SEED * 1000 + round);
    const sql = new NodeSql();
    const clock = new FixedClock(1000);
    const open = (): HotStore => new HotStore(new NodeSql(sql.database), LIMITS, { random, clock, retentionMs: RETENTION_MS });
    let store = open();
    let model = new StoreModel();
    let aroundMs = 1000;
    const snapshots = new Map<string, { model: StoreModel; dump: Dump }>();
    for (let step = 0; step < STEPS; step++) {
      const where = `seed ${SEED}, round ${round}, step ${step}`;
      const passedMs = random.below(40);
      aroundMs += passedMs;
      clock.advance(passedMs);
      switch (random.below(20)) {
        case 0:
          store = open();
          break;
        case 1:
        case 2:
          store.seal();
          break;
        case 3: {
          const beforeMs = aroundMs + random.below(60) * 10 - 500;
          // Samples that two seals hold count twice, so the count is at least the model's.
          const removed = model.prune(beforeMs);
          expect(store.prune(beforeMs), where).toBeGreaterThanOrEqual(removed);
          if (removed > 0) count('prune');
          break;
        }
        case 4: {
          if (!random.oneIn(3)) break;
          const maxVersionsPerKey = random.between(1, 20);
          const removed = model.keepNewest(maxVersionsPerKey);
          expect(store.compact({ maxVersionsPerKey }), where).toBeGreaterThanOrEqual(removed);
          if (removed > 0) count('compact');
          break;
        }
        case 5:
          snapshots.set(store.createSnapshot(), { model: model.clone(), dump: dump(store) });
          break;
        case 6: {
          if (snapshots.size === 0) break;
          const id = random.pick([...snapshots.keys()]);
          store.restoreSnapshot(id);
          model = snapshots.get(id)!.model.clone();
          expect(dump(store), where).toEqual(snapshots.get(id)!.dump);
          count('restore');
          break;
        }
        case 7: {
          if (snapshots.size === 0) break;
          const id = random.pick([...snapshots.keys()]);
          store.deleteSnapshot(id);
          snapshots.delete(id);
          expect(() => store.restoreSnapshot(id)).toThrow('there is no snapshot');
          break;
        }
        case 8:
        case 9: {
          const before = store.stats().counters;
          for (let steps = 0; (store.nextDueMs() ?? Infinity) <= clock.nowMs(); steps++) {
            store.maintain();
            if (steps > 100) throw new Error('maintenance that does not end');
          }
          const after = store.stats().counters;
          if (after['merges_total']! > before['merges_total']!) count('merge');
          if (after['series_removed_total']! > before['series_removed_total']!) count('churn');
          if (store.floorMs > -Infinity && model.prune(store.floorMs) > 0) count('expire');
          break;
        }
        default: {
          const batch = randomBatch(random, aroundMs);
          append(store, sql, batch);
          model.apply(batch);
          if (random.oneIn(4)) append(store, sql, batch);
        }
      }
      expect(dump(store), where).toEqual(model.dump());
      for (let i = 0; i < 3; i++) compareReads(store, model, random, aroundMs, where);
      expect(store.listSnapshots()).toEqual([...snapshots.keys()]);
    }
    // What nothing holds any more is not stored.
    for (const id of store.listSnapshots()) store.deleteSnapshot(id);
    store.prune(Infinity);
    expect(store.stats().gauges).toMatchObject({ series: 0, segments: 0, log_entries: 0 });
    expect(sql.all('SELECT first_ref FROM series_block')).toEqual([]);
    expect(store.nextDueMs()).toBe(undefined);
    expect(sql.all('SELECT segment FROM segment UNION ALL SELECT segment FROM segment_refs')).toEqual([]);
  });

  test('and in those rounds everything has happened', () => {
    for (const what of ['prune', 'compact', 'restore', 'merge', 'churn', 'expire']) expect(seen.get(what) ?? 0, what).toBeGreaterThan(ROUNDS / 3);
  });
});
