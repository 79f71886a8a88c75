import { TIMESTAMP_MS_MAX } from '../chunk/timestamps.ts';
import { VarveError } from '../runtime/errors.ts';
import { LIMITS } from '../runtime/limits.ts';
import type { LocalSeries } from '../shard/append/local-batch.ts';
import { isPercentile, NUMBERS, type Aggregate } from './aggregate.ts';
import { BucketFold } from './bucket-fold.ts';
import { bucketStart, BucketStream } from './bucket-stream.ts';
import { keyLabels, rollupLabels } from './keys.ts';
import { resultsAtOnce } from './pending-read.ts';
import { RolledUpCursor } from './rolled-up-cursor.ts';
import { rollupKey, withKnown, type RollupBatch } from './rollup-run.ts';
import { SeriesCursor } from './series-cursor.ts';
import { SKETCH_ENTRIES, SKETCH_SIZE } from './sketch-samples.ts';
import type { StoreEngine } from './store-engine.ts';

export interface RollupSummary {
  /** Keys that had anything new to roll up. */
  readonly keys: number;
  readonly buckets: number;
  /** Raw points behind the buckets. */
  readonly points: number;
}

interface RollupPlan {
  /** Whole buckets from this on are rolled up; all that can be, unless given. */
  readonly fromMs?: number;
  /** Whole buckets before this are rolled up. */
  readonly beforeMs: number;
  readonly bucketMs: number;
  readonly aggregates: readonly Aggregate[];
}

/** Samples of roll-ups written in one transaction, of as many keys as it takes. */
const WRITE_SAMPLES_TARGET = 16 * 1024;

/** Rolls up the raw values of all keys, some in each transaction. Stopped half-way, it goes on where it was when run again. */
export function rollUpStore(engine: StoreEngine, { fromMs = -Infinity, beforeMs, bucketMs, aggregates }: RollupPlan): RollupSummary {
  const endMs = bucketStart(beforeMs, bucketMs);
  // A bucket that has been pruned or archived in part could only be rolled up wrongly, and nothing is taken that old.
  const floorMs = Math.max(
    fromMs,
    engine.read(({ hot }) => hot.archive.writeFloorMs),
  );
  const startMs = floorMs === -Infinity ? -TIMESTAMP_MS_MAX : Math.ceil(floorMs / bucketMs) * bucketMs;
  const summary = { keys: 0, buckets: 0, points: 0 };
  let pending: LocalSeries[] = [];
  let pendingSamples = 0;
  const flush = (): void => {
    const series = pending;
    pending = [];
    pendingSamples = 0;
    if (series.length > 0) writeRollups(engine, series);
  };
  const put = (batch: RollupBatch): void => {
    pending.push(...batch.series);
    pendingSamples += batch.samples;
    if (pendingSamples >= WRITE_SAMPLES_TARGET) flush();
  };
  for (const key of engine.hotKeys()) {
    // Narrower buckets count before wide ones that are made of as many points, so they must not be older: a value may have been overwritten since.
    for (const { widthMs } of engine.rollupsOf(key)) {
      if (widthMs >= bucketMs || bucketMs % widthMs !== 0) continue;
      for (const batch of rollUpKey(engine, key, { startMs, endMs, bucketMs: widthMs, aggregates: [], onlyKnown: true })) put(batch);
    }
    let buckets = 0;
    for (const batch of rollUpKey(engine, key, { startMs, endMs, bucketMs, aggregates, onlyKnown: false })) {
      put(batch);
      buckets += batch.buckets;
      summary.points += batch.points;
    }
    summary.buckets += buckets;
    if (buckets > 0) summary.keys++;
  }
  flush();
  return summary;
}

interface KeyPlan {
  /** Whole buckets from this to before `endMs` (Unix ms). */
  readonly startMs: number;
  readonly endMs: number;
  readonly bucketMs: number;
  /** Beside those that the key has of this width. */
  readonly aggregates: readonly Aggregate[];
  /** Whether only buckets are made that there are. */
  readonly onlyKnown: boolean;
}

