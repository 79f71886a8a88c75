import { doubleField, parquetSchema, stringMapField } from '../parquet/parquet-schema.ts';
import { FIELD, SERIES_FIELDS } from './samples-schema.ts';

/* The columns of the table `exemplars`: as Parquet has them here, as Iceberg has them in exemplars-table.ts. One row is one exemplar. */

/** Ids that samples have not. */
export const EXEMPLAR_FIELD = { labels: 11, labelKey: 12, labelValue: 13 } as const;

export const EXEMPLARS_SCHEMA = parquetSchema('exemplars', [
  ...SERIES_FIELDS,
  doubleField('value', FIELD.value, 'optional'),
  stringMapField('exemplar_labels', EXEMPLAR_FIELD.labels, EXEMPLAR_FIELD.labelKey, EXEMPLAR_FIELD.labelValue),
]);
