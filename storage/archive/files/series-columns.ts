import type { ColumnWriter } from '../../chunk/index.ts';
import type { Labels } from '../../model/labels.ts';
import type { ColumnChunkWriter } from '../parquet/column-chunk-writer.ts';
import { BitPacker, bitWidth, writeRun } from '../parquet/hybrid-runs.ts';
import { RLE_DICTIONARY, type Bounds, type ColumnChunk } from '../parquet/parquet-footer.ts';
import { PAGE_BYTES_TARGET } from '../parquet/zstd-frame.ts';

/*
 * The columns that say which series a row is of: metric, labels, series id. They are made from runs of rows, series by series, and never
 * row by row; that is where writers that know nothing of series spend most of their time (FORMAT.md has the figures).
 */

/** A series' rows in a row group. */
export interface SeriesRows {
  readonly metric: string;
  /** Names and values, without the metric's. */
  readonly labels: Labels;
  readonly id: Uint8Array;
  readonly rowCount: number;
}

/** Rows of a page: their indexes take little, and a page is what a reader skips. */
const PAGE_ROWS = 16_384;

const encoder = new TextEncoder();

/** Names of metrics, which rise; with bounds. */
export function writeMetrics(series: readonly SeriesRows[], chunk: ColumnChunkWriter): ColumnChunk {
  const dictionary = new Dictionary();
  const indexes = series.map(({ metric }) => dictionary.indexOf(metric));
  chunk.begin();
  dictionary.write(chunk);
  const boundsOf = (from: number, to: number): Bounds => ({ lower: encoder.encode(series[from]!.metric), upper: encoder.encode(series[to]!.metric) });
  writeRuns(series, indexes, bitWidth(Math.max(0, dictionary.size - 1)), chunk, boundsOf);
  return chunk.finish(0, boundsOf(0, series.length - 1), { isAscending: true });
}

/** 12 bytes each, a dictionary of all series. */
export function writeSeriesIds(series: readonly SeriesRows[], chunk: ColumnChunkWriter): ColumnChunk {
  chunk.begin();
  for (const { id } of series) chunk.plain.append(id);
  chunk.dictionary(series.length);
  writeRuns(
    series,
    series.map((_, i) => i),
    bitWidth(series.length - 1),
    chunk,
  );
  return chunk.finish(0, undefined);
}

/** Keys and values of the map. An empty map is a row without an entry. */
export function writeLabels(series: readonly SeriesRows[], chunk: ColumnChunkWriter): [ColumnChunk, ColumnChunk] {
  const dictionaries = [new Dictionary(), new Dictionary()] as const;
  const longest = series.reduce((most, { labels }) => Math.max(most, labels.length), 0);
  const patterns = series.map(({ labels }) => Uint32Array.from(labels, (text, i) => dictionaries[(i & 1) as 0 | 1].indexOf(text)));
  const written = dictionaries.map((dictionary, side) => {
    const width = bitWidth(Math.max(0, dictionary.size - 1));
    // Two levels an entry, or a row without one, and the index.
    const entriesMax = Math.floor((PAGE_BYTES_TARGET * 8) / (width + 2));
    chunk.begin();
    dictionary.write(chunk);
    const page = new LabelPage(width, longest / 2);
    let row = 0;
    let firstRow = 0;
    series.forEach(({ rowCount }, i) => {
      const pattern = patterns[i]!;
      const length = pattern.length / 2;
      const indexes = Uint32Array.from({ length }, (_, entry) => pattern[entry * 2 + side]!);
      const slots = Math.max(1, length);
      for (let left = rowCount; left > 0; ) {
        const fits = Math.floor((entriesMax - page.slots) / slots);
        const rows = Math.min(left, Math.max(fits, page.slots === 0 ? 1 : 0));
        if (rows > 0) {
          page.add(indexes, length, rows);
          row += rows;
          left -= rows;
        }
        if (left > 0) {
          chunk.page(firstRow, page.finish(chunk.plain), RLE_DICTIONARY);
          firstRow = row;
        }
      }
    });
    chunk.page(firstRow, page.finish(chunk.plain), RLE_DICTIONARY);
    return chunk.finish(0, undefined);
  });
  return written as [ColumnChunk, ColumnChunk];
}

