import { bytesOfHex, hexOf } from '../../runtime/hex.ts';
import { DAY_MS } from '../../runtime/units.ts';
import type { ArchiveTableName } from './table-definition.ts';

/** Least and greatest value, in Iceberg's single-value form: text as UTF-8, numbers little-endian. */
export interface ColumnBounds {
  readonly lower: Uint8Array;
  readonly upper: Uint8Array;
}

/** What a manifest says of one column of a file. */
export interface ColumnStatistics {
  readonly fieldId: number;
  readonly bytes: number;
  readonly valueCount: number;
  readonly nullCount: number;
  /** For columns that can hold NaN. */
  readonly nanCount: number | undefined;
  readonly bounds: ColumnBounds | undefined;
}

/** A file of one of the archive's tables, in the object store, as the catalog takes it. All its rows are of one partition. */
export interface DataFile {
  readonly table: ArchiveTableName;
  readonly key: string;
  readonly sizeBytes: number;
  /** What a reader fetches first, from the end. */
  readonly tailBytes: number;
  readonly rowCount: number;
  /** Unix milliseconds, both inclusive. */
  readonly minTimeMs: number;
  readonly maxTimeMs: number;
  /** Metric names of the first and the last series: files are sorted by metric. */
  readonly firstMetric: string;
  readonly lastMetric: string;
  readonly columns: readonly ColumnStatistics[];
}

/** Days since 1970, UTC. */
export function dayOf(timestampMs: number): number {
  return Math.floor(timestampMs / DAY_MS);
}

/** As JSON text, for a row of a database: bounds in hexadecimal. */
export function encodeDataFile(file: DataFile): string {
  const columns = file.columns.map((column) => ({ ...column, bounds: column.bounds && { lower: hexOf(column.bounds.lower), upper: hexOf(column.bounds.upper) } }));
  return JSON.stringify({ ...file, columns });
}

/** The other direction of `encodeDataFile`. */
export function decodeDataFile(text: string): DataFile {
  const file = parse(text);
  const columns = file.columns.map(({ fieldId, bytes, valueCount, nullCount, nanCount, bounds }) => ({
    fieldId,
    bytes,
    valueCount,
    nullCount,
    nanCount,
    bounds: bounds && { lower: bytesOfHex(bounds.lower), upper: bytesOfHex(bounds.upper) },
  }));
  return { ...file, columns };
}

/** The same without what manifests say of columns, which is most of the work of it: queries ask for files by the thousand. */
export function decodeDataFileHead(text: string): DataFileHead {
  const { columns: _, ...head } = parse(text);
  return head;
}

export type DataFileHead = Omit<DataFile, 'columns'>;

function parse(text: string): DataFileHead & { readonly columns: readonly StoredColumn[] } {
  const file = JSON.parse(text) as Omit<DataFile, 'columns' | 'table'> & { readonly table?: ArchiveTableName; readonly columns: readonly StoredColumn[] };
  // Files of before there were several tables do not name theirs.
  return { ...file, table: file.table ?? 'samples' };
}

type StoredColumn = Omit<ColumnStatistics, 'bounds'> & { readonly bounds?: { readonly lower: string; readonly upper: string } };
