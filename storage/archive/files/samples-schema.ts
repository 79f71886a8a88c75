import { bytesField, doubleField, fixedField, parquetSchema, stringField, stringMapField, timestampField, type RowField } from '../parquet/parquet-schema.ts';

/*
 * The columns of the table `samples`: as Parquet has them here, as Iceberg has them in samples-table.ts. One row is one sample.
 */
export const FIELD = { metric: 1, labels: 2, labelKey: 3, labelValue: 4, seriesId: 5, timestamp: 6, value: 7, histogram: 8, startTimestamp: 9, document: 10 } as const;

const SERIES_ID_BYTES = 12;

/** How the rows of every table begin: which series, and when. */
export const SERIES_FIELDS: readonly RowField[] = [
  stringField('metric', FIELD.metric),
  stringMapField('labels', FIELD.labels, FIELD.labelKey, FIELD.labelValue),
  fixedField('series_id', FIELD.seriesId, SERIES_ID_BYTES),
  timestampField('timestamp', FIELD.timestamp),
];

/** In the order of the file. What a query reads stands together. */
export const SAMPLES_SCHEMA = parquetSchema('samples', [
  ...SERIES_FIELDS,
  doubleField('value', FIELD.value, 'optional'),
  bytesField('histogram', FIELD.histogram, 'optional'),
  timestampField('start_timestamp', FIELD.startTimestamp, 'optional'),
]);

/**
 * The same for the values of a TimeSeriesStore: a row has a value or a document, JSON text, which stands in the place and in the way of a
 * histogram. Whoever reads samples reads these too.
 */
export const POINTS_SCHEMA = parquetSchema('points', [
  ...SERIES_FIELDS,
  doubleField('value', FIELD.value, 'optional'),
  stringField('document', FIELD.document, 'optional'),
  timestampField('start_timestamp', FIELD.startTimestamp, 'optional'),
]);
