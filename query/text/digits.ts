/*
 * Digits of whole numbers as ASCII, four or two at a time. Numbers are 32-bit integers: a division of doubles costs several times as much, and a
 * remainder of them is a call.
 */

const ZERO = 48;
const EIGHT_DIGITS = 100_000_000;

/** The digits of 0 to 99, and of 0 to 9999, the first one in the lowest byte: words that are written little-endian. */
const PAIRS = Uint16Array.from({ length: 100 }, (_, i) => (ZERO + Math.floor(i / 10)) | ((ZERO + (i % 10)) << 8));
const FOURS = new Uint32Array(10_000);
for (let high = 0; high < 100; high++) {
  for (let low = 0; low < 100; low++) FOURS[high * 100 + low] = PAIRS[high]! | (PAIRS[low]! << 16);
}

/** Writes a whole number from 0 to 2^53 at `at`, and returns where it ends. `view` and `bytes` are the same memory. */
export function writeWhole(bytes: Uint8Array, view: DataView, at: number, value: number): number {
  if (value <= 0x7fffffff) return writeInteger(bytes, view, at, value | 0);
  const front = Math.floor(value / EIGHT_DIGITS);
  const end = writeInteger(bytes, view, at, front | 0);
  writeEight(view, end, (value - front * EIGHT_DIGITS) | 0);
  return end + 8;
}

function writeInteger(bytes: Uint8Array, view: DataView, at: number, value: number): number {
  const end = at + lengthOf(value);
  let rest = value;
  let place = end;
  while (rest >= 100) {
    const hundredth = (rest / 100) | 0;
    place -= 2;
    view.setUint16(place, PAIRS[rest - hundredth * 100]!, true);
    rest = hundredth;
  }
  if (rest >= 10) view.setUint16(at, PAIRS[rest]!, true);
  else bytes[at] = ZERO + rest;
  return end;
}

function lengthOf(value: number): number {
  if (value < 10_000) return value < 100 ? (value < 10 ? 1 : 2) : value < 1000 ? 3 : 4;
  if (value < EIGHT_DIGITS) return value < 1_000_000 ? (value < 100_000 ? 5 : 6) : value < 10_000_000 ? 7 : 8;
  return value < 1_000_000_000 ? 9 : 10;
}

/** Writes the six digits of a number below a million, zeros in front of it included. */
export function writeSix(view: DataView, at: number, value: number): void {
  const front = (value / 10_000) | 0;
  view.setUint16(at, PAIRS[front]!, true);
  view.setUint32(at + 2, FOURS[value - front * 10_000]!, true);
}

/** The eight digits of one below a hundred million. */
export function writeEight(view: DataView, at: number, value: number): void {
  const front = (value / 10_000) | 0;
  view.setUint32(at, FOURS[front]!, true);
  view.setUint32(at + 4, FOURS[value - front * 10_000]!, true);
}
