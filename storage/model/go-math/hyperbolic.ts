/** Hyperbolic functions and their inverses to the bit as Go has them. */
import { exp } from './exponential.ts';
import { ln, log1p } from './logarithm.ts';

/** From here on e^-x no longer matters, and is left out: results are infinite from 709.78 and not from 710.48 on. */
const ONE_EXPONENTIAL_ABOVE = 21;

/** Near zero by a quotient of polynomials (Hart and Cheney, "Computer Approximations", 1968, number 2029). */
export function sinh(x: number): number {
  // Of -0 as of a positive number, so that it stays what it is.
  const magnitude = x < 0 ? -x : x;
  let value: number;
  if (magnitude > ONE_EXPONENTIAL_ABOVE) value = exp(magnitude) * 0.5;
  else if (magnitude > 0.5) {
    const exponential = exp(magnitude);
    value = (exponential - 1 / exponential) * 0.5;
  } else {
    const square = magnitude * magnitude;
    const numerator = (((-0.2630563213397497062819489e2 * square - 0.2894211355989563807284660366e4) * square - 0.8991272022039509355398013511e5) * square - 0.6307673640497716991184787251e6) * magnitude;
    value = numerator / (((square - 0.173678953558233699533450911e3) * square + 0.1521517378790019070696485176e5) * square - 0.6307673640497716991212077277e6);
  }
  return x < 0 ? -value : value;
}

export function cosh(x: number): number {
  const magnitude = Math.abs(x);
  const exponential = exp(magnitude);
  return magnitude > ONE_EXPONENTIAL_ABOVE ? exponential * 0.5 : (exponential + 1 / exponential) * 0.5;
}

/** Half the logarithm of 2^127: beyond it there is only 1. */
const TANH_IS_ONE_ABOVE = 0.5 * 8.8029691931113054295988e1;

/** After S. L. Moshier's Cephes library. */
export function tanh(x: number): number {
  const magnitude = Math.abs(x);
  if (magnitude > TANH_IS_ONE_ABOVE) return x < 0 ? -1 : 1;
  if (magnitude >= 0.625) {
    const value = 1 - 2 / (exp(2 * magnitude) + 1);
    return x < 0 ? -value : value;
  }
  if (x === 0) return x;
  const s = x * x;
  const numerator = (-9.64399179425052238628e-1 * s - 9.92877231001918586564e1) * s - 1.61468768441708447952e3;
  const denominator = ((s + 1.12811678491632931402e2) * s + 2.23548839060100448583e3) * s + 4.84406305325125486048e3;
  return x + (x * s * numerator) / denominator;
}

const TINY = 2 ** -28;
const LARGE = 2 ** 28;

export function asinh(x: number): number {
  if (!Number.isFinite(x)) return x;
  const magnitude = Math.abs(x);
  let value: number;
  if (magnitude > LARGE) value = ln(magnitude) + Math.LN2;
  else if (magnitude > 2) value = ln(2 * magnitude + 1 / (Math.sqrt(magnitude * magnitude + 1) + magnitude));
  else if (magnitude < TINY) return x;
  else value = log1p(magnitude + (magnitude * magnitude) / (1 + Math.sqrt(1 + magnitude * magnitude)));
  return x < 0 ? -value : value;
}

export function acosh(x: number): number {
  if (!(x >= 1)) return NaN;
  if (x === 1) return 0;
  if (x >= LARGE) return ln(x) + Math.LN2;
  if (x > 2) return ln(2 * x - 1 / (x + Math.sqrt(x * x - 1)));
  const t = x - 1;
  return log1p(t + Math.sqrt(2 * t + t * t));
}

export function atanh(x: number): number {
  const magnitude = Math.abs(x);
  if (!(magnitude <= 1)) return NaN;
  if (magnitude === 1) return x * Infinity;
  if (magnitude < TINY) return x;
  const double = magnitude + magnitude;
  const value = 0.5 * (magnitude < 0.5 ? log1p(double + (double * magnitude) / (1 - magnitude)) : log1p(double / (1 - magnitude)));
  return x < 0 ? -value : value;
}
