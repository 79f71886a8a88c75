import type { MergeReader } from '../archive/merge-codec.ts';
import type { MergeCursor } from '../archive/merge-plan.ts';
import { mergeSeries, type MergedSeries, type SeriesPlace } from '../archive/merge-series.ts';
import { port, PortFailure } from '../archive/port-failure.ts';
import { SamplesFileReader } from '../archive/samples-file-reader.ts';
import { seriesIdBytes } from '../archive/series-id-bytes.ts';
import type { SeriesFile } from '../archive/series-file-writer.ts';
import type { LeaversOf } from '../archive/series-retention.ts';
import type { DataFile } from '../catalog/data-file.ts';
import { ROLLUP_TABLES } from '../catalog/rollup-tables.ts';
import type { Labels } from '../model/labels.ts';
import type { SeriesHasher } from '../model/series-id.ts';
import type { ObjectStore } from '../object-store.ts';
import { must } from '../runtime/assert.ts';
import type { LIMITS } from '../runtime/limits.ts';
import { LruCache } from '../runtime/lru-cache.ts';
import { BucketColumns } from './bucket-columns.ts';
import { BucketFold } from './bucket-fold.ts';
import { foldGroup, inOrderOfTime, joinBuckets, touchesDays, type RollupRows } from './roll-up-series.ts';
import { ALL_BUCKET_PARTS, RollupFileReader } from './rollup-file-reader.ts';
import { RollupFileWriter } from './rollup-file-writer.ts';
import type { RollupPlan } from './rollup-plan.ts';
import { aggregatesOf, type WarmRule } from './tiering-policy.ts';

/** Requests to the object store at a time: an invocation may have six. */
const REQUESTS_AT_ONCE = 6;

type Place = SeriesPlace<RollupRows>;

/** A series with the rows that are read of it. */
interface ReadSeries {
  readonly series: MergedSeries<RollupRows>;
  /** Those of its places that have something for the plan. */
  readonly places: readonly Place[];
  readonly rows: ReadonlyMap<Place, RollupRows>;
}

export interface EncodedRollups {
  readonly file: SeriesFile;
  /** Where the next file begins; `undefined` behind the last series. */
  readonly cursor: MergeCursor | undefined;
  readonly sampleCount: number;
}

export interface RollupEncoderOptions {
  readonly store: ObjectStore;
  readonly limits: typeof LIMITS;
  readonly hasher: SeriesHasher;
  /** Whose roll-ups are not made any more, and of whom there are no samples to make them of. */
  readonly leaversOf: LeaversOf;
}

/** Makes the files of a plan: series by series, with one file of each run open at a time, and a bounded number of rows in memory. */
export class RollupEncoder {
  readonly #options: RollupEncoderOptions;
  /** Directories of files that the next file goes on with. */
  readonly #readers: LruCache<string, MergeReader<RollupRows>>;
  readonly #bucketReaders = new WeakSet<MergeReader<RollupRows>>();

  constructor(options: RollupEncoderOptions) {
    this.#options = options;
    this.#readers = new LruCache(options.limits.archiveTailCacheBytesMax);
  }

  /** The next file; `undefined` when there is nothing left. `runs` are the plan's files of samples, `replaced` those of roll-ups. */
  async encodeNext(plan: RollupPlan, { runs, replaced }: { readonly runs: readonly (readonly DataFile[])[]; readonly replaced: readonly DataFile[] }, cursor: MergeCursor | undefined): Promise<EncodedRollups | undefined> {
    const { limits, hasher, leaversOf } = this.#options;
    const table = must(ROLLUP_TABLES.find(({ name }) => name === plan.table), `a table ${plan.table}`);
    const kept = aggregatesOf(JSON.parse(plan.rules) as WarmRule[], table.resolution);
    const fold = new BucketFold(table.resolutionMs, limits.rollupPercentileSamplesMax, new Set());
    const writer = new RollupFileWriter(limits, { 'varve.shard': plan.shard, 'varve.rollup': plan.id });
    const days = plan.days.map(({ day }) => day);
    const hasLeft = leaversOf(plan.table, plan.partition);
    const daysOf = daysWithSamples(days, leaversOf);
    const made = new BucketColumns();
    let sampleCount = 0;
    for await (const { series, places, rows } of this.#readSeries(mergeSeries([...runs, replaced], (file) => this.#open(file), cursor), days)) {
      const { labels, filePlaces } = series;
      if (hasLeft?.(labels) === true) continue;
      const finish = (): EncodedRollups => ({ file: writer.finish(), cursor: { labels, rowsTaken: 0, places: filePlaces }, sampleCount });
      if (sampleCount >= limits.rollupStepSamplesTarget && writer.rowCount > 0) return finish();
      made.clear();
      const aggregates = kept(labels);
      const own = daysOf(labels);
      if (aggregates !== undefined && own.length > 0) {
        fold.begin(aggregates);
        sampleCount += await this.#fold(places.filter(({ reader }) => !this.#bucketReaders.has(reader)), rows, own, fold, made);
        fold.finish(made);
      }
      const joined = joinBuckets(places.flatMap((place) => rows.get(place)?.buckets ?? []), made, own);
      if (joined.length === 0) continue;
      if (joined.length > writer.room && writer.rowCount > 0) return finish();
      writer.add(labels, seriesIdBytes(hasher, labels), joined);
    }
    return writer.rowCount === 0 ? undefined : { file: writer.finish(), cursor: undefined, sampleCount };
  }