/** What is new or has changed of a key's roll-ups of one width, in batches. */
function rollUpKey(engine: StoreEngine, key: string, { startMs, endMs, bucketMs, aggregates, onlyKnown }: KeyPlan): Iterable<RollupBatch> {
  const there = engine.rollupsOf(key).find((rollup) => rollup.widthMs === bucketMs);
  const names = withKnown(aggregates, there?.aggregates);
  const newFold = (): BucketFold => new BucketFold(names, LIMITS.aggregateBucketSamplesMax);
  const fold = newFold();
  const raw = rawCursor(engine, key, startMs, endMs - 1);
  // Where raw values are gone, their narrower roll-ups know.
  const rolledUp = rolledUpCursors(engine, key, bucketMs, names, startMs, endMs - 1).filter(({ widthMs }) => widthMs < bucketMs);
  const starts = new BucketStream({ raw, rolledUp, startMs, endMs: endMs - 1, bucketMs }, fold, newFold).starts();
  const known = there === undefined ? undefined : rolledUpCursor(engine, key, bucketMs, there.aggregates, startMs, endMs - 1);
  return resultsAtOnce<RollupBatch>(rollupKey({ key, starts, fold, known, bucketMs, aggregates: names, onlyKnown }));
}

function writeRollups(engine: StoreEngine, series: readonly LocalSeries[]): void {
  engine.write(({ hot }) => {
    const answer = hot.appendLocal(series);
    if (answer.samplesRefused > 0) throw new VarveError('limit', answer.refusal ?? 'samples of a roll-up were refused');
  });
}

export function rawCursor(engine: StoreEngine, key: string, startMs: number, endMs: number): SeriesCursor {
  const labels = keyLabels(key);
  return new SeriesCursor((fromMs, toMs, samplesMax) => engine.readPage(labels, fromMs, toMs, samplesMax), startMs, endMs, LIMITS.storePageSamples);
}

/**
 * The roll-ups of a key that buckets of a width can be made from, widest first. Also those that lack an aggregate which is asked for: where
 * they are all that is left, the answer is an error, and not one that leaves their points out.
 */
export function rolledUpCursors(engine: StoreEngine, key: string, bucketMs: number, aggregates: readonly Aggregate[], startMs: number, endMs: number): RolledUpCursor[] {
  const needed = new Set<string>([...aggregates, NUMBERS]);
  if (needed.has('sum') || needed.has('avg')) needed.add('sum').add('avg');
  if (aggregates.some(isPercentile)) needed.add(SKETCH_SIZE);
  const cursors: RolledUpCursor[] = [];
  let narrowerMs = 1;
  for (const { widthMs, aggregates: there } of engine.rollupsOf(key).reverse()) {
    if (bucketMs % widthMs !== 0 || widthMs % narrowerMs !== 0) continue;
    cursors.unshift(rolledUpCursor(engine, key, widthMs, there.filter((name) => needed.has(name)), startMs, endMs));
    narrowerMs = widthMs;
  }
  return cursors;
}

export function rolledUpCursor(engine: StoreEngine, key: string, widthMs: number, aggregates: readonly string[], startMs: number, endMs: number): RolledUpCursor {
  const cursorOf = (name: string, toMs = endMs): SeriesCursor => {
    const labels = rollupLabels(key, widthMs, name);
    return new SeriesCursor((fromMs, throughMs, samplesMax) => engine.readPage(labels, fromMs, throughMs, samplesMax), startMs, toMs, LIMITS.storePageSamples);
  };
  const others = aggregates.filter((name) => name !== 'count' && name !== SKETCH_SIZE && name !== SKETCH_ENTRIES).map((name) => [name, cursorOf(name)] as const);
  // The entries of a bucket that begins within the range lie behind its start.
  const sketches = aggregates.includes(SKETCH_SIZE) ? { sizes: cursorOf(SKETCH_SIZE), entries: cursorOf(SKETCH_ENTRIES, endMs + widthMs) } : undefined;
  return new RolledUpCursor(widthMs, cursorOf('count'), new Map(others), sketches);
}
