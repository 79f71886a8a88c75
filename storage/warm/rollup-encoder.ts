import { SamplesFileReader } from '../archive/files/samples-file-reader.ts';
import type { SeriesFile } from '../archive/files/series-file-writer.ts';
import { seriesIdBytes } from '../archive/files/series-id-bytes.ts';
import type { MergeReader } from '../archive/rewrite/merge-codec.ts';
import type { MergeCursor } from '../archive/rewrite/merge-plan.ts';
import { MergeReaders } from '../archive/rewrite/merge-readers.ts';
import { mergeSeries, type MergedSeries, type SeriesPlace } from '../archive/rewrite/merge-series.ts';
import { readInBatches, readPlaces } from '../archive/rewrite/series-batches.ts';
import { readPieces } from '../archive/rewrite/series-pieces.ts';
import type { LeaversOf } from '../archive/series-retention.ts';
import type { DataFile } from '../catalog/iceberg/data-file.ts';
import { ROLLUP_TABLES } from '../catalog/iceberg/rollup-tables.ts';
import type { Labels } from '../model/labels.ts';
import type { SeriesHasher } from '../model/series-id.ts';
import type { ObjectStore } from '../object-store.ts';
import { must } from '../runtime/assert.ts';
import type { LIMITS } from '../runtime/limits.ts';
import { port } from '../runtime/port-failure.ts';
import type { RunSource } from '../shard/run/sample-run.ts';
import { BucketColumns } from './bucket-columns.ts';
import { BucketFold } from './bucket-fold.ts';
import { foldGroup, inOrderOfTime, joinBuckets, touchesDays, type RollupRows } from './roll-up-series.ts';
import { ALL_BUCKET_PARTS, RollupFileReader } from './rollup-file-reader.ts';
import { RollupFileWriter } from './rollup-file-writer.ts';
import type { RollupPlan } from './rollup-plan.ts';
import { aggregatesOf, type WarmRule } from './tiering-policy.ts';

type Place = SeriesPlace<RollupRows>;

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
  readonly #readers: MergeReaders<RollupRows>;
  readonly #bucketReaders = new WeakSet<MergeReader<RollupRows>>();

  constructor(options: RollupEncoderOptions) {
    this.#options = options;
    this.#readers = new MergeReaders(options.limits.archiveTailCacheBytesMax);
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
    const all = touching(mergeSeries([...runs, replaced], (file) => this.#open(file), cursor), (place) => this.#hasBuckets(place) || touchesDays(place, days));
    for await (const { series, rows } of readInBatches(all, limits, true)) {
      const { labels, filePlaces, places } = series;
      if (hasLeft?.(labels) === true) continue;
      const finish = (): EncodedRollups => ({ file: writer.finish(), cursor: { labels, rowsTaken: 0, places: filePlaces }, sampleCount });
      if (sampleCount >= limits.rollupStepSamplesTarget && writer.rowCount > 0) return finish();
      made.clear();
      const aggregates = kept(labels);
      const own = daysOf(labels);
      if (aggregates !== undefined && own.length > 0) {
        fold.begin(aggregates);
        for await (const samples of rows === undefined ? this.#pieces(places) : groupsOf(places, rows)) {
          foldGroup(samples, own, fold, made);
          sampleCount += samples.reduce((sum, { timestampsMs }) => sum + timestampsMs.length, 0);
        }
        fold.finish(made);
      }
      const before = rows ?? (await readPlaces(places.filter((place) => this.#hasBuckets(place))));
      const joined = joinBuckets(before.flatMap(({ buckets }) => buckets ?? []), made, own);
      if (joined.length === 0) continue;
      if (joined.length > writer.room && writer.rowCount > 0) return finish();
      writer.add(labels, seriesIdBytes(hasher, labels), joined);
    }
    return writer.rowCount === 0 ? undefined : { file: writer.finish(), cursor: undefined, sampleCount };
  }

  /** The samples of a series that has too many to be held at a time. */
  async *#pieces(places: readonly Place[]): AsyncGenerator<readonly RunSource[]> {
    const own = places.filter((place) => !this.#hasBuckets(place));
    const read = async ({ reader, entry }: Place, from: number, to: number): Promise<RunSource> => {
      const { samples } = await port(() => must(reader.readPart, 'parts').call(reader, entry, from, to));
      return must(samples, 'samples of a place');
    };
    for await (const piece of readPieces(own, this.#options.limits, read)) yield [piece];
  }

  #hasBuckets({ reader }: Place): boolean {
    return this.#bucketReaders.has(reader);
  }

  #open(file: DataFile): Promise<MergeReader<RollupRows>> {
    return this.#readers.open(file, () => (file.table === 'samples' ? this.#openSamples(file) : this.#openBuckets(file)));
  }

  async #openSamples(file: DataFile): Promise<MergeReader<RollupRows>> {
    const reader = await SamplesFileReader.openWithoutPayloads(this.#options.store, file);
    return {
      rowCount: reader.rowCount,
      series: () => reader.series(),
      bytesOf: (entry) => reader.bytesOf(entry),
      read: async (entries) => (await reader.read(entries)).map((samples) => ({ samples })),
      readPart: async (entry, from, to) => ({ samples: await reader.readPart(entry, from, to) }),
    };
  }

  async #openBuckets(file: DataFile): Promise<MergeReader<RollupRows>> {
    const inner = await RollupFileReader.open(this.#options.store, file);
    const reader: MergeReader<RollupRows> = {
      rowCount: inner.rowCount,
      series: () => inner.series(),
      bytesOf: (entry) => inner.bytesOf(entry),
      read: async (entries) => (await inner.read(entries, ALL_BUCKET_PARTS)).map((buckets) => ({ buckets })),
    };
    this.#bucketReaders.add(reader);
    return reader;
  }
}

/** Series with those of their places that have something for the plan. */
async function* touching(all: AsyncIterable<MergedSeries<RollupRows>>, isWanted: (place: Place) => boolean): AsyncGenerator<MergedSeries<RollupRows>> {
  for await (const series of all) {
    const places = series.places.filter(isWanted);
    if (places.length > 0) yield { ...series, places, rowCount: places.reduce((sum, { entry }) => sum + entry.rowCount, 0) };
  }
}

/** The samples of a series, in groups that follow each other in time. */
function groupsOf(places: readonly Place[], rows: readonly RollupRows[]): (readonly RunSource[])[] {
  const samplesOf = new Map(places.flatMap((place, i) => (rows[i]!.samples === undefined ? [] : [[place, rows[i]!.samples] as const])));
  return inOrderOfTime([...samplesOf.keys()]).map((group) => group.map((place) => samplesOf.get(place)!));
}

/** Of some days those that a series has all its samples of: where they have left, what was made of them stays as it is. */
function daysWithSamples(days: readonly number[], leaversOf: LeaversOf): (labels: Labels) => readonly number[] {
  const tests = days.map((day) => ({ day, hasLeft: leaversOf('samples', day) }));
  if (tests.every(({ hasLeft }) => hasLeft === undefined)) return () => days;
  return (labels) => tests.filter(({ hasLeft }) => hasLeft?.(labels) !== true).map(({ day }) => day);
}
