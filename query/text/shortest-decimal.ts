import { writeEight } from './digits.ts';

/*
 * The shortest digits that read back as a double, written as ASCII without a string in between. What V8 does for `String(value)` takes about
 * three times as long with the string that it makes, and was most of what a large answer cost.
 *
 * For a value of this range there is a power of ten, itself exact as a double, that brings it to seventeen digits before the point; the
 * product is exact as the sum of two doubles (Dekker, "A floating-point technique for extending the available precision", 1971). Every
 * number within half a unit in the last place of the double reads back as it. That stretch is less than 23 of these seventeen-digit units,
 * so it holds at most one multiple of a hundred: which is the shortest then; else the nearest multiple of ten, if it lies within; else the
 * nearest whole. Whatever is too near an edge or the middle between two to be told by doubles is left to V8.
 */

/** From here on digits stand in front of a point, and below it there are zeros behind one. */
const VALUE_MIN = 1e-6;
const VALUE_MAX = 1e15;
const EXPONENT_MIN = -20;
/** Digits that are always enough. */
const DIGITS = 17;
const EIGHT_DIGITS = 100_000_000;
/** Far more than sums of doubles of this size can be wrong by. */
const DOUBT = 1e-9;

/** Splits a double in halves of 26 bits: 2^27 + 1. */
const SPLITTER = 134_217_729;

/** 10^k, exact up to k = 22, and its halves. */
const POWERS = Float64Array.from({ length: 23 }, (_, k) => Number(`1e${k}`));
const POWERS_HIGH = POWERS.map(highHalf);
const POWERS_LOW = POWERS.map((power, k) => power - POWERS_HIGH[k]!);
/** The least value of so many digits in front of the point; below one, less than none: `0.05` has -1. From -5 on. */
const LEAST = Float64Array.from({ length: 21 }, (_, i) => Number(`1e${i - 6}`));
const LEAST_DIGITS = -5;
/** Half a unit in the last place of values with a binary exponent from EXPONENT_MIN on. */
const HALF_UNITS = Float64Array.from({ length: 71 }, (_, i) => 2 ** (EXPONENT_MIN + i - 53));

const LOG10_OF_2 = 0.301_029_995_663_981_2;

const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);

const ZERO = 48;
const POINT = 46;
const MINUS = 45;

function highHalf(value: number): number {
  const scaled = value * SPLITTER;
  return scaled - (scaled - value);
}

/** Bytes that a value takes at most, with those that are overwritten meanwhile. */
export const SHORTEST_BYTES_MAX = 32;

/**
 * Writes a value at `at`, where there is room for SHORTEST_BYTES_MAX, and returns where it ends; `at` itself, and nothing is written, when
 * this is not the way to find its digits. `view` sees the same bytes.
 */
export function writeShortest(bytes: Uint8Array, view: DataView, at: number, value: number): number {
  const magnitude = Math.abs(value);
  if (!(magnitude >= VALUE_MIN && magnitude < VALUE_MAX)) return at;
  double[0] = magnitude;
  const high = words[1]!;
  // At a power of two the stretch is shorter below than above.
  if (words[0] === 0 && (high & 0xfffff) === 0) return at;
  const exponent = (high >>> 20) - 1023;
  let wholeDigits = Math.floor(exponent * LOG10_OF_2) + 1;
  wholeDigits += Number(magnitude >= LEAST[wholeDigits + 1 - LEAST_DIGITS]!);
  const k = DIGITS - wholeDigits;
  if (k > 22) return at;

  // value · 10^k = product + rest, exactly.
  const product = magnitude * POWERS[k]!;
  const valueHigh = highHalf(magnitude);
  const valueLow = magnitude - valueHigh;
  const powerHigh = POWERS_HIGH[k]!;
  const powerLow = POWERS_LOW[k]!;
  const rest = valueLow * powerLow - (product - valueHigh * powerHigh - valueLow * powerHigh - valueHigh * powerLow);
  if (product < 1e16 || product >= 1e17) return at;

  // In front of and behind the eighth digit from the right, and what is left of a unit, from -1/2 to 1/2. Integers from here on: of doubles, a remainder is a call.
  let front = (product / 1e8) | 0;
  const restWhole = Math.round(rest);
  let back = (product - front * 1e8 + restWhole) | 0;
  const part = rest - restWhole;
  const halfUnit = HALF_UNITS[exponent - EXPONENT_MIN]! * POWERS[k]!;
  if (back < 0) {
    front -= 1;
    back += EIGHT_DIGITS;
  } else if (back >= EIGHT_DIGITS) {
    front += 1;
    back -= EIGHT_DIGITS;
  }

  // Which of two neighbours is nearer differs from number to number, and a branch on it is guessed wrong half of the time: 0 or 1, by arithmetic.
  let length = DIGITS;
  const last2 = back % 100;
  const over100 = last2 + part;
  const up100 = ((over100 + 50) * 0.01) | 0;
  const by100 = Math.abs(over100 - up100 * 100) - halfUnit;
  if (by100 < -DOUBT) {
    back += up100 * 100 - last2;
    length -= 2;
  } else {
    const last = back % 10;
    const over10 = last + part;
    const up10 = ((over10 + 5) * 0.1) | 0;
    const off10 = Math.abs(over10 - up10 * 10);
    const by10 = off10 - halfUnit;
    if (by100 < DOUBT || Math.abs(by10) < DOUBT || off10 > 5 - DOUBT || Math.abs(part) > 0.5 - DOUBT) return at;
    const isTen = Number(by10 < 0);
    back += isTen * (up10 * 10 - last);
    length -= isTen;
  }
  if (back >= EIGHT_DIGITS) {
    front += 1;
    back -= EIGHT_DIGITS;
  }
  if (front >= 1e9) return at;
  return writeDigits(bytes, view, value < 0 ? minus(bytes, at) : at, front, back, wholeDigits, length);
}

function minus(bytes: Uint8Array, at: number): number {
  bytes[at] = MINUS;
  return at + 1;
}

/** The first `length` of nine digits and eight without zeros at the end; `wholeDigits` of them stand in front of the point. */
function writeDigits(bytes: Uint8Array, view: DataView, at: number, front: number, back: number, wholeDigits: number, length: number): number {
  let digitsAt = at + 1;
  if (wholeDigits <= 0) {
    bytes[at] = ZERO;
    bytes[at + 1] = POINT;
    digitsAt = at + 2;
    for (let i = wholeDigits; i < 0; i++) bytes[digitsAt++] = ZERO;
  }
  const front1 = (front / 1e8) | 0;
  bytes[digitsAt] = ZERO + front1;
  writeEight(view, digitsAt + 1, front - front1 * 1e8);
  let end = digitsAt + length;
  // Zeros behind the point need not be there; those in front of it do.
  if (back === 0 && wholeDigits <= 9) end = digitsAt + 9;
  else writeEight(view, digitsAt + 9, back);
  while (bytes[end - 1] === ZERO) end--;
  if (wholeDigits > 0) {
    // The digits stand one place to the right: those in front of the point move, and the gap is its place.
    for (let i = at; i < at + wholeDigits; i++) bytes[i] = bytes[i + 1]!;
    bytes[at + wholeDigits] = POINT;
    if (end <= at + wholeDigits + 1) return at + wholeDigits;
  }
  return end;
}
