import { formatFixed } from '../../storage/model/number-text.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import { twoFloatsAtLeast } from './regression.ts';
import { hasFloats, hasHistograms } from './window-function.ts';
import type { WindowFunction } from './window-function.ts';

/**
 * Holt's linear method (C. C. Holt, 1957): a moving average in which the past fades exponentially, with a trend that fades likewise.
 * The second and third argument are the smoothing and the trend factor, both between 0 and 1.
 */
export const doubleExponentialSmoothing: WindowFunction = (input, out) => {
  const [smoothings, trends] = input.args as [Float64Array, Float64Array];
  const { values } = input.floats;
  for (let step = 0; step < input.grid.count; step++) {
    if (!hasFloats(input, step) && !hasHistograms(input, step)) continue;
    // Wrong factors are an error wherever the window has anything, even too little to smooth.
    checkFactor('smoothing', 'sf', smoothings[step]!);
    checkFactor('trend', 'tf', trends[step]!);
  }
  twoFloatsAtLeast(input, out, (from, to, step) => {
    const smoothing = smoothings[step]!;
    const trend = trends[step]!;
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

function checkFactor(name: string, symbol: string, factor: number): void {
  if (factor <= 0 || factor >= 1) {
    throw new VarveError('execution', `invalid ${name} factor. Expected: 0 < ${symbol} < 1, got: ${formatFixed(factor)}`);
  }
}
