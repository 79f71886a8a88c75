import { DecodeError } from '../../../proto/decode-error.ts';
import { ByteReader } from '../../../proto/varint.ts';
import { signedVarint } from '../../../storage/chunk/timestamps.ts';

/*
 * Reads Avro object container files by the schema that is in them: those of storage/catalog/avro.ts, and others that are not compressed
 * and have no maps, enums or names that are used twice.
 */
export type AvroRecord = { readonly [field: string]: AvroRead };
export type AvroRead = null | boolean | number | string | Uint8Array | readonly AvroRead[] | AvroRecord;

/** As JSON has it. */
type Schema = string | readonly Schema[] | { readonly type: Schema; readonly name?: string; readonly fields?: readonly { readonly name: string; readonly type: Schema }[]; readonly items?: Schema; readonly size?: number };

export interface AvroFile {
  /** Name of the record type. */
  readonly name: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly records: readonly AvroRecord[];
}

const MAGIC = [0x4f, 0x62, 0x6a, 1];
const SYNC_BYTES = 16;
const decoder = new TextDecoder();

export function isAvro(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, i) => bytes[i] === byte);
}

export function readAvro(bytes: Uint8Array, name: string): AvroFile {
  const reader = new ByteReader(bytes, MAGIC.length);
  const metadata = new Map<string, string>();
  for (const pair of blocks(reader, () => [textOf(reader), textOf(reader)] as const)) metadata.set(pair[0], pair[1]);
  const codec = metadata.get('avro.codec') ?? 'null';
  if (codec !== 'null') throw new DecodeError(`${name}: blocks are compressed with ${codec}, which is not read here`);
  const schema = JSON.parse(metadata.get('avro.schema') ?? '""') as Schema;
  const sync = reader.take(SYNC_BYTES);
  const records: AvroRecord[] = [];
  while (!reader.done) {
    const inBlock = signedVarint(reader);
    const block = new ByteReader(reader.take(signedVarint(reader)));
    for (let i = 0; i < inBlock; i++) records.push(readValue(schema, block, name) as AvroRecord);
    if (!block.done) throw new DecodeError(`${name}: ${block.end - block.position} bytes too many in a block`);
    const mark = reader.take(SYNC_BYTES);
    if (mark.some((byte, i) => byte !== sync[i])) throw new DecodeError(`${name}: another sync marker at byte ${reader.position - SYNC_BYTES}`);
  }
  return { name: typeof schema === 'object' && 'name' in schema ? (schema.name ?? '') : '', metadata, records };
}

function readValue(schema: Schema, reader: ByteReader, name: string): AvroRead {
  if (Array.isArray(schema)) {
    const branch = (schema as readonly Schema[])[signedVarint(reader)];
    if (branch === undefined) throw new DecodeError(`${name}: a branch that the union does not have, at byte ${reader.position}`);
    return readValue(branch, reader, name);
  }
  if (typeof schema !== 'string') return readNamed(schema as Exclude<Schema, string | readonly Schema[]>, reader, name);
  switch (schema) {
    case 'null':
      return null;
    case 'boolean':
      return reader.byte() === 1;
    case 'int':
    case 'long':
      return signedVarint(reader);
    case 'double':
      return reader.float64();
    case 'string':
      return textOf(reader);
    case 'bytes':
      return reader.take(signedVarint(reader));
    default:
      throw new DecodeError(`${name}: Avro type ${schema} is not read here`);
  }
}

function readNamed(schema: Exclude<Schema, string | readonly Schema[]>, reader: ByteReader, name: string): AvroRead {
  const { type, fields, items, size } = schema;
  if (type === 'record') return Object.fromEntries((fields ?? []).map((field) => [field.name, readValue(field.type, reader, `${name}: ${field.name}`)]));
  if (type === 'array') return [...blocks(reader, () => readValue(items!, reader, name))];
  if (type === 'fixed') return reader.take(size ?? 0);
  return readValue(type, reader, name);
}

/** Items come in counted blocks, and end with one of none; a block whose count is negative has its bytes before it. */
function* blocks<T>(reader: ByteReader, read: () => T): Generator<T> {
  for (;;) {
    let items = signedVarint(reader);
    if (items === 0) return;
    if (items < 0) {
      items = -items;
      signedVarint(reader);
    }
    for (; items > 0; items--) yield read();
  }
}

function textOf(reader: ByteReader): string {
  return decoder.decode(reader.take(signedVarint(reader)));
}
