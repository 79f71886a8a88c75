import { DecodeError } from '../../proto/decode-error.ts';
import { HISTOGRAM_BITS_HIGH } from '../model/sample.ts';
import type { ObjectStore } from '../object-store.ts';
import { NO_PAYLOADS } from '../chunk/index.ts';
import type { RunSource } from '../shard/sample-run.ts';
import { pageRowCount, readHistogramPage, readStartPage, readTimestampPage, readValuePage, type NumberPage } from './page-reader.ts';
import { PARQUET_MAGIC, PARQUET_TAIL_BYTES, readFooter, readOffsetIndex, type Footer, type PageLocation } from './parquet-footer.ts';
import { FIELD, LEAVES } from './samples-schema.ts';
import { DIRECTORY_KEY } from './samples-file-writer.ts';
import { readSeriesDirectory, type SeriesEntry } from './series-directory.ts';

/** Pages so close to each other are fetched as one: a request costs more than reading on. */
const GAP_BYTES_MAX = 64 * 1024;

/** An object that is a file of samples, as the catalog knows it. */
export interface SamplesFileRef {
  readonly key: string;
  readonly sizeBytes: number;
  /** What stands behind the last row group. */
  readonly tailBytes: number;
}

const COLUMN = {
  timestamp: LEAVES.findIndex(({ fieldId }) => fieldId === FIELD.timestamp),
  value: LEAVES.findIndex(({ fieldId }) => fieldId === FIELD.value),
  histogram: LEAVES.findIndex(({ fieldId }) => fieldId === FIELD.histogram),
  startTimestamp: LEAVES.findIndex(({ fieldId }) => fieldId === FIELD.startTimestamp),
} as const;

/** A stretch of the file that is wanted. */
interface WantedPage {
  readonly group: number;
  readonly column: number;
  readonly page: number;
  readonly location: PageLocation;
}

/**
 * Reads series out of a file of samples: one request for its tail, then only the pages that hold what is wanted. Everything is checked,
 * and what does not fit is an error that names the file, never an empty answer.
 */
export class SamplesFileReader {
  readonly #store: ObjectStore;
  readonly #ref: SamplesFileRef;
  readonly #tail: Uint8Array;
  readonly #footer: Footer;
  /** Row group → its first row in the file. */
  readonly #groupStarts: number[] = [];
  /** By row group and column, once read. */
  readonly #offsetIndexes = new Map<number, readonly PageLocation[]>();

  private constructor(store: ObjectStore, ref: SamplesFileRef, tail: Uint8Array) {
    this.#store = store;
    this.#ref = ref;
    this.#tail = tail;
    const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
    if (tail.length < PARQUET_TAIL_BYTES || view.getUint32(tail.length - 4, true) !== PARQUET_MAGIC) throw new DecodeError(`${ref.key}: no Parquet file`);
    const footerBytes = view.getUint32(tail.length - PARQUET_TAIL_BYTES, true);
    const footerEnd = tail.length - PARQUET_TAIL_BYTES;
    if (footerBytes > footerEnd) throw new DecodeError(`${ref.key}: a footer of ${footerBytes} bytes in the last ${footerEnd}`);
    this.#footer = readFooter(tail.subarray(footerEnd - footerBytes, footerEnd), ref.key);
    let firstRow = 0;
    for (const { rowCount } of this.#footer.rowGroups) {
      this.#groupStarts.push(firstRow);
      firstRow += rowCount;
    }
  }

  static async open(store: ObjectStore, ref: SamplesFileRef): Promise<SamplesFileReader> {
    const offset = ref.sizeBytes - ref.tailBytes;
    if (!(offset >= 0)) throw new DecodeError(`${ref.key}: a tail of ${ref.tailBytes} bytes in ${ref.sizeBytes}`);
    const tail = await getRange(store, ref.key, offset, ref.tailBytes);
    return naming(ref.key, () => new SamplesFileReader(store, ref, tail));
  }

  get rowCount(): number {
    return this.#footer.rowCount;
  }

