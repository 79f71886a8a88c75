/** Reads an XOR chunk bit by bit, slowly and by the book: the other side of the writer in tests. Values come as their 64 bits. */
export function readXorChunk(bytes: Uint8Array): { timestampMs: number; bits: bigint }[] {
  let position = 0;
  const bit = (): number => {
    const value = (bytes[position >> 3]! >> (7 - (position & 7))) & 1;
    position++;
    return value;
  };
  const bitsOf = (count: number): bigint => {
    let value = 0n;
    for (let i = 0; i < count; i++) value = (value << 1n) | BigInt(bit());
    return value;
  };
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bitsOf(8);
      value |= (byte & 0x7fn) << shift;
      if (byte < 0x80n) return value;
    }
  };
  const count = Number(bitsOf(16));
  const samples: { timestampMs: number; bits: bigint }[] = [];
  let time = 0n;
  let distance = 0n;
  let value = 0n;
  let leading = 0;
  let length = 0;
  for (let i = 0; i < count; i++) {
    if (i === 0) {
      const zigzag = varint();
      time = zigzag & 1n ? -((zigzag + 1n) / 2n) : zigzag / 2n;
      value = bitsOf(64);
    } else {
      if (i === 1) distance = varint();
      else {
        const widths = [0, 14, 17, 20, 64];
        let prefix = 0;
        while (prefix < 4 && bit() === 1) prefix++;
        const width = widths[prefix]!;
        let change = bitsOf(width);
        if (width === 64) change = BigInt.asIntN(64, change);
        else if (width > 0 && change > 1n << BigInt(width - 1)) change -= 1n << BigInt(width);
        distance += change;
      }
      time += distance;
      if (bit() === 1) {
        if (bit() === 1) {
          leading = Number(bitsOf(5));
          length = Number(bitsOf(6)) || 64;
        }
        value ^= bitsOf(length) << BigInt(64 - leading - length);
      }
    }
    samples.push({ timestampMs: Number(time), bits: value });
  }
  return samples;
}
