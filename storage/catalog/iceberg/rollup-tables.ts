import { HOUR_MS, MINUTE_MS } from '../../runtime/units.ts';
import { SAMPLES_TABLE } from './samples-table.ts';
import type { ArchiveTableName, IcebergField, TableDefinition } from './table-definition.ts';

/** The tables of roll-ups, by resolution. */
export type RollupTableName = Extract<ArchiveTableName, `rollup_${string}`>;

export interface RollupTable {
  readonly name: RollupTableName;
  /** As policies and queries name it. */
  readonly resolution: '1m' | '5m' | '1h';
  readonly resolutionMs: number;
}

/** The coarsest last. */
export const ROLLUP_TABLES: readonly RollupTable[] = [
  { name: 'rollup_1m', resolution: '1m', resolutionMs: MINUTE_MS },
  { name: 'rollup_5m', resolution: '5m', resolutionMs: 5 * MINUTE_MS },
  { name: 'rollup_1h', resolution: '1h', resolutionMs: HOUR_MS },
];

const optionalDouble = (id: number, name: string, doc: string): IcebergField => ({ id, name, required: false, type: 'double', doc });

/** The Parquet side is in storage/warm/rollup-schema.ts: same names, same ids. */
const FIELDS: readonly IcebergField[] = [
  ...SAMPLES_TABLE.schema.fields.filter(({ id }) => id < 6),
  { id: 6, name: 'timestamp', required: true, type: 'timestamptz', doc: "the bucket's start, which is not in it: its end is" },
  { id: 7, name: 'count', required: true, type: 'long', doc: 'floats, NaN among them; the figures below are of these' },
  optionalDouble(8, 'sum', 'the mean is sum / count'),
  optionalDouble(9, 'min', 'NaN only where there is nothing else'),
  optionalDouble(10, 'max', 'NaN only where there is nothing else'),
  optionalDouble(11, 'first', 'of the earliest sample'),
  { id: 12, name: 'first_timestamp', required: false, type: 'timestamptz' },
  optionalDouble(13, 'last', 'of the latest sample'),
  { id: 14, name: 'last_timestamp', required: false, type: 'timestamptz' },
  optionalDouble(15, 'increase', 'from first to last, where a counter began anew what it stood at before added'),
  optionalDouble(16, 'p50', 'exact, linear between ranks'),
  optionalDouble(17, 'p99', 'exact, linear between ranks'),
  { id: 18, name: 'sketch', required: false, type: 'binary', doc: 'of the distribution, to be merged' },
  { id: 19, name: 'stale_count', required: true, type: 'long', doc: 'stale markers, which are in nothing else' },
  { id: 20, name: 'histogram_count', required: true, type: 'long', doc: 'native histograms, which are in nothing else' },
];

/**
 * Days for the fine resolutions. A year of hours is read at once, and is rewritten a day at a time: months, of which a series has 744 rows
 * at the most.
 */
function definition(name: RollupTableName, transform: 'day' | 'month'): TableDefinition {
  return {
    name,
    schema: { type: 'struct', 'schema-id': 0, fields: FIELDS },
    lastColumnId: 20,
    partitionSpec: { 'spec-id': 0, fields: [{ 'source-id': 6, 'field-id': 1000, name: `timestamp_${transform}`, transform }] },
    sortOrder: SAMPLES_TABLE.sortOrder,
  };
}

export const ROLLUP_DEFINITIONS: readonly TableDefinition[] = [definition('rollup_1m', 'day'), definition('rollup_5m', 'day'), definition('rollup_1h', 'month')];
