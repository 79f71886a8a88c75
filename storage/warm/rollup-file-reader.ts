import type { SeriesEntry } from '../archive/files/series-directory.ts';
import { SeriesFileReader, type DecodedPages, type PageDecoder, type SeriesFileRef } from '../archive/files/series-file-reader.ts';
import { readBytesPage, readLongPage, readOptionalTimestampPage, readTimestampPage, readValuePage, type NumberPage } from '../archive/parquet/page-reader.ts';
import { HISTOGRAM_BITS_HIGH } from '../model/sample.ts';
import type { ObjectStore } from '../object-store.ts';
import { BucketColumns } from './bucket-columns.ts';
import { ROLLUP_FIELD, ROLLUP_NUMBERS, ROLLUP_SCHEMA, rollupColumnOf, type RollupNumber } from './rollup-schema.ts';

/** What a reader may ask of buckets beside start and count, which always come. */
export type BucketPart = RollupNumber | 'firstMs' | 'lastMs' | 'sketch' | 'staleCount' | 'histogramCount';

export const ALL_BUCKET_PARTS: readonly BucketPart[] = [...ROLLUP_NUMBERS, 'firstMs', 'lastMs', 'sketch', 'staleCount', 'histogramCount'];

const START = rollupColumnOf(ROLLUP_FIELD.timestamp);
const COUNT = rollupColumnOf(ROLLUP_FIELD.count);
const COLUMN_OF: Readonly<Record<BucketPart, number>> = {
  ...(Object.fromEntries(ROLLUP_NUMBERS.map((name) => [name, rollupColumnOf(ROLLUP_FIELD[name])])) as Record<RollupNumber, number>),
  firstMs: rollupColumnOf(ROLLUP_FIELD.firstTimestamp),
  lastMs: rollupColumnOf(ROLLUP_FIELD.lastTimestamp),
  sketch: rollupColumnOf(ROLLUP_FIELD.sketch),
  staleCount: rollupColumnOf(ROLLUP_FIELD.staleCount),
  histogramCount: rollupColumnOf(ROLLUP_FIELD.histogramCount),
};

/** Fourteen numbers, and the object that a sketch is. */
const BUCKET_BYTES = 14 * 8 + 100;

/** Reads buckets out of a file of roll-ups. */
export class RollupFileReader {
  readonly #file: SeriesFileReader;

  private constructor(file: SeriesFileReader) {
    this.#file = file;
  }

  static async open(store: ObjectStore, ref: SeriesFileRef): Promise<RollupFileReader> {
    return new RollupFileReader(await SeriesFileReader.open(store, ref, ROLLUP_SCHEMA));
  }

  get rowCount(): number {
    return this.#file.rowCount;
  }

  /** The series of the file, in order; their times are starts of buckets. */
  series(): Generator<SeriesEntry> {
    return this.#file.series();
  }

  /** About how much memory all parts of the buckets of a series take. */
  bytesOf(entry: SeriesEntry): number {
    return entry.rowCount * BUCKET_BYTES + this.#file.plainBytes(entry, COLUMN_OF.sketch);
  }

  /**
   * The buckets of some of the file's series, in the order given. Parts that are not asked for are missing from them. Rows of neighbours
   * share pages, so ask for many at a time. `onFetch` hears of each request.
   */
  async read(entries: readonly SeriesEntry[], parts: readonly BucketPart[], onFetch?: (bytes: number) => void): Promise<BucketColumns[]> {
    const columns = [START, COUNT, ...parts.map((part) => COLUMN_OF[part])];
    const pages = await this.#file.readPages(entries, { columnsOf: () => columns, decoderOf, onFetch });
    return this.#file.named(() => entries.map((entry) => this.#assemble(entry, parts, pages)));
  }

  #assemble(entry: SeriesEntry, parts: readonly BucketPart[], pages: DecodedPages): BucketColumns {
    const buckets = new BucketColumns(entry.rowCount);
    buckets.length = entry.rowCount;
    const wanted = new Set(parts);
    for (const name of ROLLUP_NUMBERS) if (!wanted.has(name)) fillMissing(buckets.numbers[name].bits);
    if (!wanted.has('firstMs')) buckets.firstMs.fill(NaN);
    if (!wanted.has('lastMs')) buckets.lastMs.fill(NaN);
    let at = 0;
    for (const { group, start, end } of this.#file.stretches(entry)) {
      const copy = (column: number, into: Float64Array): void =>
        pages.copy(group, column, start, end, (page: Float64Array, from, to, offset) => into.set(page.subarray(from, to), at + offset));
      copy(START, buckets.startMs);
      copy(COUNT, buckets.count);
      for (const part of parts) {
        const column = COLUMN_OF[part];
        if (part === 'firstMs' || part === 'lastMs' || part === 'staleCount' || part === 'histogramCount') copy(column, buckets[part]);
        else if (part === 'sketch') {
          pages.copy(group, column, start, end, (page: readonly (Uint8Array | undefined)[], from, to, offset) => {
            for (let row = from; row < to; row++) buckets.sketches[at + offset + row - from] = page[row];
          });
        } else {
          const { bits } = buckets.numbers[part];
          pages.copy(group, column, start, end, (page: NumberPage, from, to, offset) => {
            bits.set(page.bits.subarray(from * 2, to * 2), (at + offset) * 2);
            for (let row = from; page.isDefined !== undefined && row < to; row++) if (page.isDefined[row] === 0) bits[(at + offset + row - from) * 2 + 1] = HISTOGRAM_BITS_HIGH;
          });
        }
      }
      at += end - start;
    }
    return buckets;
  }
}

function fillMissing(bits: Uint32Array): void {
  for (let i = 1; i < bits.length; i += 2) bits[i] = HISTOGRAM_BITS_HIGH;
}

function decoderOf(column: number): PageDecoder {
  switch (column) {
    case START:
      return readTimestampPage;
    case COUNT:
    case COLUMN_OF.staleCount:
    case COLUMN_OF.histogramCount:
      return readLongPage;
    case COLUMN_OF.firstMs:
    case COLUMN_OF.lastMs:
      return readOptionalTimestampPage;
    case COLUMN_OF.sketch:
      return readBytesPage;
    default:
      return readValuePage;
  }
}
