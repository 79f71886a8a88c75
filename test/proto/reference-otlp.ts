import { METRICS_REQUEST, type Field, type MessageType } from '../../proto/otlp-json-schema.ts';

/**
 * A second decoder of ExportMetricsServiceRequest, written for plainness: it follows protobuf's rules field by field over the schema table,
 * with bigints and objects. Only tests use it, to have something to disagree with.
 */
export type ReferenceMessage = { [name: string]: ReferenceValue[] };
export type ReferenceValue = ReferenceMessage | bigint | string;

/** All values of all fields, in the order of the message; doubles as their bits, text and bytes as hexadecimal digits. */
export function referenceOtlp(bytes: Uint8Array): ReferenceMessage {
  return decodeMessage(bytes, METRICS_REQUEST);
}

class Damage extends Error {}

export function isDamage(error: unknown): boolean {
  return error instanceof Damage;
}

const ONE_OF_TWO: Readonly<Record<string, string>> = { asInt: 'asDouble', asDouble: 'asInt' };
const PACKED = new Set(['double', 'fixed64', 'uint64']);

function decodeMessage(bytes: Uint8Array, type: MessageType): ReferenceMessage {
  const message: ReferenceMessage = {};
  let position = 0;
  const varint = (end: number): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      if (position >= end || shift > 63n) throw new Damage('varint');
      const byte = bytes[position++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
  };
  const varint32 = (): number => {
    const start = position;
    const value = varint(bytes.length);
    if (value > 0xffffffffn || position - start > 5) throw new Damage('varint above 32 bits');
    return Number(value);
  };
  const take = (length: number): Uint8Array => {
    if (position + length > bytes.length) throw new Damage('cut off');
    position += length;
    return bytes.subarray(position - length, position);
  };
  while (position < bytes.length) {
    const tag = varint32();
    const [number, wireType] = [tag >>> 3, tag & 7];
    if (number === 0) throw new Damage('field 0');
    const field = type.fields.find((candidate) => candidate.number === number);
    if (field === undefined) {
      if (wireType === 0) varint(bytes.length);
      else if (wireType === 1) take(8);
      else if (wireType === 2) take(varint32());
      else if (wireType === 5) take(4);
      else throw new Damage('wire type');
      continue;
    }
    // Of a oneof the last one counts.
    const other = ONE_OF_TWO[field.name];
    if (other !== undefined) delete message[other];
    const values = (message[field.name] ??= []);
    if (wireType !== wireTypeOf(field)) {
      if (wireType !== 2 || !field.isRepeated || !PACKED.has(String(field.type))) throw new Damage(`wire type of ${field.name}`);
      const content = take(varint32());
      const packed = decodeMessage(withTags(content, field), { fields: [field], isNested: false });
      values.push(...(packed[field.name] ?? []));
      continue;
    }
    if (wireType === 0) values.push(varint(bytes.length));
    else if (wireType === 1) values.push(BigInt(`0x${hex(take(8).slice().reverse())}`));
    else {
      const content = take(varint32());
      values.push(typeof field.type === 'string' ? hex(content) : decodeMessage(content, field.type()));
    }
  }
  return message;
}

/** Packed numbers as unpacked ones. */
function withTags(content: Uint8Array, field: Field): Uint8Array {
  const wireType = wireTypeOf(field);
  const bytes: number[] = [];
  for (let at = 0; at < content.length; ) {
    bytes.push(field.number * 8 + wireType);
    if (wireType === 1) for (let i = 0; i < 8 && at < content.length; i++) bytes.push(content[at++]!);
    else while (at < content.length) if ((bytes.push(content[at]!), content[at++]! < 0x80)) break;
  }
  return Uint8Array.from(bytes);
}

function wireTypeOf(field: Field): number {
  if (typeof field.type !== 'string' || ['string', 'hex', 'base64'].includes(field.type)) return 2;
  return ['double', 'fixed64', 'sfixed64'].includes(field.type) ? 1 : 0;
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
