/** The parts of float64 numbers: sign, exponent and mantissa. */
const floats = new Float64Array(1);
const words = new Uint32Array(floats.buffer);
/** Every machine that this runs on keeps the low word first. */
const [LOW, HIGH] = [0, 1];

const EXPONENT_BIAS = 1022;
const EXPONENT_MASK = 0x7ff00000;
/** The exponent of numbers from 0.5 to below 1. */
const EXPONENT_OF_HALF = 0x3fe00000;

export function highWord(value: number): number {
  floats[0] = value;
  return words[HIGH]!;
}

export function lowWord(value: number): number {
  floats[0] = value;
  return words[LOW]!;
}

export function fromWords(high: number, low: number): number {
  words[HIGH] = high;
  words[LOW] = low;
  return floats[0]!;
}

/** The exponent as it stands there, without a look at whether the number is a normal one. */
export function rawExponent(value: number): number {
  return ((highWord(value) & EXPONENT_MASK) >>> 20) - EXPONENT_BIAS;
}

/** The number with the exponent of those from 0.5 to below 1, its mantissa as it stands there. */
export function rawFraction(value: number): number {
  floats[0] = value;
  words[HIGH] = (words[HIGH]! & ~EXPONENT_MASK) | EXPONENT_OF_HALF;
  return floats[0];
}

export interface Parts {
  /** From 0.5 to below 1, with the number's sign; of 0, infinities and NaN the number itself. */
  readonly fraction: number;
  /** Of 2. */
  readonly exponent: number;
}

/** The number as fraction × 2^exponent. */
export function partsOf(value: number): Parts {
  if (value === 0 || !Number.isFinite(value)) return { fraction: value, exponent: 0 };
  const isNormal = Math.abs(value) >= 2 ** -1022;
  const normal = isNormal ? value : value * 2 ** 52;
  return { fraction: rawFraction(normal), exponent: rawExponent(normal) - (isNormal ? 0 : 52) };
}

/** fraction × 2^exponent, rounded once where it is no normal number. */
export function scaled(fraction: number, exponent: number): number {
  if (fraction === 0 || !Number.isFinite(fraction)) return fraction;
  const parts = partsOf(fraction);
  const sum = parts.exponent + exponent;
  if (sum > 1024) return fraction < 0 ? -Infinity : Infinity;
  if (sum < -1074) return fraction < 0 ? -0 : 0;
  // In two steps, the first of which is exact: 2^1024 is no number, and neither is 2^-1075.
  return sum < -1021 ? parts.fraction * 2 ** (sum + 53) * 2 ** -53 : parts.fraction * 2 * 2 ** (sum - 1);
}
