import type { StepColumns } from '../operators/step-series.ts';
import { floatsOnly } from './over-time.ts';
import type { WindowFunction, WindowInput } from './window-function.ts';

// Of equal values the first one stays, which shows in the sign of a zero; of their times the last one counts.
export const maxOverTime: WindowFunction = (input, out) => extremes(input, out, (newer, older) => newer > older, valueAt(input));
export const minOverTime: WindowFunction = (input, out) => extremes(input, out, (newer, older) => newer < older, valueAt(input));
export const tsOfMaxOverTime: WindowFunction = (input, out) => extremes(input, out, (newer, older) => newer >= older, secondsAt(input));
export const tsOfMinOverTime: WindowFunction = (input, out) => extremes(input, out, (newer, older) => newer <= older, secondsAt(input));

type SampleReader = (index: number) => number;

function valueAt({ floats }: WindowInput): SampleReader {
  return (index) => floats.values[index]!;
}

function secondsAt({ floats }: WindowInput): SampleReader {
  return (index) => floats.timestampsMs[index]! / 1000;
}

/**
 * The extreme sample of each window; NaN only where there is nothing else. A queue of candidates, none of which a later one displaces,
 * slides with the windows, so that all steps together cost one pass over the samples.
 */
function extremes(input: WindowInput, out: StepColumns, displaces: (newer: number, older: number) => boolean, result: SampleReader): void {
  const { values } = input.floats;
  const queue = new Int32Array(values.length);
  let head = 0;
  let tail = 0;
  let next = 0;
  floatsOnly(input, out, (from, to) => {
    for (; next < to; next++) {
      const value = values[next]!;
      if (Number.isNaN(value)) continue;
      while (tail > head && displaces(value, values[queue[tail - 1]!]!)) tail--;
      queue[tail++] = next;
    }
    while (head < tail && queue[head]! < from) head++;
    return result(head < tail ? queue[head]! : to - 1);
  });
}
