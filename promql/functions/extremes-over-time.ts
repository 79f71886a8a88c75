import type { StepColumns } from '../operators/step-series.ts';
import { floatsOnly } from './over-time.ts';
import type { WindowFunction, WindowInput } from './window-function.ts';

export const maxOverTime: WindowFunction = (input, out) => extremes(input, out, isAbove, (index) => input.floats.values[index]!);
export const minOverTime: WindowFunction = (input, out) => extremes(input, out, isBelow, (index) => input.floats.values[index]!);
export const tsOfMaxOverTime: WindowFunction = (input, out) => extremes(input, out, isAbove, (index) => input.floats.timestampsMs[index]! / 1000);
export const tsOfMinOverTime: WindowFunction = (input, out) => extremes(input, out, isBelow, (index) => input.floats.timestampsMs[index]! / 1000);

function isAbove(a: number, b: number): boolean {
  return a > b;
}

function isBelow(a: number, b: number): boolean {
  return a < b;
}

/**
 * The extreme sample of each window, the last among equals; NaN only where there is nothing else. A queue of candidates, each beaten by
 * none after it, slides with the windows, so that all steps together cost one pass over the samples.
 */
function extremes(input: WindowInput, out: StepColumns, beats: (a: number, b: number) => boolean, result: (index: number) => number): void {
  const { values } = input.floats;
  const queue = new Int32Array(values.length);
  let head = 0;
  let tail = 0;
  let next = 0;
  floatsOnly(input, out, (from, to) => {
    for (; next < to; next++) {
      const value = values[next]!;
      if (Number.isNaN(value)) continue;
      while (tail > head && !beats(values[queue[tail - 1]!]!, value)) tail--;
      queue[tail++] = next;
    }
    while (head < tail && queue[head]! < from) head++;
    return result(head < tail ? queue[head]! : to - 1);
  });
}
