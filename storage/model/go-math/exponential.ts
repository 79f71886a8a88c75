/**
 * Exponentials to the bit as Go has them: `exp2` after FreeBSD's msun, of which is to be said
 *
 *   Copyright (C) 2004 by Sun Microsystems, Inc. All rights reserved.
 *   Permission to use, copy, modify, and distribute this software is freely granted, provided that this notice is preserved.
 *
 * and `exp` after the assembly for amd64 with fused multiplication: N. Shibata, "Efficient evaluation methods of elementary functions suitable
 * for SIMD computation", 2010.
 */
import { scaled } from './float-parts.ts';
import { fusedMultiplyAdd } from './fused-multiply-add.ts';

const EXP_LARGEST = 7.09782712893384e2;
/** Less than the exponent of the smallest number. */
const EXPONENT_MIN = -1075;
const LN2_UPPER = 0.69314718055966295651160180568695068359375;
const LN2_LOWER = 0.28235290563031577122588448175013436025525412068e-12;
/** 1/8!, 1/7!, … 1/2!, 1. */
const TAYLOR = [
  2.4801587301587301587e-5, 1.984126984126984127e-4, 1.3888888888888888889e-3, 8.3333333333333333333e-3, 4.1666666666666666667e-2,
  1.6666666666666666667e-1, 0.5, 1,
] as const;

/** e^x. */
export function exp(x: number): number {
  if (Number.isNaN(x) || x === Infinity) return x;
  if (x > EXP_LARGEST) return Infinity;
  const exponent = roundHalfEven(x * Math.LOG2E);
  if (exponent < EXPONENT_MIN) return 0;
  const rest = fusedMultiplyAdd(-exponent, LN2_LOWER, fusedMultiplyAdd(-exponent, LN2_UPPER, x));
  // Of a sixteenth of it, less 1; and doubled four times.
  const sixteenth = rest * 0.0625;
  let sum: number = TAYLOR[0];
  for (let i = 1; i < TAYLOR.length; i++) sum = fusedMultiplyAdd(sixteenth, sum, TAYLOR[i]!);
  let result = sixteenth * sum;
  for (let i = 0; i < 3; i++) result *= result + 2;
  return timesPower(fusedMultiplyAdd(result + 2, result, 1), exponent);
}

function roundHalfEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/** As the assembly scales: what is too large for an exponent is infinite, even if the number would be none yet. */
function timesPower(value: number, exponent: number): number {
  if (exponent >= 1024) return Infinity;
  return exponent > -1023 ? value * 2 ** exponent : value * 2 ** (exponent + 1022) * 2 ** -1022;
}

const LN2_HIGH = 6.9314718036912381649e-1;
const LN2_LOW = 1.90821492927058770002e-10;
const EXP2_LARGEST = 1.0239999999999999e3;
const EXP2_SMALLEST = -1.074e3;

/** 2^x. */
export function exp2(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x > EXP2_LARGEST) return Infinity;
  if (x < EXP2_SMALLEST) return 0;
  const exponent = Math.trunc(x > 0 ? x + 0.5 : x < 0 ? x - 0.5 : 0);
  const rest = x - exponent;
  return expOfRest(rest * LN2_HIGH, -rest * LN2_LOW, exponent);
}

/** e^(high - low) × 2^exponent, for a small difference. */
function expOfRest(high: number, low: number, exponent: number): number {
  const rest = high - low;
  const square = rest * rest;
  const polynomial = 1.66666666666666657415e-1
    + square * (-2.77777777770155933842e-3 + square * (6.61375632143793436117e-5 + square * (-1.6533902205465251539e-6 + square * 4.13813679705723846039e-8)));
  const corrected = rest - square * polynomial;
  return scaled(1 - (low - (rest * corrected) / (2 - corrected) - high), exponent);
}
