import { DecodeError } from '../../../proto/decode-error.ts';
import { ByteReader, signedVarint } from '../../../proto/varint.ts';
import type { AvroValue } from './avro.ts';

/** Records inside each other: Iceberg's go four deep. */
const DEPTH_MAX = 16;
const SYNC_BYTES = 16;
const MAGIC = 'Obj\u0001';

const decoder = new TextDecoder();

export interface AvroFile {
  /** Name of the record type. */
  readonly name: string;
  /** The header's entries, Avro's own among them. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly records: readonly AvroRecord[];
}

/** Optional values that are null are `undefined`. */
export type AvroRecord = Readonly<Record<string, AvroValue>>;

export function isAvro(bytes: Uint8Array): boolean {
  return decoder.decode(bytes.subarray(0, MAGIC.length)) === MAGIC;
}

/**
 * Reads an object container file by the schema in its header: those of avro.ts, and others that are not compressed and have no maps, enums or
 * names that are used twice. `where` names it in errors.
 */
export function decodeAvroFile(bytes: Uint8Array, where: string): AvroFile {
  const reader = new ByteReader(bytes);
  try {
    if (!isAvro(reader.take(MAGIC.length))) throw new DecodeError('no Avro object container');
    const metadata = readMetadata(reader);
    const sync = reader.take(SYNC_BYTES);
    const codec = metadata.get('avro.codec') ?? 'null';
    if (codec !== 'null') throw new DecodeError(`codec ${codec}, want null`);
    const schema = JSON.parse(metadata.get('avro.schema') ?? 'null') as unknown;
    const records: AvroRecord[] = [];
    while (!reader.done) {
      const count = countOf(signedVarint(reader), reader);
      const end = signedVarint(reader) + reader.position;
      for (let i = 0; i < count; i++) records.push(decodeAvro(schema, reader, 0) as AvroRecord);
      if (reader.position !== end) throw new DecodeError(`a block ends at byte ${reader.position}, want ${end}`);
      if (!reader.take(SYNC_BYTES).every((byte, i) => byte === sync[i])) throw new DecodeError(`no sync mark before byte ${reader.position}`);
    }
    return { name: nameOf(schema), metadata, records };
  } catch (error) {
    if (!(error instanceof DecodeError || error instanceof SyntaxError)) throw error;
    throw new DecodeError(`${where}: ${error.message}`, { cause: error });
  }
}

function readMetadata(reader: ByteReader): Map<string, string> {
  const metadata = new Map<string, string>();
  for (let count = signedVarint(reader); count !== 0; count = signedVarint(reader)) {
    if (count < 0) throw new DecodeError(`a block of ${count} entries in the header`);
    for (let i = 0; i < count; i++) metadata.set(decoder.decode(bytesOf(reader)), decoder.decode(bytesOf(reader)));
  }
  return metadata;
}

interface SchemaObject {
  readonly type?: unknown;
  readonly fields?: unknown;
  readonly items?: unknown;
  readonly size?: unknown;
}

function nameOf(schema: unknown): string {
  return typeof schema === 'object' && schema !== null && 'name' in schema ? String(schema.name) : '';
}

function decodeAvro(schema: unknown, reader: ByteReader, depth: number): AvroValue {
  if (depth > DEPTH_MAX) throw new DecodeError(`more than ${DEPTH_MAX} types inside each other`);
  if (Array.isArray(schema)) {
    const branch = signedVarint(reader);
    if (branch < 0 || branch >= schema.length) throw new DecodeError(`branch ${branch} of ${schema.length}`);
    return decodeAvro(schema[branch], reader, depth + 1);
  }
  const { type, fields, items, size } = (typeof schema === 'object' && schema !== null ? schema : { type: schema }) as SchemaObject;
  if (typeof type === 'object' && type !== null) return decodeAvro(type, reader, depth + 1);
  switch (type) {
    case 'null':
      return undefined;
    case 'boolean':
      return reader.byte() !== 0;
    case 'int':
    case 'long':
      return signedVarint(reader);
    case 'double':
      return reader.float64();
    case 'string':
      return decoder.decode(bytesOf(reader));
    case 'bytes':
      return bytesOf(reader).slice();
    case 'fixed':
      if (typeof size !== 'number' || !Number.isInteger(size) || size < 0) throw new DecodeError(`a fixed value of ${JSON.stringify(size)} bytes`);
      return reader.take(size).slice();
    case 'array':
      return decodeArray(items, reader, depth);
    case 'record':
      if (Array.isArray(fields)) return decodeRecord(fields, reader, depth);
  }
  throw new DecodeError(`type ${JSON.stringify(type)} is not read here`);
}

function decodeRecord(fields: readonly unknown[], reader: ByteReader, depth: number): AvroValue {
  const record: Record<string, AvroValue> = {};
  for (const field of fields) {
    if (typeof field !== 'object' || field === null || !('name' in field && 'type' in field)) throw new DecodeError(`${JSON.stringify(field)} is no field of a record`);
    record[String(field.name)] = decodeAvro(field.type, reader, depth + 1);
  }
  return record;
}

function decodeArray(items: unknown, reader: ByteReader, depth: number): AvroValue {
  const values: AvroValue[] = [];
  for (let count = signedVarint(reader); count !== 0; count = signedVarint(reader)) {
    // A negative count has the bytes of the block behind it, for those who skip it.
    if (count < 0) signedVarint(reader);
    for (let left = countOf(Math.abs(count), reader); left > 0; left--) values.push(decodeAvro(items, reader, depth + 1));
  }
  return values;
}

/** None that is read here takes less than a byte: what is left bounds how many there can be. */
function countOf(count: number, reader: ByteReader): number {
  if (count < 0 || count > reader.end - reader.position) throw new DecodeError(`${count} values in ${reader.end - reader.position} bytes`);
  return count;
}

function bytesOf(reader: ByteReader): Uint8Array {
  const length = signedVarint(reader);
  if (length < 0) throw new DecodeError(`a length of ${length} before byte ${reader.position}`);
  return reader.take(length);
}
