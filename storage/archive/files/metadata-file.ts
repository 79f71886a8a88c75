import type { NotedMetadata } from '../../catalog/metadata-store.ts';
import { METRIC_NAME } from '../../model/labels.ts';
import { ColumnChunkWriter } from '../parquet/column-chunk-writer.ts';
import { PLAIN, type Bounds, type ColumnChunk } from '../parquet/parquet-footer.ts';
import { parquetSchema, stringField, timestampField } from '../parquet/parquet-schema.ts';
import { PAGE_BYTES_TARGET } from '../parquet/zstd-frame.ts';
import { writeTimestamps } from './sample-columns.ts';
import { SeriesFileWriter, type SeriesFile } from './series-file-writer.ts';

/** The columns of the table `metadata`: as Iceberg has them in metadata-table.ts. */
const SCHEMA = parquetSchema('metadata', [
  stringField('metric', 1),
  stringField('type', 2),
  stringField('help', 3),
  stringField('unit', 4),
  timestampField('last_seen', 5),
  timestampField('taken', 6),
]);

const encoder = new TextEncoder();

/** Entries as one Parquet file of one row group: at least one, in the order of metrics. Same entries, same bytes. */
export function encodeMetadataFile(entries: readonly NotedMetadata[], takenMs: number): SeriesFile {
  const file = new SeriesFileWriter(SCHEMA, {});
  for (let start = 0, end = 0; start < entries.length; start = end) {
    const { metric } = entries[start]!;
    while (entries[end]?.metric === metric) end++;
    file.noteSeries({ labels: [METRIC_NAME, metric], rowCount: end - start, minTimeMs: takenMs, maxTimeMs: takenMs, hasStarts: false, hasHistograms: false });
  }
  const chunk = new ColumnChunkWriter(file.out);
  const { length } = entries;
  const columns = [
    writeStrings(entries.map(({ metric }) => metric), chunk, true),
    writeStrings(entries.map(({ type }) => type), chunk),
    writeStrings(entries.map(({ help }) => help), chunk),
    writeStrings(entries.map(({ unit }) => unit), chunk),
    writeTimestamps({ timestampsMs: Float64Array.from(entries, ({ notedMs }) => notedMs), length }, chunk),
    writeTimestamps({ timestampsMs: new Float64Array(length).fill(takenMs), length }, chunk),
  ];
  file.noteGroup({ rowCount: length, columns });
  return file.finish();
}

function writeStrings(texts: readonly string[], chunk: ColumnChunkWriter, isSorted = false): ColumnChunk {
  const boundsOf = (from: number, to: number): Bounds | undefined => (isSorted ? { lower: encoder.encode(texts[from]), upper: encoder.encode(texts[to]) } : undefined);
  chunk.begin();
  for (let start = 0, end = 0; start < texts.length; start = end) {
    for (; end < texts.length && (end === start || chunk.plain.length < PAGE_BYTES_TARGET); end++) {
      const bytes = encoder.encode(texts[end]);
      chunk.plain.uint32(bytes.length);
      chunk.plain.append(bytes);
    }
    chunk.page(start, end - start, PLAIN, boundsOf(start, end - 1));
  }
  return chunk.finish(0, boundsOf(0, texts.length - 1), { isAscending: isSorted });
}
