import { DecodeError } from '../../../proto/decode-error.ts';
import { ByteReader } from '../../../proto/varint.ts';
import type { ColumnBounds, ColumnStatistics, DataFile } from '../../catalog/iceberg/data-file.ts';
import type { ArchiveTableName } from '../../catalog/iceberg/table-definition.ts';
import { tableDefinition } from '../../catalog/iceberg/table-definitions.ts';
import type { ObjectStore } from '../../object-store.ts';
import { must } from '../../runtime/assert.ts';
import { MissingObjectError } from '../missing-object.ts';
import { PARQUET_MAGIC, PARQUET_TAIL_BYTES } from '../parquet/parquet-footer.ts';
import { readStruct, type ThriftStruct } from '../parquet/thrift.ts';
import { DIRECTORY_KEY, mergeBounds } from './series-file-writer.ts';

/** Fetched first from the end: most footers fit. */
const TAIL_BYTES_FIRST = 64 * 1024;
const METRIC_FIELD = 1;
const MICROS_PER_MS = 1000n;

/** What a catalog knows of a file, read from the file itself: all but how many values are NaN, which Parquet does not say. */
export async function describeObject(store: ObjectStore, table: ArchiveTableName, key: string, sizeBytes: number): Promise<DataFile> {
  const footer = await readFooterOf(store, key, sizeBytes);
  const fieldIds = footer.structs(2).flatMap((element) => (element.has(1) ? [element.has(9) ? element.number(9) : -1] : []));
  const columns = fieldIds.map((fieldId, column) => statisticsOf(fieldId, footer.structs(4).map((group) => group.structs(1)[column]), key));
  const boundsOf = (wanted: number): ColumnBounds => {
    const bounds = columns.find(({ fieldId }) => fieldId === wanted)?.bounds;
    if (bounds === undefined) throw new DecodeError(`${key}: no bounds of column ${wanted}`);
    return bounds;
  };
  const times = boundsOf(tableDefinition(table).partitionSpec.fields[0]['source-id']);
  const metrics = boundsOf(METRIC_FIELD);
  const decoder = new TextDecoder();
  return {
    table,
    key,
    sizeBytes,
    tailBytes: sizeBytes - directoryAt(footer, key),
    rowCount: footer.count(3),
    minTimeMs: millisecondsOf(times.lower),
    maxTimeMs: millisecondsOf(times.upper),
    firstMetric: decoder.decode(metrics.lower),
    lastMetric: decoder.decode(metrics.upper),
    columns,
  };
}

async function readFooterOf(store: ObjectStore, key: string, sizeBytes: number): Promise<ThriftStruct> {
  let tail = await tailOf(store, key, sizeBytes, TAIL_BYTES_FIRST);
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  if (tail.length < PARQUET_TAIL_BYTES || view.getUint32(tail.length - 4, true) !== PARQUET_MAGIC) throw new DecodeError(`${key}: no Parquet file`);
  const footerBytes = view.getUint32(tail.length - PARQUET_TAIL_BYTES, true);
  if (footerBytes + PARQUET_TAIL_BYTES > sizeBytes) throw new DecodeError(`${key}: a footer of ${footerBytes} bytes in ${sizeBytes}`);
  if (footerBytes + PARQUET_TAIL_BYTES > tail.length) tail = await tailOf(store, key, sizeBytes, footerBytes + PARQUET_TAIL_BYTES);
  const end = tail.length - PARQUET_TAIL_BYTES;
  return readStruct(new ByteReader(tail.subarray(end - footerBytes, end)), `${key}: footer`);
}

async function tailOf(store: ObjectStore, key: string, sizeBytes: number, wantedBytes: number): Promise<Uint8Array> {
  const length = Math.min(sizeBytes, wantedBytes);
  const bytes = await store.get(key, { offset: sizeBytes - length, length });
  if (bytes === undefined) throw new MissingObjectError(key);
  return bytes;
}

function directoryAt(footer: ThriftStruct, key: string): number {
  const decoder = new TextDecoder();
  const pair = footer.structs(5).find((each) => decoder.decode(each.bytes(1)) === DIRECTORY_KEY);
  const offset = pair && Number(decoder.decode(pair.bytes(2)).split(',')[0]);
  if (offset === undefined || !Number.isInteger(offset)) throw new DecodeError(`${key}: no series directory`);
  return offset;
}

/** Of a column, over its chunks: see ColumnMetaData and Statistics of parquet.thrift. */
function statisticsOf(fieldId: number, chunks: readonly (ThriftStruct | undefined)[], key: string): ColumnStatistics {
  const metadata = chunks.map((chunk) => {
    if (chunk === undefined) throw new DecodeError(`${key}: a row group without column ${fieldId}`);
    return chunk.struct(3);
  });
  const sum = (of: (chunk: ThriftStruct) => number): number => metadata.reduce((total, chunk) => total + of(chunk), 0);
  const statistics = metadata.map((chunk) => chunk.struct(12));
  const bounds = statistics.flatMap((each) => (each.has(5) && each.has(6) ? [{ lower: each.bytes(6).slice(), upper: each.bytes(5).slice() }] : []));
  return {
    fieldId,
    bytes: sum((chunk) => chunk.count(7)),
    valueCount: sum((chunk) => chunk.count(5)),
    nullCount: statistics.reduce((total, each) => total + each.count(3), 0),
    nanCount: undefined,
    bounds: bounds.length === 0 ? undefined : mergeBounds(bounds, must(metadata[0], 'a chunk').number(1)),
  };
}

function millisecondsOf(bytes: Uint8Array): number {
  return Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigInt64(0, true) / MICROS_PER_MS);
}
