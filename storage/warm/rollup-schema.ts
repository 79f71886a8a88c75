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
  doubleField('sum', ROLLUP_FIELD.sum, 'optional'),
  doubleField('min', ROLLUP_FIELD.min, 'optional'),
  doubleField('max', ROLLUP_FIELD.max, 'optional'),
  doubleField('first', ROLLUP_FIELD.first, 'optional'),
  timestampField('first_timestamp', ROLLUP_FIELD.firstTimestamp, 'optional'),
  doubleField('last', ROLLUP_FIELD.last, 'optional'),
  timestampField('last_timestamp', ROLLUP_FIELD.lastTimestamp, 'optional'),
  doubleField('increase', ROLLUP_FIELD.increase, 'optional'),
  doubleField('p50', ROLLUP_FIELD.p50, 'optional'),
  doubleField('p99', ROLLUP_FIELD.p99, 'optional'),
  bytesField('sketch', ROLLUP_FIELD.sketch, 'optional'),
  longField('stale_count', ROLLUP_FIELD.staleCount),
  longField('histogram_count', ROLLUP_FIELD.histogramCount),
]);

/** Position of a column in the file. */
export function rollupColumnOf(fieldId: number): number {
  return ROLLUP_SCHEMA.leaves.findIndex((leaf) => leaf.fieldId === fieldId);
}
