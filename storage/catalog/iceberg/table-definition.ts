import { DAY_MS } from '../../runtime/units.ts';
import { dayOf } from './data-file.ts';

/** Tables of a tenant's archive, by name, whose keys begin with `tenant/archive/NAME`; `points` is that of a TimeSeriesStore. */
export type ArchiveTableName = 'samples' | 'rollup_1m' | 'rollup_5m' | 'rollup_1h' | 'exemplars' | 'metadata' | 'points';

export interface IcebergField {
  readonly id: number;
  readonly name: string;
  readonly required: boolean;
  /** As Iceberg spells it: the name of a type, or a nested one. */
  readonly type: string | object;
  readonly doc?: string;
}

export interface IcebergSchema {
  readonly type: 'struct';
  readonly 'schema-id': number;
  readonly fields: readonly IcebergField[];
}

export interface IcebergPartitionField {
  readonly 'source-id': number;
  readonly 'field-id': number;
  readonly name: string;
  /** Partitions are whole UTC days or months of a timestamp. */
  readonly transform: 'day' | 'month';
}

/** A table in Iceberg's own words. Ids of columns are never given to another column, and schemas only grow. */
export interface TableDefinition {
  readonly name: ArchiveTableName;
  readonly schema: IcebergSchema;
  /** The greatest id of a column, those inside of others included. */
  readonly lastColumnId: number;
  readonly partitionSpec: { readonly 'spec-id': number; readonly fields: readonly [IcebergPartitionField] };
  readonly sortOrder: { readonly 'order-id': number; readonly fields: readonly object[] };
}

/** The first day (since 1970, UTC) of the partition that a time belongs to: what names a partition inside of Varve. */
export function partitionDay({ partitionSpec }: TableDefinition, timestampMs: number): number {
  if (partitionSpec.fields[0].transform === 'day') return dayOf(timestampMs);
  const date = new Date(timestampMs);
  return dayOf(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1));
}

/** The partition as Iceberg counts it: days or months since 1970. */
export function partitionOrdinal({ partitionSpec }: TableDefinition, day: number): number {
  if (partitionSpec.fields[0].transform === 'day') return day;
  const date = new Date(day * DAY_MS);
  return (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth();
}

/** The first day of a partition that Iceberg counts so. */
export function dayOfOrdinal({ partitionSpec }: TableDefinition, ordinal: number): number {
  return partitionSpec.fields[0].transform === 'day' ? ordinal : dayOf(Date.UTC(1970, ordinal, 1));
}

/** The first day behind a partition. */
export function partitionEndDay({ partitionSpec }: TableDefinition, day: number): number {
  if (partitionSpec.fields[0].transform === 'day') return day + 1;
  const date = new Date(day * DAY_MS);
  return dayOf(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1));
}

/** The folder of a partition's files, as Hive names it: `timestamp_day=2026-11-25`. */
export function partitionFolder({ partitionSpec }: TableDefinition, day: number): string {
  const [{ name, transform }] = partitionSpec.fields;
  return `${name}=${new Date(day * DAY_MS).toISOString().slice(0, transform === 'day' ? 10 : 7)}`;
}
