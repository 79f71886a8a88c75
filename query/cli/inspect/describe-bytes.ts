import { PARQUET_MAGIC } from '../../../storage/archive/parquet/parquet-footer.ts';
import { isAvro } from '../../../storage/catalog/iceberg/avro-reader.ts';
import { describeAvro, describeMetadata, isTableMetadata } from './describe-iceberg.ts';
import { describeParquet } from './describe-parquet.ts';
import { describeSegment, isSegment } from './describe-segment.ts';
import type { InspectOptions } from './options.ts';
import { counted } from './text.ts';

/** Describes a file by what it is, which its first bytes tell. */
export function* describeBytes(bytes: Uint8Array, name: string, options: InspectOptions): Generator<string> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const json = bytes[0] === '{'.charCodeAt(0) ? parseJson(bytes) : undefined;
  if (bytes.length >= 12 && view.getUint32(0, true) === PARQUET_MAGIC && view.getUint32(bytes.length - 4, true) === PARQUET_MAGIC) yield* describeParquet(bytes, name, options);
  else if (isAvro(bytes)) yield* describeAvro(bytes, name, options);
  else if (isTableMetadata(json)) yield* describeMetadata(json);
  else if (isSegment(bytes)) yield* describeSegment(bytes, name, options);
  else yield `${counted(bytes.length, 'byte')}, and no Parquet file, Avro file, Iceberg metadata, segment row or SQLite database${bytes.length > 0 && bytes[0]! < 8 ? ' (or a damaged one)' : ''}`;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

const SQLITE_HEAD = 'SQLite format 3\0';

export function isSqlite(head: Uint8Array): boolean {
  return new TextDecoder().decode(head.subarray(0, SQLITE_HEAD.length)) === SQLITE_HEAD;
}
