import { mixedFloatsHistograms } from '../annotations.ts';
import type { StepColumns } from '../operators/step-series.ts';
import { instantHistogramRate } from './instant-rate-of-histograms.ts';
import { isStartReset } from './start-timestamps.ts';
import { hasAnyHistogram, metricNameOf } from './window-function.ts';
import type { WindowFunction, WindowInput } from './window-function.ts';

export const irate: WindowFunction = (input, out) => lastTwo(input, out, true);
export const idelta: WindowFunction = (input, out) => lastTwo(input, out, false);

/** The difference of the last two samples of a window; per second and mindful of resets for irate. */
function lastTwo(input: WindowInput, out: StepColumns, isRate: boolean): void {
  for (let step = 0; step < input.floatWindows.from.length; step++) {
    if (hasAnyHistogram(input)) lastTwoOfEither(input, out, isRate, step);
    else if (input.floatWindows.to[step]! - input.floatWindows.from[step]! >= 2) {
      setFloatResult(input, out, isRate, step);
    }
  }
}

function setFloatResult(input: WindowInput, out: StepColumns, isRate: boolean, step: number): void {
  const { timestampsMs, values, startTimestampsMs } = input.floats;
  const last = input.floatWindows.to[step]! - 1;
  const intervalMs = timestampsMs[last]! - timestampsMs[last - 1]!;
  if (intervalMs === 0) return;
  const isReset = isRate && (values[last]! < values[last - 1]! || (startTimestampsMs !== undefined
    && isStartReset(startTimestampsMs[last - 1]!, timestampsMs[last - 1]!, startTimestampsMs[last]!, timestampsMs[last]!)));
  const difference = isReset ? values[last]! : values[last]! - values[last - 1]!;
  out.setFloat(step, isRate ? difference / (intervalMs / 1000) : difference);
}

function lastTwoOfEither(input: WindowInput, out: StepColumns, isRate: boolean, step: number): void {
  const floatCount = input.floatWindows.to[step]! - input.floatWindows.from[step]!;
  const histogramCount = input.histogramWindows.to[step]! - input.histogramWindows.from[step]!;
  if (floatCount + histogramCount < 2) return;
  const floatMs = (back: number): number => (back <= floatCount ? input.floats.timestampsMs[input.floatWindows.to[step]! - back]! : -Infinity);
  const histogramMs = (back: number): number =>
    back <= histogramCount ? input.histograms.timestampsMs[input.histogramWindows.to[step]! - back]! : -Infinity;
  if (floatMs(2) > histogramMs(1)) setFloatResult(input, out, isRate, step);
  else if (histogramMs(2) > floatMs(1)) instantHistogramRate(input, out, isRate, step);
  else input.annotate(mixedFloatsHistograms(metricNameOf(input)));
}
