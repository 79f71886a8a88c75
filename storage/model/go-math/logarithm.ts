/**
 * Logarithms to the bit as Go has them on amd64, after FreeBSD's msun, of which is to be said
 *
 *   Copyright (C) 1993 by Sun Microsystems, Inc. All rights reserved.
 *   Permission to use, copy, modify, and distribute this software is freely granted, provided that this notice is preserved.
 */
import { fromWords, highWord, lowWord, partsOf, rawExponent, rawFraction } from './float-parts.ts';

const LN2_HIGH = 6.9314718036912381649e-1;
const LN2_LOW = 1.90821492927058770002e-10;
const L1 = 6.66666666666673513e-1;
const L2 = 3.999999999940941908e-1;
const L3 = 2.857142874366239149e-1;
const L4 = 2.222219843214978396e-1;
const L5 = 1.818357216161805012e-1;
const L6 = 1.531383769920937332e-1;
const L7 = 1.479819860511658591e-1;

/** The natural logarithm. Numbers below the normal ones are taken for such with the same bits, as Go's assembly does. */
export function ln(x: number): number {
  if (x === 0) return -Infinity;
  if (x < 0) return NaN;
  if (!(x < Infinity)) return x;
  let fraction = rawFraction(x);
  let exponent = rawExponent(x);
  if (fraction <= Math.SQRT1_2) {
    exponent -= 1;
    fraction *= 2;
  }
  const f = fraction - 1;
  const s = f / (2 + f);
  const s2 = s * s;
  const s4 = s2 * s2;
  const odd = s2 * (L1 + s4 * (L3 + s4 * (L5 + s4 * L7)));
  const even = s4 * (L2 + s4 * (L4 + s4 * L6));
  const halfSquare = 0.5 * f * f;
  return exponent * LN2_HIGH - (halfSquare - (s * (odd + even + halfSquare) + exponent * LN2_LOW) - f);
}

/** Of powers of two it is exact. */
export function log2(x: number): number {
  const { fraction, exponent } = partsOf(x);
  return fraction === 0.5 ? exponent - 1 : ln(fraction) * Math.LOG2E + exponent;
}

export function log10(x: number): number {
  return ln(x) * Math.LOG10E;
}

const SQRT2_MINUS_1 = 4.142135623730950488017e-1;
const SQRT1_2_MINUS_1 = -2.928932188134524755992e-1;
/** Of the bits of the square root of 2, those behind the first 12. */
const SQRT2_HIGH = 0x6a09e;
const SQRT2_LOW = 0x667f3bcd;

/** ln(1 + x), also where x is small. */
export function log1p(x: number): number {
  if (x < -1 || Number.isNaN(x)) return NaN;
  if (x === -1) return -Infinity;
  if (x === Infinity) return Infinity;
  const magnitude = Math.abs(x);
  if (magnitude < 2 ** -54) return x;
  if (magnitude < 2 ** -29) return x - x * x * 0.5;
  if (magnitude < SQRT2_MINUS_1 && x > SQRT1_2_MINUS_1) return logOfNearOne(x, 0, 0, false);
  const isSmall = magnitude < 2 ** 53;
  const sum = isSmall ? 1 + x : x;
  let exponent = (highWord(sum) >>> 20) - 1023;
  const correction = isSmall ? (exponent > 0 ? 1 - (sum - x) : x - (sum - 1)) / sum : 0;
  const mantissaHigh = highWord(sum) & 0xfffff;
  const mantissaLow = lowWord(sum);
  const isBelow = mantissaHigh < SQRT2_HIGH || (mantissaHigh === SQRT2_HIGH && mantissaLow < SQRT2_LOW);
  if (!isBelow) exponent++;
  const normalized = fromWords(mantissaHigh | (isBelow ? 0x3ff00000 : 0x3fe00000), mantissaLow);
  // Whether the mantissa's distance from 1, or a quarter of that from 2, is below one bit.
  const isOne = isBelow ? mantissaHigh === 0 && mantissaLow === 0 : mantissaHigh === 0xfffff && mantissaLow > 0xfffffffc;
  return logOfNearOne(normalized - 1, exponent, correction, isOne);
}

/** ln(1 + f) + exponent × ln 2, with what is to be added to it. */
function logOfNearOne(f: number, exponent: number, correction: number, isOne: boolean): number {
  const halfSquare = 0.5 * f * f;
  if (isOne) {
    if (f === 0) return exponent === 0 ? 0 : exponent * LN2_HIGH + (correction + exponent * LN2_LOW);
    const rest = halfSquare * (1 - 0.66666666666666666 * f);
    return exponent === 0 ? f - rest : exponent * LN2_HIGH - (rest - (exponent * LN2_LOW + correction) - f);
  }
  const s = f / (2 + f);
  const z = s * s;
  const rest = z * (L1 + z * (L2 + z * (L3 + z * (L4 + z * (L5 + z * (L6 + z * L7))))));
  if (exponent === 0) return f - (halfSquare - s * (halfSquare + rest));
  return exponent * LN2_HIGH - (halfSquare - (s * (halfSquare + rest) + (exponent * LN2_LOW + correction)) - f);
}
