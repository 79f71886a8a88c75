import type { ColumnStatistics, DataFile } from '../../catalog/iceberg/data-file.ts';
import type { ArchiveTableName } from '../../catalog/iceberg/table-definition.ts';
import { ColumnWriter } from '../../chunk/index.ts';
import { labelValue, METRIC_NAME, sameLabels } from '../../model/labels.ts';
import { assert, must } from '../../runtime/assert.ts';
import { PARQUET_MAGIC, writeFooter, type Bounds, type RowGroup } from '../parquet/parquet-footer.ts';
import { DOUBLE, INT64, type ParquetSchema } from '../parquet/parquet-schema.ts';
import { SeriesDirectoryWriter, type SeriesEntry } from './series-directory.ts';

/** Key of the footer's key-value metadata that says where the series directory is: `offset,bytes`. */
export const DIRECTORY_KEY = 'varve.series_directory';

/** A finished file, and what a catalog must know of it. */
export interface SeriesFile {
  readonly bytes: Uint8Array;
  readonly rowCount: number;
  readonly seriesCount: number;
  /** Unix milliseconds, both inclusive. */
  readonly minTimeMs: number;
  readonly maxTimeMs: number;
  readonly firstMetric: string;
  readonly lastMetric: string;
  /** Series directory, page indexes and footer: what a reader fetches first, from the end. */
  readonly tailBytes: number;
  readonly columns: readonly ColumnStatistics[];
}

/** A file of a table as the catalog takes it, once the object store has it under a key. */
export function dataFileOf(file: SeriesFile, table: ArchiveTableName, key: string): DataFile {
  const { bytes, tailBytes, rowCount, minTimeMs, maxTimeMs, firstMetric, lastMetric, columns } = file;
  return { table, key, sizeBytes: bytes.length, tailBytes, rowCount, minTimeMs, maxTimeMs, firstMetric, lastMetric, columns };
}

/**
 * What all files of series have in common, whatever their columns: the frame around row groups, the series directory, the statistics.
 * Row groups are written into `out` by the caller, who hands them over, and tells of each series whose rows he has taken.
 */
export class SeriesFileWriter {
  /** The file from its first byte. */
  readonly out = new ColumnWriter(256 * 1024);
  readonly #schema: ParquetSchema;
  readonly #keyValues: Readonly<Record<string, string>>;
  readonly #directory = new SeriesDirectoryWriter();
  readonly #groups: RowGroup[] = [];
  /** The series that was noted last: more of its rows may come. */
  #last: Omit<SeriesEntry, 'firstRow'> | undefined;
  #rowCount = 0;
  #firstMetric: string | undefined;
  #lastMetric = '';
  #minTimeMs = Infinity;
  #maxTimeMs = -Infinity;

  /** `keyValues` go into the footer, beside the writer's own. */
  constructor(schema: ParquetSchema, keyValues: Readonly<Record<string, string>>) {
    this.#schema = schema;
    this.#keyValues = keyValues;
    this.out.uint32(PARQUET_MAGIC);
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  /** Bytes of the series directory, before compression: a reader holds them in memory, compressed. */
  get directoryBytes(): number {
    return this.#directory.plainBytes;
  }

  /** What is told of the same series again is of rows that follow those of before. */
  noteSeries(entry: Omit<SeriesEntry, 'firstRow'>): void {
    const last = this.#last;
    if (last === undefined || !sameLabels(last.labels, entry.labels)) {
      if (last !== undefined) this.#directory.add(last);
      this.#last = entry;
    } else {
      assert(entry.minTimeMs > last.maxTimeMs, 'rows of a series in the order of time');
      const { rowCount, maxTimeMs, hasStarts, hasHistograms } = entry;
      this.#last = { ...last, rowCount: last.rowCount + rowCount, maxTimeMs, hasStarts: last.hasStarts || hasStarts, hasHistograms: last.hasHistograms || hasHistograms };
    }
    this.#rowCount += entry.rowCount;
    this.#minTimeMs = Math.min(this.#minTimeMs, entry.minTimeMs);
    this.#maxTimeMs = Math.max(this.#maxTimeMs, entry.maxTimeMs);
    this.#lastMetric = labelValue(entry.labels, METRIC_NAME);
    this.#firstMetric ??= this.#lastMetric;
  }

  noteGroup(group: RowGroup): void {
    this.#groups.push(group);
  }

  /** The file; it must have rows. The writer is not used again. */
  finish(): SeriesFile {
    assert(this.#rowCount > 0, 'a file without rows');
    const { out } = this;
    this.#directory.add(must(this.#last, 'a series'));
    const directory = this.#directory.finish();
    const directoryAt = out.length;
    out.append(directory);
    writeFooter(out, out.length, this.#schema, this.#groups, { ...this.#keyValues, [DIRECTORY_KEY]: `${directoryAt},${directory.length}` });
    return {
      bytes: out.written(),
      rowCount: this.#rowCount,
      seriesCount: this.#directory.seriesCount,
      minTimeMs: this.#minTimeMs,
      maxTimeMs: this.#maxTimeMs,
      firstMetric: this.#firstMetric ?? '',
      lastMetric: this.#lastMetric,
      tailBytes: out.length - directoryAt,
      columns: this.#schema.leaves.map(({ fieldId, type }, column) => this.#statistics(fieldId, column, type)),
    };
  }

  #statistics(fieldId: number, column: number, type: number): ColumnStatistics {
    const chunks = this.#groups.map(({ columns }) => columns[column]!);
    const sum = (of: (chunk: (typeof chunks)[number]) => number): number => chunks.reduce((total, chunk) => total + of(chunk), 0);
    const bounds = chunks.flatMap((chunk) => (chunk.bounds === undefined ? [] : [chunk.bounds]));
    return {
      fieldId,
      bytes: sum((chunk) => chunk.bytes),
      valueCount: sum((chunk) => chunk.valueCount),
      nullCount: sum((chunk) => chunk.nullCount),
      nanCount: chunks[0]?.nanCount === undefined ? undefined : sum((chunk) => chunk.nanCount ?? 0),
      bounds: bounds.length === 0 ? undefined : mergeBounds(bounds, type),
    };
  }
}

/** Of several chunks of a column, by its physical type. */
export function mergeBounds(bounds: readonly Bounds[], type: number): Bounds {
  const order = type === DOUBLE ? compareDoubles : type === INT64 ? compareInt64s : compareBytes;
  return bounds.reduce((all, next) => ({
    lower: order(next.lower, all.lower) < 0 ? next.lower : all.lower,
    upper: order(next.upper, all.upper) > 0 ? next.upper : all.upper,
  }));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function compareDoubles(a: Uint8Array, b: Uint8Array): number {
  return viewOf(a).getFloat64(0, true) - viewOf(b).getFloat64(0, true) || 0;
}

function compareInt64s(a: Uint8Array, b: Uint8Array): number {
  const difference = viewOf(a).getBigInt64(0, true) - viewOf(b).getBigInt64(0, true);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length && i < b.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}
