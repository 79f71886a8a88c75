import type { QuantileSketch } from '../model/quantile-sketch.ts';
import { assert } from '../runtime/assert.ts';
import { HOUR_MS } from '../runtime/units.ts';
import type { LocalSeries } from '../shard/append/local-batch.ts';
import { isPercentile, NUMBERS, type Aggregate } from './aggregate.ts';
import type { BucketFold, RolledUp } from './bucket-fold.ts';
import { bucketStart } from './bucket-stream.ts';
import { rollupLabels } from './keys.ts';
import { isPendingRead, type PendingRead } from './pending-read.ts';
import type { RolledUpCursor } from './rolled-up-cursor.ts';
import { SKETCH_ENTRIES, SKETCH_SIZE, sketchEntries } from './sketch-samples.ts';

/** The hours of a key are told apart: each is a partition of its change events. This many samples are a batch in any case. */
export const PARTITION_MS = HOUR_MS;
const BATCH_SAMPLES_MAX = 16 * 1024;

export interface RollupBatch {
  readonly series: readonly LocalSeries[];
  readonly samples: number;
  readonly buckets: number;
  /** Raw points behind them. */
  readonly points: number;
}

interface RollupInput {
  readonly key: string;
  /** The buckets' starts, and what has to be read on the way to them; `fold` has each one's figures in its turn. */
  readonly starts: Iterable<number | PendingRead>;
  readonly fold: BucketFold;
  /** What there is of this width already. */
  readonly known: RolledUpCursor | undefined;
  readonly bucketMs: number;
  readonly aggregates: readonly Aggregate[];
  /** Whether only buckets are made anew that there are of this width. */
  readonly onlyKnown: boolean;
}

/**
 * Rolls one key up, a batch at a time; in between is what has to be read. A bucket is left as it is when it was made from more points than can be found now: some have been
 * removed since. One with the same number is made anew if it differs, since a point may have been overwritten.
 */
export function* rollupKey({ key, starts, fold, known, bucketMs, aggregates, onlyKnown }: RollupInput): Generator<RollupBatch | PendingRead> {
  let batch = new BatchColumns(key, bucketMs);
  let partition = NaN;
  for (const startMs of starts) {
    if (isPendingRead(startMs)) {
      yield startMs;
      continue;
    }
    const before = known === undefined ? undefined : yield* bucketAt(known, startMs);
    if (before === undefined ? onlyKnown : before.get('count')! > fold.count || isSame(before, fold, aggregates)) continue;
    const bucketPartition = bucketStart(startMs, PARTITION_MS);
    if (batch.samples > 0 && (bucketPartition !== partition || batch.samples >= BATCH_SAMPLES_MAX)) {
      yield batch.finish();
      batch = new BatchColumns(key, bucketMs);
    }
    partition = bucketPartition;
    batch.add(startMs, fold, aggregates, before?.has(NUMBERS) ?? false);
  }
  if (batch.samples > 0) yield batch.finish();
}

/** What is rolled up, and what is there of it: a bucket that is made anew must not have some figures of what it was before. */
export function withKnown(aggregates: readonly Aggregate[], there: readonly string[] = []): Aggregate[] {
  const known = there.filter((name) => name !== 'count' && name !== NUMBERS && name !== SKETCH_SIZE && name !== SKETCH_ENTRIES);
  return [...new Set([...aggregates, ...(known as Aggregate[])])];
}

function* bucketAt(cursor: RolledUpCursor, startMs: number): Generator<PendingRead, RolledUp | undefined> {
  yield* cursor.skipTo(startMs);
  return cursor.startMs === startMs ? yield* cursor.bucket() : undefined;
}

/** Whether a roll-up says already what would be written. */
function isSame(before: RolledUp, fold: BucketFold, aggregates: readonly Aggregate[]): boolean {
  if (before.get('count') !== fold.count || (before.get(NUMBERS) ?? fold.count) !== fold.numbers) return false;
  if (aggregates.some(isPercentile) && fold.numbers > 0 && before.sketch === undefined && fold.sketch() !== undefined) return false;
  return fold.numbers === 0 || aggregates.every((name) => !fold.knows(name) || (before.has(name) && (!fold.isExact(name) || Object.is(before.get(name), fold.result(name)))));
}

class BatchColumns {
  readonly #key: string;
  readonly #bucketMs: number;
  readonly #columns = new Map<string, { readonly timestampsMs: number[]; readonly values: number[] }>();
  samples = 0;
  #buckets = 0;
  #points = 0;

  constructor(key: string, bucketMs: number) {
    this.#key = key;
    this.#bucketMs = bucketMs;
  }

  /** `hadNumbers`: an earlier roll-up of the bucket said how many points were numbers, which must not stay as it was. */
  add(startMs: number, fold: BucketFold, aggregates: readonly Aggregate[], hadNumbers: boolean): void {
    this.#buckets++;
    this.#points += fold.count;
    this.#put('count', startMs, fold.count);
    if (hadNumbers || fold.numbers !== fold.count) this.#put(NUMBERS, startMs, fold.numbers);
    if (fold.numbers === 0) return;
    for (const name of aggregates) {
      if (name !== 'count' && fold.knows(name)) this.#put(name, startMs, fold.result(name));
    }
    const sketch = fold.sketch();
    if (sketch !== undefined) this.#putSketch(startMs, sketch);
  }

  #putSketch(startMs: number, sketch: QuantileSketch): void {
    const entries = sketchEntries(sketch);
    assert(entries.length <= this.#bucketMs, 'a bucket with more values than milliseconds');
    this.#put(SKETCH_SIZE, startMs, entries.length);
    entries.forEach((entry, i) => this.#put(SKETCH_ENTRIES, startMs + i, entry));
  }

  finish(): RollupBatch {
    const series = [...this.#columns].map(([name, { timestampsMs, values }]) => ({
      labels: rollupLabels(this.#key, this.#bucketMs, name),
      timestampsMs,
      values: Float64Array.from(values),
    }));
    return { series, samples: this.samples, buckets: this.#buckets, points: this.#points };
  }

  #put(name: string, timestampMs: number, value: number): void {
    let column = this.#columns.get(name);
    if (column === undefined) this.#columns.set(name, (column = { timestampsMs: [], values: [] }));
    column.timestampsMs.push(timestampMs);
    column.values.push(value);
    this.samples++;
  }
}
