/** Sine, cosine and tangent to the bit as Go has them, after S. L. Moshier's Cephes library. */
import { fromWords, highWord, lowWord } from './float-parts.ts';

const SINE = [1.58962301576546568060e-10, -2.50507477628578072866e-8, 2.75573136213857245213e-6, -1.98412698295895385996e-4, 8.33333333332211858878e-3, -1.66666666666666307295e-1] as const;
const COSINE = [-1.13585365213876817300e-11, 2.08757008419747316778e-9, -2.75573141792967388112e-7, 2.48015872888517045348e-5, -1.38888888888730564116e-3, 4.16666666666665929218e-2] as const;

export function sin(x: number): number {
  if (x === 0 || Number.isNaN(x)) return x;
  if (!Number.isFinite(x)) return NaN;
  const { octant, rest } = reduced(Math.abs(x));
  const within = octant % 4;
  const value = within === 2 ? cosineNearZero(rest) : sineNearZero(rest);
  return x < 0 !== octant > 3 ? -value : value;
}

export function cos(x: number): number {
  if (!Number.isFinite(x)) return NaN;
  const { octant, rest } = reduced(Math.abs(x));
  const within = octant % 4;
  const value = within === 2 ? sineNearZero(rest) : cosineNearZero(rest);
  return octant > 3 !== within > 1 ? -value : value;
}

export function tan(x: number): number {
  if (x === 0 || Number.isNaN(x)) return x;
  if (!Number.isFinite(x)) return NaN;
  const { octant, rest } = reduced(Math.abs(x));
  const square = rest * rest;
  const isSmall = !(square > 1e-14);
  const near = isSmall ? rest : rest + rest * ((square * tangentNumerator(square)) / tangentDenominator(square));
  const value = octant % 4 === 2 ? -1 / near : near;
  return x < 0 ? -value : value;
}

function tangentNumerator(square: number): number {
  return (-1.30936939181383777646e4 * square + 1.15351664838587416140e6) * square - 1.79565251976484877988e7;
}

function tangentDenominator(square: number): number {
  return (((square + 1.36812963470692954678e4) * square - 1.32089234440210967447e6) * square + 2.50083801823357915839e7) * square - 5.38695755929454629881e7;
}

function sineNearZero(z: number): number {
  const square = z * z;
  return z + z * square * polynomial(SINE, square);
}

function cosineNearZero(z: number): number {
  const square = z * z;
  return 1 - 0.5 * square + square * square * polynomial(COSINE, square);
}

function polynomial(coefficients: readonly number[], x: number): number {
  let sum = coefficients[0]!;
  for (let i = 1; i < coefficients.length; i++) sum = sum * x + coefficients[i]!;
  return sum;
}

/** An even number of eighths of a turn, from 0 to 6, and what is left of the angle. */
interface ReducedAngle {
  readonly octant: number;
  readonly rest: number;
}

const QUARTER_PI_HIGH = 7.85398125648498535156e-1;
const QUARTER_PI_MIDDLE = 3.77489470793079817668e-8;
const QUARTER_PI_LOW = 2.69515142907905952645e-15;
const EIGHTHS_PER_RADIAN = 1.27323954473516268615;
/** From here on three parts of π/4 are too few. */
const LARGE_ANGLE = 2 ** 29;

function reduced(angle: number): ReducedAngle {
  if (angle >= LARGE_ANGLE) return reducedByManyBits(angle);
  const eighths = Math.floor(angle * EIGHTHS_PER_RADIAN);
  const even = eighths % 2 === 1 ? eighths + 1 : eighths;
  return { octant: even % 8, rest: angle - even * QUARTER_PI_HIGH - even * QUARTER_PI_MIDDLE - even * QUARTER_PI_LOW };
}

/** 4/π in binary, one digit before the point in a word of its own, then 19 words of 64 (Payne and Hanek, "Radian reduction for trigonometric functions", 1983). */
const FOUR_OVER_PI = 0x1_45f306dc9c882a53_f84eafa3ea69bb81_b6c52b3278872083_fca2c757bd778ac3_6e48dc74849ba5c0_0c925dd413a32439_fc3bd63962534e7d_d1046bea5d768909_d338e04d68befc82_7323ac7306a673e9_3908bf177bf25076_3ff12fffbc0b301f_de5e2316b414da3e_da6cfd9e4f96136e_9e8c7ecd3cbfd45a_ea4f758fd7cbe2f6_7a0e73ef14a525d4_d7f6bf623f1aba10_ac06608df8f6d757n;
const FOUR_OVER_PI_BITS = 20 * 64;
const WORD = 64n;
const WORD_MASK = (1n << WORD) - 1n;

function reducedByManyBits(angle: number): ReducedAngle {
  const high = highWord(angle);
  const exponent = (high >>> 20) - 1023 - 52;
  const mantissa = (BigInt((high & 0xfffff) | 0x100000) << 32n) | BigInt(lowWord(angle));
  // Three words from where the product's first digit has the exponent -61; of the product the two highest words.
  const digits = (FOUR_OVER_PI >> BigInt(FOUR_OVER_PI_BITS - 3 * 64 - (exponent + 61))) & ((1n << (3n * WORD)) - 1n);
  const [word0, word1, word2] = [digits >> (2n * WORD), (digits >> WORD) & WORD_MASK, digits & WORD_MASK];
  const product = ((word0 * mantissa) << WORD) + word1 * mantissa + ((word2 * mantissa) >> WORD);
  const eighths = Number((product >> 125n) & 7n);
  const fraction = fractionOf((product >> 61n) & WORD_MASK, product & WORD_MASK);
  const isOdd = eighths % 2 === 1;
  return { octant: isOdd ? (eighths + 1) % 8 : eighths, rest: (isOdd ? fraction - 1 : fraction) * (Math.PI / 4) };
}

/** The fraction that a word begins, cut to the length of a float64; `low` has what follows the third bit of the word before. */
function fractionOf(word: bigint, low: bigint): number {
  let zeros = 0;
  while (zeros < 64 && ((word >> BigInt(63 - zeros)) & 1n) === 0n) zeros++;
  const behindFirstOne = BigInt(zeros + 1);
  const mantissa = (((word << behindFirstOne) & WORD_MASK) | (low >> (WORD - behindFirstOne))) >> 12n;
  return fromWords(((1023 - (zeros + 1)) << 20) | Number(mantissa >> 32n), Number(mantissa & 0xffffffffn));
}
