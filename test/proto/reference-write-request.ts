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
  return fieldsOf(message)
    .filter((field) => field.number === 1)
    .map((field) => {
      const series: ReferenceSeries = { labels: [], samples: [] };
      for (const part of fieldsOf(field.bytes)) {
        if (part.number === 1) series.labels.push(text(part.bytes, 1), text(part.bytes, 2));
        if (part.number === 2) series.samples.push(sampleOf(part.bytes));
      }
      return series;
    });
}

function text(message: Uint8Array, number: number): string {
  const last = fieldsOf(message).findLast((field) => field.number === number);
  return last === undefined ? '' : new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(last.bytes);
}

function sampleOf(message: Uint8Array): { bits: bigint; timestampMs: bigint } {
  const fields = fieldsOf(message);
  const value = fields.findLast((field) => field.number === 1);
  const timestamp = fields.findLast((field) => field.number === 2);
  return {
    bits: value === undefined ? 0n : new DataView(value.bytes.buffer, value.bytes.byteOffset).getBigUint64(0, true),
    timestampMs: BigInt.asIntN(64, timestamp?.varint ?? 0n),
  };
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
