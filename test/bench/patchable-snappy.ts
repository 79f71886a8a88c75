/**
 * Snappy-compressed bytes in which chosen bytes can be overwritten afterwards without compressing again: those bytes only ever stand in
 * literals, never in a copy nor as the source of one. The rest is compressed as usual, so the sizes are like those of a real sender.
 */
export interface PatchableSnappy {
  readonly compressed: Uint8Array;
  /** Where each asked position of the plain bytes stands in `compressed`. */
  readonly patchOffsets: Int32Array;
}

const HASH_BITS = 14;
const MATCH_MIN = 4;
/** What a two-byte offset reaches; Snappy's own encoder works in blocks of this size too. */
const OFFSET_MAX = 65_535;
const COPY_LENGTH_MAX = 64;

/**
 * Format: google/snappy, format_description.txt. `isFixed[i]` is 0 where byte i will be overwritten. A run of such bytes stays contiguous in
 * the output, so the offset of its first byte is enough to patch all of it.
 */
export function compressPatchable(plain: Uint8Array, isFixed: Uint8Array, patchPositions: readonly number[]): PatchableSnappy {
  const out = new Uint8Array(32 + plain.length + Math.ceil(plain.length / 6));
  const patchOffsets = new Int32Array(patchPositions.length);
  const table = new Int32Array(1 << HASH_BITS).fill(-1);
  const view = new DataView(plain.buffer, plain.byteOffset, plain.byteLength);
  let written = putVarint(out, 0, plain.length);
  let literalStart = 0;
  let patchIndex = 0;
  let position = 0;

  const flushLiteral = (end: number): void => {
    if (end === literalStart) return;
    written = putLiteralTag(out, written, end - literalStart);
    for (; patchIndex < patchPositions.length && patchPositions[patchIndex]! < end; patchIndex++) {
      patchOffsets[patchIndex] = written + patchPositions[patchIndex]! - literalStart;
    }
    out.set(plain.subarray(literalStart, end), written);
    written += end - literalStart;
    literalStart = end;
  };

  while (position + MATCH_MIN <= plain.length) {
    const slot = Math.imul(view.getUint32(position, true), 0x1e35a7bd) >>> (32 - HASH_BITS);
    const candidate = table[slot]!;
    table[slot] = position;
    const length = candidate < 0 || position - candidate > OFFSET_MAX ? 0 : matchLength(plain, isFixed, candidate, position);
    if (length < MATCH_MIN) {
      position++;
      continue;
    }
    flushLiteral(position);
    written = putCopies(out, written, position - candidate, length);
    position += length;
    literalStart = position;
  }
  flushLiteral(plain.length);
  return { compressed: out.slice(0, written), patchOffsets };
}

function matchLength(plain: Uint8Array, isFixed: Uint8Array, candidate: number, position: number): number {
  let length = 0;
  while (
    position + length < plain.length &&
    plain[candidate + length] === plain[position + length] &&
    isFixed[candidate + length] === 1 &&
    isFixed[position + length] === 1
  ) {
    length++;
  }
  return length;
}

function putVarint(out: Uint8Array, at: number, value: number): number {
  let rest = value;
  let end = at;
  while (rest >= 0x80) {
    out[end++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  out[end++] = rest;
  return end;
}

/** A literal's tag is its length less one, shifted by two; from 61 bytes on, the length follows in one to four bytes of its own. */
function putLiteralTag(out: Uint8Array, at: number, length: number): number {
  const rest = length - 1;
  if (rest < 60) {
    out[at] = rest << 2;
    return at + 1;
  }
  const lengthBytes = rest < 0x100 ? 1 : rest < 0x1_0000 ? 2 : rest < 0x100_0000 ? 3 : 4;
  out[at] = (59 + lengthBytes) << 2;
  for (let index = 0; index < lengthBytes; index++) out[at + 1 + index] = rest >>> (8 * index);
  return at + 1 + lengthBytes;
}

function putCopies(out: Uint8Array, at: number, offset: number, length: number): number {
  let end = at;
  for (let rest = length; rest > 0; rest -= COPY_LENGTH_MAX) {
    const part = Math.min(rest, COPY_LENGTH_MAX);
    if (part >= 4 && part <= 11 && offset < 2048) {
      out[end++] = ((offset >>> 8) << 5) | ((part - 4) << 2) | 1;
      out[end++] = offset & 0xff;
    } else {
      out[end++] = ((part - 1) << 2) | 2;
      out[end++] = offset & 0xff;
      out[end++] = offset >>> 8;
    }
  }
  return end;
}
