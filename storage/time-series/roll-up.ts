import { TIMESTAMP_MS_MAX } from '../chunk/timestamps.ts';
import { VarveError } from '../runtime/errors.ts';
import { LIMITS } from '../runtime/limits.ts';
import type { LocalSeries } from '../shard/append/local-batch.ts';
import type { Aggregate } from './aggregate.ts';
import { BucketFold } from './bucket-fold.ts';
import { bucketStart, BucketStream } from './bucket-stream.ts';
import { rawCursor, rolledUpCursor, rolledUpCursors } from './key-cursors.ts';
import { resultsAtOnce } from './pending-read.ts';
import { rollupKey, withKnown, type RollupBatch } from './roll-up-key.ts';
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
  const range = { key, startMs, endMs: endMs - 1 };
  const raw = rawCursor(engine, range);
  // Where raw values are gone, their narrower roll-ups know.
  const rolledUp = rolledUpCursors(engine, range, bucketMs, names).filter(({ widthMs }) => widthMs < bucketMs);
  const starts = new BucketStream({ raw, rolledUp, startMs, endMs: endMs - 1, bucketMs }, fold, newFold).starts();
  const known = there === undefined ? undefined : rolledUpCursor(engine, range, bucketMs, there.aggregates);
  return resultsAtOnce<RollupBatch>(rollupKey({ key, starts, fold, known, bucketMs, aggregates: names, onlyKnown }));
}

function writeRollups(engine: StoreEngine, series: readonly LocalSeries[]): void {
  engine.write(({ hot }) => {
    const answer = hot.appendLocal(series);
    if (answer.samplesRefused > 0) throw new VarveError('limit', answer.refusal ?? 'samples of a roll-up were refused');
  });
}
