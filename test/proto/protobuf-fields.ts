/** Protobuf by hand, for messages that no encoder of ours would write. */

const UTF8 = new TextEncoder();

/** A varint of up to 64 bits, two's complement for negative numbers. `length` pads it to that many bytes. */
export function varint(value: number | bigint, length = 0): number[] {
  const bytes: number[] = [];
  // Nearly all: BigInts take their time.
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && length <= 1) {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
    bytes.push(rest);
    return bytes;
  }
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  } while (rest > 0n || bytes.length < length);
  bytes.push(bytes.pop()! & 0x7f);
  return bytes;
}

export function tag(field: number, wireType: number): number[] {
  return varint(field * 8 + wireType);
}

export function bytesField(field: number, content: readonly number[] | string): number[] {
  const bytes = typeof content === 'string' ? UTF8.encode(content) : content;
  const encoded = tag(field, 2).concat(varint(bytes.length));
  // At once, which few do not repay.
  if (Array.isArray(bytes) && bytes.length > 100) return encoded.concat(bytes as readonly number[]);
  for (let i = 0; i < bytes.length; i++) encoded.push(bytes[i]!);
  return encoded;
}

export function varintField(field: number, value: number | bigint): number[] {
  return [...tag(field, 0), ...varint(value)];
}

export function doubleField(field: number, value: number): number[] {
  return tag(field, 1).concat(Array.from(new Uint8Array(Float64Array.of(value).buffer)));
}

export function fixed32Field(field: number, value: number): number[] {
  return [...tag(field, 5), ...new Uint8Array(Uint32Array.of(value).buffer)];
}

export function label(name: string, value: string): number[] {
  return bytesField(1, [...bytesField(1, name), ...bytesField(2, value)]);
}

export function sample(value: number, timestampMs: number | bigint): number[] {
  return bytesField(2, [...doubleField(1, value), ...varintField(2, timestampMs)]);
}

export function series(...fields: readonly (readonly number[])[]): number[] {
  return bytesField(1, fields.flat());
}

export function request(...parts: readonly (readonly number[])[]): Uint8Array {
  return Uint8Array.from(parts.flat());
}
