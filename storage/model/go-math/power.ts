import { exp } from './exponential.ts';
import { partsOf, scaled } from './float-parts.ts';
import { ln } from './logarithm.ts';

/** base^exponent to the bit as Go has it: by squarings of the base for the whole part of the exponent, by the exponential for the rest. */
export function power(base: number, exponent: number): number {
  if (exponent === 0 || base === 1) return 1;
  if (exponent === 1) return base;
  if (Number.isNaN(base) || Number.isNaN(exponent)) return NaN;
  if (base === 0) return powerOfZero(base, exponent);
  if (exponent === Infinity || exponent === -Infinity) return extremePower(base, exponent);
  if (base === -Infinity) return power(-0, -exponent);
  if (base === Infinity) return exponent < 0 ? 0 : Infinity;
  if (exponent === 0.5) return Math.sqrt(base);
  if (exponent === -0.5) return 1 / Math.sqrt(base);
  const magnitude = Math.abs(exponent);
  const whole = Math.trunc(magnitude);
  if (whole !== magnitude && base < 0) return NaN;
  return whole >= 2 ** 63 ? extremePower(base, exponent) : finitePower(base, whole, magnitude - whole, exponent < 0);
}

function powerOfZero(base: number, exponent: number): number {
  const keepsSign = Object.is(base, -0) && isOdd(exponent);
  if (exponent < 0) return keepsSign ? -Infinity : Infinity;
  return keepsSign ? base : 0;
}

/** Numbers so large that they have no bit for it are even. */
function isOdd(value: number): boolean {
  return Math.abs(value % 2) === 1;
}

/** For exponents beyond which there is only 0, 1 and infinity. */
function extremePower(base: number, exponent: number): number {
  if (base === -1) return 1;
  return Math.abs(base) < 1 === exponent > 0 ? 0 : Infinity;
}

/** Squares of a number beyond this power of two are nothing or infinite, whatever is multiplied by them. */
const EXPONENT_MAX = 4096;

function finitePower(base: number, wholeExponent: number, rest: number, isReciprocal: boolean): number {
  const roundsUp = rest > 0.5;
  let result = rest === 0 ? 1 : exp((roundsUp ? rest - 1 : rest) * ln(base));
  let resultExponent = 0;
  let { fraction: square, exponent: squareExponent } = partsOf(base);
  for (let left = roundsUp ? wholeExponent + 1 : wholeExponent; left !== 0; left = Math.floor(left / 2)) {
    if (Math.abs(squareExponent) > EXPONENT_MAX) {
      resultExponent += squareExponent;
      break;
    }
    if (left % 2 === 1) {
      result *= square;
      resultExponent += squareExponent;
    }
    square *= square;
    squareExponent *= 2;
    if (square < 0.5) {
      square += square;
      squareExponent--;
    }
  }
  return isReciprocal ? scaled(1 / result, -resultExponent) : scaled(result, resultExponent);
}