  /** The samples of a series into the fold, in the order of time. Returns how many there were. */
  async #fold(places: readonly Place[], rows: ReadonlyMap<Place, RollupRows>, days: readonly number[], fold: BucketFold, made: BucketColumns): Promise<number> {
    let sampleCount = 0;
    for (const group of inOrderOfTime(places)) {
      // Of a series with more samples than are held at a time they are read here, a group at a time.
      const read = group.every((place) => rows.has(place)) ? rows : await this.#read(group);
      const samples = group.map((place) => must(read.get(place)?.samples, 'samples of a place'));
      foldGroup(samples, days, fold, made);
      sampleCount += samples.reduce((sum, { timestampsMs }) => sum + timestampsMs.length, 0);
    }
    return sampleCount;
  }

  /** Series with their rows, read many at a time; of one that has too many samples only the buckets that are made. */
  async *#readSeries(all: AsyncIterable<MergedSeries<RollupRows>>, days: readonly number[]): AsyncGenerator<ReadSeries> {
    const rowsMax = this.#options.limits.archiveMergeRowsTarget;
    let batch: { readonly series: MergedSeries<RollupRows>; readonly places: readonly Place[] }[] = [];
    let batchRows = 0;
    for await (const series of all) {
      const places = series.places.filter((place) => this.#bucketReaders.has(place.reader) || touchesDays(place, days));
      if (places.length === 0) continue;
      const rowCount = places.reduce((sum, { entry }) => sum + entry.rowCount, 0);
      if (batch.length > 0 && batchRows + rowCount > rowsMax) {
        yield* await this.#readBatch(batch);
        batch = [];
        batchRows = 0;
      }
      if (rowCount > rowsMax) {
        yield { series, places, rows: await this.#read(places.filter(({ reader }) => this.#bucketReaders.has(reader))) };
        continue;
      }
      batch.push({ series, places });
      batchRows += rowCount;
    }
    if (batch.length > 0) yield* await this.#readBatch(batch);
  }

  async #readBatch(batch: readonly Omit<ReadSeries, 'rows'>[]): Promise<ReadSeries[]> {
    const rows = await this.#read(batch.flatMap(({ places }) => places));
    return batch.map((each) => ({ ...each, rows }));
  }

  /** The rows of places: each file is asked once. */
  async #read(places: readonly Place[]): Promise<Map<Place, RollupRows>> {
    const rows = new Map<Place, RollupRows>();
    const byReader = new Map<MergeReader<RollupRows>, Place[]>();
    for (const place of places) {
      const known = byReader.get(place.reader);
      if (known === undefined) byReader.set(place.reader, [place]);
      else known.push(place);
    }
    const wanted = [...byReader];
    for (let start = 0; start < wanted.length; start += REQUESTS_AT_ONCE) {
      await Promise.all(
        wanted.slice(start, start + REQUESTS_AT_ONCE).map(async ([reader, own]) => {
          const read = await port(() => reader.read(own.map(({ entry }) => entry)));
          own.forEach((place, i) => rows.set(place, read[i]!));
        }),
      );
    }
    return rows;
  }

  async #open(file: DataFile): Promise<MergeReader<RollupRows>> {
    const known = this.#readers.get(file.key);
    if (known !== undefined) return known;
    const reader = await port(() => (file.table === 'samples' ? this.#openSamples(file) : this.#openBuckets(file)));
    if (reader.rowCount !== file.rowCount) throw new PortFailure(`${file.key} has ${reader.rowCount} rows, the catalog says ${file.rowCount}`);
    this.#readers.set(file.key, reader, file.tailBytes);
    return reader;
  }

  async #openSamples(file: DataFile): Promise<MergeReader<RollupRows>> {
    const reader = await SamplesFileReader.open(this.#options.store, file);
    return { rowCount: reader.rowCount, series: () => reader.series(), read: async (entries) => (await reader.read(entries)).map((samples) => ({ samples })) };
  }

  async #openBuckets(file: DataFile): Promise<MergeReader<RollupRows>> {
    const inner = await RollupFileReader.open(this.#options.store, file);
    const reader: MergeReader<RollupRows> = {
      rowCount: inner.rowCount,
      series: () => inner.series(),
      read: async (entries) => (await inner.read(entries, ALL_BUCKET_PARTS)).map((buckets) => ({ buckets })),
    };
    this.#bucketReaders.add(reader);
    return reader;
  }
}

/** Of some days those that a series has all its samples of: where they have left, what was made of them stays as it is. */
function daysWithSamples(days: readonly number[], leaversOf: LeaversOf): (labels: Labels) => readonly number[] {
  const tests = days.map((day) => ({ day, hasLeft: leaversOf('samples', day) }));
  if (tests.every(({ hasLeft }) => hasLeft === undefined)) return () => days;
  return (labels) => tests.filter(({ hasLeft }) => hasLeft?.(labels) !== true).map(({ day }) => day);
}
