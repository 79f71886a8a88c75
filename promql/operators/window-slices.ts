import type { WindowInput } from '../functions/window-function.ts';
import type { Windows } from './windows.ts';

/** Steps `from` up to, not including, `to`. */
export interface StepSlice {
  readonly from: number;
  readonly to: number;
}

/** Cuts the steps where their windows have so many samples together, a histogram counted as `perHistogram`; each slice has at least one step. */
export function slicesOf({ floatWindows, histogramWindows }: WindowInput, samplesPerSlice: number, perHistogram: number): StepSlice[] {
  const stepCount = floatWindows.from.length;
  const slices: StepSlice[] = [];
  let from = 0;
  let sampleCount = 0;
  for (let step = 0; step < stepCount; step++) {
    sampleCount += floatWindows.to[step]! - floatWindows.from[step]! + (histogramWindows.to[step]! - histogramWindows.from[step]!) * perHistogram;
    if (sampleCount < samplesPerSlice && step < stepCount - 1) continue;
    slices.push({ from, to: step + 1 });
    from = step + 1;
    sampleCount = 0;
  }
  return slices;
}

/** The same series, seen from some of the steps only. */
export function sliceOf(input: WindowInput, from: number, to: number): WindowInput {
  const { reference, grid } = input;
  const count = to - from;
  return {
    ...input,
    floatWindows: sliceWindows(input.floatWindows, from, to),
    histogramWindows: sliceWindows(input.histogramWindows, from, to),
    reference: { firstMs: reference.firstMs + from * reference.stepMs, stepMs: reference.stepMs, count },
    grid: { startMs: grid.startMs + from * grid.stepMs, endMs: grid.startMs + (to - 1) * grid.stepMs, stepMs: grid.stepMs, count },
    args: input.args.map((values) => values.subarray(from, to)),
  };
}

function sliceWindows(windows: Windows, from: number, to: number): Windows {
  const slice = { from: windows.from.subarray(from, to), to: windows.to.subarray(from, to) };
  let sampleCount = 0;
  for (let step = 0; step < slice.from.length; step++) sampleCount += slice.to[step]! - slice.from[step]!;
  return { ...slice, sampleCount };
}
