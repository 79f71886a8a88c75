import { DecodeError } from '../../../proto/decode-error.ts';
import type { ObjectStore } from '../../object-store.ts';
import { MissingObjectError } from '../missing-object.ts';
import { pageRowCount } from '../parquet/page-reader.ts';
import { PARQUET_MAGIC, PARQUET_TAIL_BYTES, readFooter, readOffsetIndex, type Footer, type PageLocation } from '../parquet/parquet-footer.ts';
import type { ParquetSchema } from '../parquet/parquet-schema.ts';
import { PAGE_BYTES_TARGET } from '../parquet/zstd-frame.ts';
import { readSeriesDirectory, type SeriesEntry } from './series-directory.ts';
import { DIRECTORY_KEY } from './series-file-writer.ts';

/** Pages so close to each other are fetched as one: a request costs more than reading on. */
const GAP_BYTES_MAX = 64 * 1024;

/** An object that is a file of series, as the catalog knows it. */
export interface SeriesFileRef {
  readonly key: string;
  readonly sizeBytes: number;
  /** What stands behind the last row group. */
  readonly tailBytes: number;
}

/** Decodes a page of a column: its header and content. `where` names it in errors. */
export type PageDecoder = (bytes: Uint8Array, rowCount: number, where: string) => unknown;

/** Which pages are wanted, and how they are read. */
export interface PageRequest {
  /** The columns that a series is read from. */
  readonly columnsOf: (entry: SeriesEntry) => readonly number[];
  readonly decoderOf: (column: number) => PageDecoder;
  /** Hears of each request to the object store. */
  readonly onFetch: ((bytes: number) => void) | undefined;
}

/** A stretch of a row group. */
export interface Stretch {
  readonly group: number;
  /** Rows of the group, the end left out. */
  readonly start: number;
  readonly end: number;
}

/** A stretch of the file that is wanted. */
interface WantedPage {
  readonly group: number;
  readonly column: number;
  readonly page: number;
  readonly location: PageLocation;
}

/**
 * Reads series out of a file, whatever its columns: one request for its tail, then only the pages that hold what is wanted. Everything is
 * checked, and what does not fit is an error that names the file, never an empty answer.
 */
export class SeriesFileReader {
  readonly #store: ObjectStore;
  readonly #ref: SeriesFileRef;
  readonly #schema: ParquetSchema;
  readonly #tail: Uint8Array;
  readonly #footer: Footer;
  /** Row group → its first row in the file. */
  readonly #groupStarts: number[] = [];
  /** By row group and column, once read. */
  readonly #offsetIndexes = new Map<number, readonly PageLocation[]>();

  private constructor(store: ObjectStore, ref: SeriesFileRef, schema: ParquetSchema, tail: Uint8Array) {
    this.#store = store;
    this.#ref = ref;
    this.#schema = schema;
    this.#tail = tail;
    const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
    if (tail.length < PARQUET_TAIL_BYTES || view.getUint32(tail.length - 4, true) !== PARQUET_MAGIC) throw new DecodeError(`${ref.key}: no Parquet file`);
    const footerBytes = view.getUint32(tail.length - PARQUET_TAIL_BYTES, true);
    const footerEnd = tail.length - PARQUET_TAIL_BYTES;
    if (footerBytes > footerEnd) throw new DecodeError(`${ref.key}: a footer of ${footerBytes} bytes in the last ${footerEnd}`);
    this.#footer = readFooter(tail.subarray(footerEnd - footerBytes, footerEnd), schema.leaves.length, ref.key);
    let firstRow = 0;
    for (const { rowCount } of this.#footer.rowGroups) {
      this.#groupStarts.push(firstRow);
      firstRow += rowCount;
    }
  }

