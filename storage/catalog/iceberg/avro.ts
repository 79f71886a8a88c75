import { ColumnWriter } from '../../chunk/index.ts';
import { messageOf } from '../../runtime/errors.ts';

/*
 * Avro as Iceberg's manifests need it: values by a schema, in object container files. Nothing generates code, which Workers forbid.
 * (Apache Avro 1.12 specification, "Binary Encoding" and "Object Container Files".)
 */
export type AvroSchema =
  | 'null'
  | 'boolean'
  | 'int'
  | 'long'
  | 'string'
  | 'bytes'
  | { readonly type: 'int' | 'long'; readonly logicalType: string }
  | { readonly type: 'record'; readonly name: string; readonly fields: readonly AvroField[] }
  | { readonly type: 'array'; readonly items: AvroSchema; readonly logicalType?: string; readonly 'element-id'?: number }
  | readonly ['null', AvroSchema];

export interface AvroField {
  readonly name: string;
  readonly type: AvroSchema;
  readonly default?: null;
  readonly 'field-id': number;
}

/** Numbers are whole and below 2^52; an optional value that is `undefined` is null. */
export type AvroValue = undefined | boolean | number | string | Uint8Array | readonly AvroValue[] | { readonly [field: string]: AvroValue };

const MAGIC = Uint8Array.of(0x4f, 0x62, 0x6a, 1);
const SYNC_BYTES = 16;
/** Values of one block, uncompressed. */
const BLOCK_BYTES_TARGET = 64 * 1024;

const encoder = new TextEncoder();

/** An object container file of records. `sync` is 16 random bytes; `metadata` goes into the header beside Avro's own. */
export function encodeAvroFile(schema: AvroSchema, records: Iterable<AvroValue>, metadata: Readonly<Record<string, string>>, sync: Uint8Array): Uint8Array {
  if (sync.length !== SYNC_BYTES) throw new RangeError(`${sync.length} bytes of sync, want ${SYNC_BYTES}`);
  const out = new ColumnWriter(16 * 1024);
  out.append(MAGIC);
  const entries = Object.entries({ ...metadata, 'avro.schema': JSON.stringify(schema), 'avro.codec': 'null' });
  out.signed(entries.length);
  for (const [key, value] of entries) {
    writeBytes(encoder.encode(key), out);
    writeBytes(encoder.encode(value), out);
  }
  out.signed(0);
  out.append(sync);
  const block = new ColumnWriter(16 * 1024);
  let count = 0;
  const flush = (): void => {
    if (count === 0) return;
    out.signed(count);
    writeBytes(block.written(), out);
    out.append(sync);
    block.clear();
    count = 0;
  };
  for (const record of records) {
    encodeAvro(schema, record, block);
    count++;
    if (block.length >= BLOCK_BYTES_TARGET) flush();
  }
  flush();
  return out.written().slice();
}

/** Writes one value. Throws a TypeError on a value that the schema does not have: our own mistake. */
function encodeAvro(schema: AvroSchema, value: AvroValue, out: ColumnWriter): void {
  if (Array.isArray(schema)) {
    const [, inner] = schema as readonly ['null', AvroSchema];
    out.signed(value === undefined ? 0 : 1);
    if (value !== undefined) encodeAvro(inner, value, out);
    return;
  }
  const type = typeof schema === 'string' ? schema : (schema as Exclude<AvroSchema, string | readonly ['null', AvroSchema]>).type;
  switch (type) {
    case 'null':
      return;
    case 'boolean':
      if (typeof value !== 'boolean') throw mismatch(schema, value);
      out.byte(value ? 1 : 0);
      return;
    case 'int':
    case 'long':
      if (typeof value !== 'number') throw mismatch(schema, value);
      out.signed(value);
      return;
    case 'string':
      if (typeof value !== 'string') throw mismatch(schema, value);
      writeBytes(encoder.encode(value), out);
      return;
    case 'bytes':
      if (!(value instanceof Uint8Array)) throw mismatch(schema, value);
      writeBytes(value, out);
      return;
    case 'array':
      if (!Array.isArray(value)) throw mismatch(schema, value);
      if (value.length > 0) out.signed(value.length);
      for (const item of value as readonly AvroValue[]) encodeAvro((schema as { readonly items: AvroSchema }).items, item, out);
      out.signed(0);
      return;
    case 'record':
      if (typeof value !== 'object' || value instanceof Uint8Array || Array.isArray(value)) throw mismatch(schema, value);
      for (const field of (schema as { readonly fields: readonly AvroField[] }).fields) {
        try {
          encodeAvro(field.type, (value as { readonly [field: string]: AvroValue })[field.name], out);
        } catch (error) {
          throw new TypeError(`${field.name}: ${messageOf(error)}`, { cause: error });
        }
      }
  }
}

function writeBytes(bytes: Uint8Array, out: ColumnWriter): void {
  out.signed(bytes.length);
  out.append(bytes);
}

function mismatch(schema: AvroSchema, value: AvroValue): TypeError {
  return new TypeError(`BUG: a ${typeof value} as Avro ${JSON.stringify(schema).slice(0, 80)}`);
}