  /** The series of the file, in order. */
  *series(): Generator<SeriesEntry> {
    try {
      yield* this.#series();
    } catch (error) {
      throw named(this.#ref.key, error);
    }
  }

  *#series(): Generator<SeriesEntry> {
    const place = /^(\d+),(\d+)$/.exec(this.#footer.keyValues.get(DIRECTORY_KEY) ?? '');
    if (place === null) throw new DecodeError(`${this.#ref.key}: no series directory`);
    let rows = 0;
    for (const entry of readSeriesDirectory(this.#inTail(Number(place[1]), Number(place[2])), `${this.#ref.key}: series directory`)) {
      rows = entry.firstRow + entry.rowCount;
      if (rows > this.rowCount) break;
      yield entry;
    }
    if (rows !== this.rowCount) throw new DecodeError(`${this.#ref.key}: ${this.rowCount} rows, ${rows} or more in the series directory`);
  }

  /** The samples of some of the file's series, in the order given. Rows of neighbours share pages, so ask for many at a time. `onFetch` hears of each request. */
  async read(entries: readonly SeriesEntry[], onFetch?: (bytes: number) => void): Promise<RunSource[]> {
    const wanted = naming(this.#ref.key, () => this.#wantedPages(entries));
    const pages = new DecodedPages(this.#ref.key, this.#footer, (group, column) => this.#offsetIndex(group, column));
    await this.#fetch(wanted, pages, onFetch);
    return naming(this.#ref.key, () => entries.map((entry) => this.#assemble(entry, pages)));
  }

  #wantedPages(entries: readonly SeriesEntry[]): WantedPage[] {
    const wanted = new Map<string, WantedPage>();
    for (const entry of entries) {
      const columns = [COLUMN.timestamp, COLUMN.value];
      if (entry.hasHistograms) columns.push(COLUMN.histogram);
      if (entry.hasStarts) columns.push(COLUMN.startTimestamp);
      for (const { group, start, end } of this.#stretches(entry)) {
        for (const column of columns) for (const page of this.#pagesOf(group, column, start, end)) wanted.set(keyOf(page), page);
      }
    }
    return [...wanted.values()];
  }

  #assemble(entry: SeriesEntry, pages: DecodedPages): RunSource {
    const timestampsMs = new Float64Array(entry.rowCount);
    const bits = new Uint32Array(entry.rowCount * 2);
    const payloads: Uint8Array[] = [];
    const startsMs = entry.hasStarts ? new Float64Array(entry.rowCount) : undefined;
    let at = 0;
    for (const { group, start, end } of this.#stretches(entry)) {
      pages.copy(group, COLUMN.timestamp, start, end, (page: Float64Array, from, to, offset) => timestampsMs.set(page.subarray(from, to), at + offset));
      pages.copy(group, COLUMN.value, start, end, ({ bits: source, isDefined }: NumberPage, from, to, offset) => {
        bits.set(source.subarray(from * 2, to * 2), (at + offset) * 2);
        for (let row = from; isDefined !== undefined && row < to; row++) if (isDefined[row] === 0) bits[(at + offset + row - from) * 2 + 1] = HISTOGRAM_BITS_HIGH;
      });
      if (entry.hasHistograms) {
        pages.copy(group, COLUMN.histogram, start, end, (page: readonly (Uint8Array | undefined)[], from, to, offset) => {
          for (let row = from; row < to; row++) {
            const place = (at + offset + row - from) * 2;
            if ((page[row] !== undefined) !== (bits[place + 1] === HISTOGRAM_BITS_HIGH)) throw new DecodeError(`${this.#ref.key}: a row with a value and a histogram, or neither`);
            if (page[row] !== undefined) bits[place] = payloads.push(page[row]!) - 1;
          }
        });
      }
      if (startsMs !== undefined) pages.copy(group, COLUMN.startTimestamp, start, end, (page: Float64Array, from, to, offset) => startsMs.set(page.subarray(from, to), at + offset));
      at += end - start;
    }
    if (!entry.hasHistograms && bits.some((word, i) => (i & 1) === 1 && word === HISTOGRAM_BITS_HIGH)) throw new DecodeError(`${this.#ref.key}: a row without a value in a series without histograms`);
    if (timestampsMs[0] !== entry.minTimeMs || timestampsMs[entry.rowCount - 1] !== entry.maxTimeMs) {
      throw new DecodeError(`${this.#ref.key}: rows from ${timestampsMs[0]} to ${timestampsMs[entry.rowCount - 1]} where the directory has ${entry.minTimeMs} to ${entry.maxTimeMs}`);
    }
    return { timestampsMs, bits, payloads: payloads.length === 0 ? NO_PAYLOADS : payloads, startsMs };
  }

  /** A series' rows by row group, as rows of it. */
  *#stretches({ firstRow, rowCount }: SeriesEntry): Generator<{ readonly group: number; readonly start: number; readonly end: number }> {
    const { rowGroups } = this.#footer;
    for (let group = 0; group < rowGroups.length; group++) {
      const start = Math.max(0, firstRow - this.#groupStarts[group]!);
      const end = Math.min(rowGroups[group]!.rowCount, firstRow + rowCount - this.#groupStarts[group]!);
      if (start < end) yield { group, start, end };
    }
  }

  *#pagesOf(group: number, column: number, start: number, end: number): Generator<WantedPage> {
    const locations = this.#offsetIndex(group, column);
    for (let page = pageAt(locations, start); page < locations.length && locations[page]!.firstRow < end; page++) {
      yield { group, column, page, location: locations[page]! };
    }
  }

  #offsetIndex(group: number, column: number): readonly PageLocation[] {
    const at = group * LEAVES.length + column;
    let locations = this.#offsetIndexes.get(at);
    if (locations === undefined) {
      const { rowCount, offsetIndexes } = this.#footer.rowGroups[group]!;
      const { offset, bytes } = offsetIndexes[column]!;
      locations = readOffsetIndex(this.#inTail(offset, bytes), rowCount, this.#ref.key);
      this.#offsetIndexes.set(at, locations);
    }
    return locations;
  }

  #inTail(offset: number, bytes: number): Uint8Array {
    const start = offset - (this.#ref.sizeBytes - this.#tail.length);
    if (start < 0 || start + bytes > this.#tail.length) throw new DecodeError(`${this.#ref.key}: bytes ${offset} to ${offset + bytes} are not in the tail`);
    return this.#tail.subarray(start, start + bytes);
  }

  async #fetch(wanted: WantedPage[], pages: DecodedPages, onFetch: ((bytes: number) => void) | undefined): Promise<void> {
    wanted.sort((a, b) => a.location.offset - b.location.offset);
    for (let first = 0; first < wanted.length; ) {
      let end = first + 1;
      let endOffset = endOf(wanted[first]!);
      for (; end < wanted.length && wanted[end]!.location.offset - endOffset <= GAP_BYTES_MAX; end++) endOffset = endOf(wanted[end]!);
      const offset = wanted[first]!.location.offset;
      if (endOffset > this.#ref.sizeBytes) throw new DecodeError(`${this.#ref.key}: a page ends at byte ${endOffset} of ${this.#ref.sizeBytes}`);
      const bytes = await getRange(this.#store, this.#ref.key, offset, endOffset - offset);
      onFetch?.(bytes.length);
      naming(this.#ref.key, () => {
        for (const page of wanted.slice(first, end)) pages.decode(page, bytes.subarray(page.location.offset - offset, endOf(page) - offset));
      });
      first = end;
    }
  }
}

/** Pages that were fetched, decoded. */
class DecodedPages {
  readonly #key: string;
  readonly #footer: Footer;
  readonly #locationsOf: (group: number, column: number) => readonly PageLocation[];
  readonly #pages = new Map<string, unknown>();

  constructor(key: string, footer: Footer, locationsOf: (group: number, column: number) => readonly PageLocation[]) {
    this.#key = key;
    this.#footer = footer;
    this.#locationsOf = locationsOf;
  }

  decode(wanted: WantedPage, bytes: Uint8Array): void {
    const { group, column, page } = wanted;
    const rowCount = pageRowCount(this.#locationsOf(group, column), page, this.#footer.rowGroups[group]!.rowCount);
    const where = `${this.#key}: ${LEAVES[column]!.path.join('.')} of row group ${group}, page ${page}`;
    this.#pages.set(keyOf(wanted), readerOf(column)(bytes, rowCount, where));
  }

  /** Hands out rows `start` to `end` of a column, page by page: rows `from` to `to` of a page, which come at `offset`. */
  copy<Page>(group: number, column: number, start: number, end: number, each: (page: Page, from: number, to: number, offset: number) => void): void {
    const locations = this.#locationsOf(group, column);
    for (let page = pageAt(locations, start); page < locations.length && locations[page]!.firstRow < end; page++) {
      const { firstRow } = locations[page]!;
      const rowCount = pageRowCount(locations, page, this.#footer.rowGroups[group]!.rowCount);
      const from = Math.max(start, firstRow);
      each(this.#pages.get(keyOf({ group, column, page })) as Page, from - firstRow, Math.min(end, firstRow + rowCount) - firstRow, from - start);
    }
  }
}

function readerOf(column: number): (bytes: Uint8Array, rowCount: number, where: string) => unknown {
  switch (column) {
    case COLUMN.timestamp:
      return readTimestampPage;
    case COLUMN.value:
      return readValuePage;
    case COLUMN.histogram:
      return readHistogramPage;
    default:
      return readStartPage;
  }
}

function keyOf({ group, column, page }: Pick<WantedPage, 'group' | 'column' | 'page'>): string {
  return `${group}:${column}:${page}`;
}

function endOf({ location }: WantedPage): number {
  return location.offset + location.bytes;
}

/** The page that has a row. */
function pageAt(locations: readonly PageLocation[], row: number): number {
  let low = 0;
  let high = locations.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (locations[middle]!.firstRow <= row) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Runs what decodes; an error of it names the file. */
function naming<T>(key: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw named(key, error);
  }
}

function named(key: string, error: unknown): unknown {
  if (!(error instanceof Error) || error.message.includes(key)) return error;
  return new DecodeError(`${key}: ${error.message}`, { cause: error });
}

async function getRange(store: ObjectStore, key: string, offset: number, length: number): Promise<Uint8Array> {
  const bytes = await store.get(key, { offset, length });
  if (bytes === undefined) throw new Error(`object ${key} is missing`);
  if (bytes.length !== length) throw new Error(`object ${key}: got ${bytes.length} bytes, want ${length}`);
  return bytes;
}