/** One page of keys or of values: repetition levels, definition levels, indexes. */
class LabelPage {
  readonly #repetitions = new BitPacker(1);
  readonly #definitions = new BitPacker(1);
  readonly #indexes: BitPacker;
  readonly #width: number;
  /** 0, 1, 1, …: a row's first entry begins a new map. */
  readonly #newRow: Uint32Array;
  readonly #defined: Uint32Array;

  constructor(width: number, entriesMax: number) {
    this.#width = width;
    this.#indexes = new BitPacker(width);
    this.#newRow = new Uint32Array(Math.max(1, entriesMax)).fill(1);
    this.#newRow[0] = 0;
    this.#defined = new Uint32Array(Math.max(1, entriesMax)).fill(1);
  }

  /** Levels so far: entries, and rows without one. */
  get slots(): number {
    return this.#repetitions.count;
  }

  add(indexes: Uint32Array, length: number, rows: number): void {
    this.#repetitions.repeat(this.#newRow, Math.max(1, length), rows);
    if (length === 0) this.#definitions.repeat(NO_ENTRY, 1, rows);
    else {
      this.#definitions.repeat(this.#defined, length, rows);
      this.#indexes.repeat(indexes, length, rows);
    }
  }

  /** Writes the page and says how many slots it has; begins anew. */
  finish(plain: ColumnWriter): number {
    const { slots } = this;
    for (const levels of [this.#repetitions, this.#definitions]) {
      // A length, then the levels: 1 bit each, and a varint before them.
      const groups = Math.ceil(slots / 8);
      plain.uint32(groups + varintBytes(groups * 2 + 1));
      levels.finish(plain);
    }
    plain.byte(this.#width);
    if (this.#indexes.count > 0) this.#indexes.finish(plain);
    return slots;
  }
}

const NO_ENTRY = Uint32Array.of(0);

function varintBytes(value: number): number {
  return Math.max(1, Math.ceil(bitWidth(value) / 7));
}

/** Distinct strings in the order of their first use. */
class Dictionary {
  readonly #indexes = new Map<string, number>();

  get size(): number {
    return this.#indexes.size;
  }

  indexOf(text: string): number {
    let index = this.#indexes.get(text);
    if (index === undefined) this.#indexes.set(text, (index = this.#indexes.size));
    return index;
  }

  write(chunk: ColumnChunkWriter): void {
    for (const text of this.#indexes.keys()) {
      const bytes = encoder.encode(text);
      chunk.plain.uint32(bytes.length);
      chunk.plain.append(bytes);
    }
    chunk.dictionary(this.size);
  }
}

/** Pages of indexes, one for each row: a run for each series. `boundsOf` gets the positions of a page's first and last series. */
function writeRuns(series: readonly SeriesRows[], indexes: readonly number[], width: number, chunk: ColumnChunkWriter, boundsOf?: (from: number, to: number) => Bounds): void {
  let row = 0;
  let firstRow = 0;
  let firstSeries = 0;
  chunk.plain.byte(width);
  series.forEach(({ rowCount }, i) => {
    for (let left = rowCount; left > 0; ) {
      if (row - firstRow === PAGE_ROWS) {
        const last = left === rowCount ? i - 1 : i;
        chunk.page(firstRow, PAGE_ROWS, RLE_DICTIONARY, boundsOf?.(firstSeries, last));
        chunk.plain.byte(width);
        firstRow = row;
        firstSeries = i;
      }
      const rows = Math.min(left, PAGE_ROWS - (row - firstRow));
      writeRun(chunk.plain, indexes[i]!, rows, width);
      row += rows;
      left -= rows;
    }
  });
  chunk.page(firstRow, row - firstRow, RLE_DICTIONARY, boundsOf?.(firstSeries, series.length - 1));
}
