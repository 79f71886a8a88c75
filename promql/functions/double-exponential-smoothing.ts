import { VarveError } from '../../storage/runtime/errors.ts';
import { twoFloatsAtLeast } from './regression.ts';
import type { WindowFunction } from './window-function.ts';

/**
 * Holt's linear method (C. C. Holt, 1957): a moving average in which the past fades exponentially, with a trend that fades likewise.
 * The second and third argument are the smoothing and the trend factor, both between 0 and 1.
 */
export const doubleExponentialSmoothing: WindowFunction = (input, out) => {
  const [smoothings, trends] = input.args as [Float64Array, Float64Array];
  const { values } = input.floats;
  twoFloatsAtLeast(input, out, (from, to, step) => {
    const smoothing = checkFactor('smoothing', 'sf', smoothings[step]!);
    const trend = checkFactor('trend', 'tf', trends[step]!);
    let previous = 0;
    let current = values[from]!;
    let slope = values[from + 1]! - values[from]!;
    for (let i = from + 1; i < to; i++) {
      if (i > from + 1) slope = trend * (current - previous) + (1 - trend) * slope;
      const next = smoothing * values[i]! + (1 - smoothing) * (current + slope);
      previous = current;
      current = next;
    }
    return current;
  });
};

function checkFactor(name: string, symbol: string, factor: number): number {
  if (factor <= 0 || factor >= 1) {
    throw new VarveError('execution', `invalid ${name} factor. Expected: 0 < ${symbol} < 1, got: ${factor.toFixed(6)}`);
  }
  return factor;
}
