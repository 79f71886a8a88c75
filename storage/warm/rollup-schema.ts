import { FIELD, SERIES_FIELDS } from '../archive/files/samples-schema.ts';
import { bytesField, doubleField, longField, parquetSchema, timestampField } from '../archive/parquet/parquet-schema.ts';

/* The columns of the tables of roll-ups, which are the same for all resolutions: as Parquet has them. One row is one bucket of one series. */

/** Columns 1 to 6 are those of `samples`; `timestamp` is the bucket's start. */
export const ROLLUP_FIELD = {
  ...FIELD,
  count: 7, sum: 8, min: 9, max: 10, first: 11, firstTimestamp: 12, last: 13, lastTimestamp: 14, increase: 15, p50: 16, p99: 17, sketch: 18,
  staleCount: 19, histogramCount: 20,
} as const;

/** The columns of numbers that a bucket may lack, in the order of the file. */
export const ROLLUP_NUMBERS = ['sum', 'min', 'max', 'first', 'last', 'increase', 'p50', 'p99'] as const;
export type RollupNumber = (typeof ROLLUP_NUMBERS)[number];

/** What is asked of a window together stands together. */
export const ROLLUP_SCHEMA = parquetSchema('rollups', [
  ...SERIES_FIELDS,
  longField('count', ROLLUP_FIELD.count),
  doubleField('sum', ROLLUP_FIELD.sum, true),
  doubleField('min', ROLLUP_FIELD.min, true),
  doubleField('max', ROLLUP_FIELD.max, true),
  doubleField('first', ROLLUP_FIELD.first, true),
  timestampField('first_timestamp', ROLLUP_FIELD.firstTimestamp, true),
  doubleField('last', ROLLUP_FIELD.last, true),
  timestampField('last_timestamp', ROLLUP_FIELD.lastTimestamp, true),
  doubleField('increase', ROLLUP_FIELD.increase, true),
  doubleField('p50', ROLLUP_FIELD.p50, true),
  doubleField('p99', ROLLUP_FIELD.p99, true),
  bytesField('sketch', ROLLUP_FIELD.sketch, true),
  longField('stale_count', ROLLUP_FIELD.staleCount),
  longField('histogram_count', ROLLUP_FIELD.histogramCount),
]);

/** Position of a column in the file. */
export function rollupColumnOf(fieldId: number): number {
  return ROLLUP_SCHEMA.leaves.findIndex((leaf) => leaf.fieldId === fieldId);
}