  static async open(store: ObjectStore, ref: SeriesFileRef, schema: ParquetSchema): Promise<SeriesFileReader> {
    const offset = ref.sizeBytes - ref.tailBytes;
    if (!(offset >= 0)) throw new DecodeError(`${ref.key}: a tail of ${ref.tailBytes} bytes in ${ref.sizeBytes}`);
    const tail = await getRange(store, ref.key, offset, ref.tailBytes);
    return naming(ref.key, () => new SeriesFileReader(store, ref, schema, tail));
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

  /**
   * Fetches and decodes the pages that some of the file's series need. Rows of neighbours share pages, so ask for many at a time.
   */
  async readPages(entries: readonly SeriesEntry[], { columnsOf, decoderOf, onFetch }: PageRequest): Promise<DecodedPages> {
    const wanted = this.named(() => this.#wantedPages(entries, columnsOf));
    const pages = new DecodedPages(this.#ref.key, this.#schema, this.#footer, (group, column) => this.#offsetIndex(group, column), decoderOf);
    await this.#fetch(wanted, pages, onFetch);
    return pages;
  }

  /** Runs what decodes; an error of it names the file. */
  named<T>(body: () => T): T {
    return naming(this.#ref.key, body);
  }

  #wantedPages(entries: readonly SeriesEntry[], columnsOf: (entry: SeriesEntry) => readonly number[]): WantedPage[] {
    const wanted = new Map<string, WantedPage>();
    for (const entry of entries) {
      const columns = columnsOf(entry);
      for (const { group, start, end } of this.stretches(entry)) {
        for (const column of columns) for (const page of this.#pagesOf(group, column, start, end)) wanted.set(keyOf(page), page);
      }
    }
    return [...wanted.values()];
  }

  /** A series' rows by row group, as rows of it. */
  *stretches({ firstRow, rowCount }: SeriesEntry): Generator<Stretch> {
    const { rowGroups } = this.#footer;
    for (let group = 0; group < rowGroups.length; group++) {
      const start = Math.max(0, firstRow - this.#groupStarts[group]!);
      const end = Math.min(rowGroups[group]!.rowCount, firstRow + rowCount - this.#groupStarts[group]!);
      if (start < end) yield { group, start, end };
    }
  }

  /** About how many bytes a series' rows have in a column, before compression: pages are taken to be as full as writers make them. */
  plainBytes(entry: SeriesEntry, column: number): number {
    let bytes = 0;
    for (const { group, start, end } of this.stretches(entry)) {
      const locations = this.#offsetIndex(group, column);
      for (const { page, location } of this.#pagesOf(group, column, start, end)) {
        const rowCount = pageRowCount(locations, page, this.#footer.rowGroups[group]!.rowCount);
        const rows = Math.min(end, location.firstRow + rowCount) - Math.max(start, location.firstRow);
        bytes += (PAGE_BYTES_TARGET * rows) / rowCount;
      }
    }
    return bytes;
  }

  *#pagesOf(group: number, column: number, start: number, end: number): Generator<WantedPage> {
    const locations = this.#offsetIndex(group, column);
    for (let page = pageAt(locations, start); page < locations.length && locations[page]!.firstRow < end; page++) {
      yield { group, column, page, location: locations[page]! };
    }
  }

  #offsetIndex(group: number, column: number): readonly PageLocation[] {
    const at = group * this.#schema.leaves.length + column;
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

  async #fetch(wanted: WantedPage[], pages: DecodedPages, onFetch: PageRequest['onFetch']): Promise<void> {
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
export class DecodedPages {
  readonly #key: string;
  readonly #schema: ParquetSchema;
  readonly #footer: Footer;
  readonly #locationsOf: (group: number, column: number) => readonly PageLocation[];
  readonly #decoderOf: (column: number) => PageDecoder;
  readonly #pages = new Map<string, unknown>();

  constructor(key: string, schema: ParquetSchema, footer: Footer, locationsOf: (group: number, column: number) => readonly PageLocation[], decoderOf: (column: number) => PageDecoder) {
    this.#key = key;
    this.#schema = schema;
    this.#footer = footer;
    this.#locationsOf = locationsOf;
    this.#decoderOf = decoderOf;
  }

  decode(wanted: WantedPage, bytes: Uint8Array): void {
    const { group, column, page } = wanted;
    const rowCount = pageRowCount(this.#locationsOf(group, column), page, this.#footer.rowGroups[group]!.rowCount);
    const where = `${this.#key}: ${this.#schema.leaves[column]!.path.join('.')} of row group ${group}, page ${page}`;
    this.#pages.set(keyOf(wanted), this.#decoderOf(column)(bytes, rowCount, where));
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
  if (bytes === undefined) throw new MissingObjectError(key);
  if (bytes.length !== length) throw new Error(`object ${key}: got ${bytes.length} bytes, want ${length}`);
  return bytes;
}
