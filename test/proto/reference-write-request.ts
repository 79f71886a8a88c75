/**
 * A second decoder of WriteRequest, written for plainness: it follows the protobuf encoding rules field by field with bigints and objects.
 * Only tests use it, to have something to disagree with.
 */
export interface ReferenceSeries {
  labels: string[];
  samples: { bits: bigint; timestampMs: bigint }[];
}

type Field = { readonly number: number; readonly wireType: number; readonly varint: bigint; readonly bytes: Uint8Array };

export function referenceDecode(message: Uint8Array): ReferenceSeries[] {
  return ofType(fieldsOf(message), 1, 2).map((field) => {
      const series: ReferenceSeries = { labels: [], samples: [] };
      const parts = fieldsOf(field.bytes);
      for (const label of ofType(parts, 1, 2)) series.labels.push(text(label.bytes, 1), text(label.bytes, 2));
      for (const sample of ofType(parts, 2, 2)) series.samples.push(sampleOf(sample.bytes));
      return series;
    });
}

function text(message: Uint8Array, number: number): string {
  const last = ofType(fieldsOf(message), number, 2).at(-1);
  return last === undefined ? '' : new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(last.bytes);
}

function sampleOf(message: Uint8Array): { bits: bigint; timestampMs: bigint } {
  const fields = fieldsOf(message);
  const value = ofType(fields, 1, 1).at(-1);
  const timestamp = ofType(fields, 2, 0).at(-1);
  return {
    bits: value === undefined ? 0n : new DataView(value.bytes.buffer, value.bytes.byteOffset).getBigUint64(0, true),
    timestampMs: BigInt.asIntN(64, timestamp?.varint ?? 0n),
  };
}

/** The fields of a number, which must all have the wire type that the schema says. */
function ofType(fields: readonly Field[], number: number, wireType: number): Field[] {
  const found = fields.filter((field) => field.number === number);
  if (found.some((field) => field.wireType !== wireType)) throw new Error(`reference: wire type of field ${number}`);
  return found;
}

function fieldsOf(message: Uint8Array): Field[] {
  const fields: Field[] = [];
  let position = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[position++];
      if (byte === undefined || shift > 63n) throw new Error('reference: bad varint');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (length: number): Uint8Array => {
    if (position + length > message.length) throw new Error('reference: cut off');
    position += length;
    return message.subarray(position - length, position);
  };
  while (position < message.length) {
    const tag = Number(varint());
    const [number, wireType] = [Math.floor(tag / 8), tag % 8];
    const none = new Uint8Array(0);
    if (wireType === 0) fields.push({ number, wireType, varint: varint(), bytes: none });
    else if (wireType === 1) fields.push({ number, wireType, varint: 0n, bytes: take(8) });
    else if (wireType === 2) fields.push({ number, wireType, varint: 0n, bytes: take(Number(varint())) });
    else if (wireType === 5) fields.push({ number, wireType, varint: 0n, bytes: take(4) });
    else throw new Error(`reference: wire type ${wireType}`);
  }
  return fields;
}
