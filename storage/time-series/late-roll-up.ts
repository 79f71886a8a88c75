import { dayOf } from '../catalog/iceberg/data-file.ts';
import { LIMITS } from '../runtime/limits.ts';
import type { LocalSeries } from '../shard/append/local-batch.ts';
import { BucketFold } from './bucket-fold.ts';
import { bucketStart, BucketStream } from './bucket-stream.ts';
import { rawCursor, rolledUpCursor } from './key-cursors.ts';
import { roleOf } from './keys.ts';
import type { LateValues } from './late-values.ts';
import type { ArchiveSettings } from './options.ts';
import { isPendingRead, results, type PendingRead } from './pending-read.ts';
import { rollupKey, withKnown, type RollupBatch } from './roll-up-key.ts';
import type { StoreEngine } from './store-engine.ts';

/** Batches that one step looks at, whose keys it does not know before. */
const BATCHES_PER_STEP = 1024;

/** Buckets of a key and a day that late values belong to. */
interface KeyDay {
  readonly key: string;
  readonly buckets: Set<number>;
}

/**
 * How far late values have been rolled up: only those up to `through` move into files. Roll-ups of their windows were made when those were
 * closed, and without them they would be missing when raw values are past their retention. Forgotten with the engine's memory, and then done
 * again, which writes nothing that is there.
 */
export class LateRollups {
  readonly #late: LateValues;
  readonly #rollup: NonNullable<ArchiveSettings['rollup']>;
  /** Sequence of the newest batch whose buckets are all rolled up. */
  through = 0;
  /** Of those that come next: keys and days that are done. */
  #done = 0;

  constructor(late: LateValues, rollup: NonNullable<ArchiveSettings['rollup']>) {
    this.#late = late;
    this.#rollup = rollup;
  }

  get isBehind(): boolean {
    return this.#late.sampleCount > 0 && this.#late.lastSequence > this.through;
  }

  /** Rolls some of the buckets up; throws when their values are not to be had. What comes meanwhile has its turn later. */
  async step(engine: StoreEngine): Promise<void> {
    const { through, keyDays } = this.#next();
    const some = keyDays.slice(this.#done, this.#done + LIMITS.storeLateRollupDaysMax);
    const series: LocalSeries[] = [];
    for (const keyDay of some) series.push(...(await rollUpKeyDay(engine, keyDay, this.#rollup)));
    this.#done += some.length;
    const isAll = this.#done >= keyDays.length && this.#late.lastSequence === through;
    // Late values themselves, and of equal times behind the roll-ups that moved with their windows.
    if (series.length > 0) engine.write(({ archive }) => archive!.putLate(series));
    // Roll-ups have none: where nothing else has come, they go along.
    if (this.#done >= keyDays.length) this.passOver(isAll ? this.#late.lastSequence : through);
  }

  /** Leaves out what cannot be rolled up: the values are there, and only roll-ups of them are not. */
  passOver(through = this.#next().through): void {
    this.through = through;
    this.#done = 0;
  }

  /** What the next steps are about: the same, until it is done. */
  #next(): { readonly through: number; readonly keyDays: readonly KeyDay[] } {
    const keyDays = new Map<string, KeyDay>();
    let { through } = this;
    for (let batches = 0; batches < BATCHES_PER_STEP && keyDays.size < LIMITS.storeLateRollupDaysMax; batches++) {
      const change = this.#late.changeBehind(through);
      if (change === undefined) return { through: batches === 0 ? this.#late.lastSequence : through, keyDays: [...keyDays.values()] };
      through = change.sequence;
      for (const { labels, timestampsMs } of change.series) {
        const { key, rollup } = roleOf(labels);
        if (rollup === undefined) for (const timeMs of timestampsMs) noteBucket(keyDays, key, bucketStart(timeMs, this.#rollup.bucketMs));
      }
    }
    return { through, keyDays: [...keyDays.values()] };
  }
}

function noteBucket(keyDays: Map<string, KeyDay>, key: string, bucketMs: number): void {
  const name = `${dayOf(bucketMs)} ${key}`;
  let keyDay = keyDays.get(name);
  if (keyDay === undefined) keyDays.set(name, (keyDay = { key, buckets: new Set() }));
  keyDay.buckets.add(bucketMs);
}

async function rollUpKeyDay(engine: StoreEngine, { key, buckets }: KeyDay, { bucketMs, aggregates }: NonNullable<ArchiveSettings['rollup']>): Promise<LocalSeries[]> {
  let startMs = Infinity;
  let endMs = -Infinity;
  for (const bucket of buckets) {
    startMs = Math.min(startMs, bucket);
    endMs = Math.max(endMs, bucket + bucketMs - 1);
  }
  const there = engine.rollupsOf(key).find(({ widthMs }) => widthMs === bucketMs);
  const names = withKnown(aggregates, there?.aggregates);
  const newFold = (): BucketFold => new BucketFold(names, LIMITS.aggregateBucketSamplesMax);
  const fold = newFold();
  const range = { key, startMs, endMs };
  const raw = rawCursor(engine, range);
  const all = new BucketStream({ raw, rolledUp: [], startMs, endMs, bucketMs }, fold, newFold).starts();
  const known = there && rolledUpCursor(engine, range, bucketMs, there.aggregates);
  const series: LocalSeries[] = [];
  for await (const batch of results<RollupBatch>(rollupKey({ key, starts: only(all, buckets), fold, known, bucketMs, aggregates: names, onlyKnown: false }))) series.push(...batch.series);
  return series;
}

function* only(starts: Iterable<number | PendingRead>, buckets: ReadonlySet<number>): Generator<number | PendingRead> {
  for (const item of starts) if (isPendingRead(item) || buckets.has(item)) yield item;
}
