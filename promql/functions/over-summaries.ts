import { nextCompensation } from '../../storage/model/kahan-sum.ts';
import { QuantileSketch } from '../../storage/model/quantile-sketch.ts';
import { must } from '../../storage/runtime/assert.ts';
import { invalidQuantile } from '../annotations.ts';
import type { FunctionName } from '../parser/ast.ts';
import type { SampleSummaries, SummaryPart } from '../series-source.ts';
import { extrapolation } from './extrapolation.ts';
import type { RateKind } from './rate.ts';
import { mapFloatWindows, windowEndMs } from './window-function.ts';
import type { WindowFunction, WindowInput } from './window-function.ts';

/** How a function over ranges is carried out where summaries come in place of samples. */
export interface SummaryFunction {
  /** What it needs of a summary beside its count. */
  readonly parts: readonly SummaryPart[];
  /** Whether whole summaries give, to the bit, what the samples give. */
  readonly isExact: boolean;
  readonly apply: WindowFunction;
}

/** Gets the summaries of one window, of which there is at least one: `from` to before `to`. */
type OverSummaries = (summaries: SampleSummaries, from: number, to: number, step: number, input: WindowInput) => number | undefined;

function of(parts: readonly SummaryPart[], isExact: boolean, apply: OverSummaries): SummaryFunction {
  return {
    parts,
    isExact,
    apply: (input, out) => {
      const summaries = must(input.series.summaries, 'a function over summaries without them');
      mapFloatWindows(input, out, (from, to, step) => apply(summaries, from, to, step, input));
    },
  };
}

/**
 * The functions that can do with summaries. Sums are rounded once a summary more than those of samples. A rate is that of the samples but
 * for rounding where a counter began anew inside a summary, and for start timestamps, which only tell of resets inside of one. A
 * quantile is within the error of sketches.
 */
export const SUMMARY_FUNCTIONS: Readonly<Partial<Record<FunctionName, SummaryFunction>>> = {
  avg_over_time: of(['sum'], false, (summaries, from, to) => sum(summaries, from, to) / count(summaries, from, to)),
  count_over_time: of([], true, count),
  delta: rateOfSummaries({ isCounter: false, perSecond: false }),
  first_over_time: of(['first'], true, ({ firsts }, from) => firsts![from]!),
  increase: rateOfSummaries({ isCounter: true, perSecond: false }),
  last_over_time: of(['last'], true, ({ lasts }, _from, to) => lasts![to - 1]!),
  max_over_time: of(['max'], true, ({ maxes }, from, to) => extreme(maxes!, from, to, (newer, older) => newer > older)),
  min_over_time: of(['min'], true, ({ mins }, from, to) => extreme(mins!, from, to, (newer, older) => newer < older)),
  present_over_time: of([], true, () => 1),
  quantile_over_time: of(['sketch'], false, quantile),
  rate: rateOfSummaries({ isCounter: true, perSecond: true }),
  sum_over_time: of(['sum'], false, sum),
  ts_of_first_over_time: of(['first'], true, ({ firstTimesMs }, from) => firstTimesMs![from]! / 1000),
  ts_of_last_over_time: of(['last'], true, ({ lastTimesMs }, _from, to) => lastTimesMs![to - 1]! / 1000),
};

function count({ counts }: SampleSummaries, from: number, to: number): number {
  let total = 0;
  for (let i = from; i < to; i++) total += counts[i]!;
  return total;
}

function sum({ sums }: SampleSummaries, from: number, to: number): number {
  let total = sums![from]!;
  let compensation = 0;
  for (let i = from + 1; i < to; i++) {
    const next = total + sums![i]!;
    compensation = nextCompensation(sums![i]!, total, next, compensation);
    total = next;
  }
  return Number.isFinite(total) ? total + compensation : total;
}

/** Of equal values the first one stays, which shows in the sign of a zero; NaN only where there is nothing else. */
function extreme(values: Float64Array, from: number, to: number, displaces: (newer: number, older: number) => boolean): number {
  let result = values[from]!;
  for (let i = from + 1; i < to; i++) if (Number.isNaN(result) || displaces(values[i]!, result)) result = values[i]!;
  return result;
}

function quantile({ sketches }: SampleSummaries, from: number, to: number, step: number, { args, floats, annotate }: WindowInput): number {
  const asked = args[0]![step]!;
  if (!(asked >= 0 && asked <= 1)) annotate(invalidQuantile(asked));
  const merged = new QuantileSketch();
  for (let i = from; i < to; i++) {
    const sketch = sketches![i];
    if (sketch === undefined) merged.add(floats.values[i]!);
    else merged.merge(sketch);
  }
  return merged.quantile(asked);
}

/** What rate does with the first and the last sample of a window and all resets between them. */
function rateOfSummaries(kind: RateKind): SummaryFunction {
  const parts: readonly SummaryPart[] = kind.isCounter ? ['first', 'last', 'increase'] : ['first', 'last'];
  return of(parts, !kind.isCounter, (summaries, from, to, step, input) => {
    const { firsts, firstTimesMs, lasts, lastTimesMs, increases } = summaries;
    const sampleCount = count(summaries, from, to);
    if (sampleCount < 2) return undefined;
    const first = firsts![from]!;
    let difference = lasts![to - 1]! - first;
    for (let i = from; kind.isCounter && i < to; i++) {
      if (i > from && firsts![i]! < lasts![i - 1]!) difference += lasts![i - 1]!;
      // Without a reset inside, this is zero and not what rounding leaves; NaN at an end of a summary says nothing of what is inside. From infinity it came down by a reset.
      const lost = firsts![i] === Infinity && lasts![i]! < Infinity ? Infinity : increases![i]! - (lasts![i]! - firsts![i]!);
      if (!Number.isNaN(lost)) difference += lost;
    }
    const rangeEndMs = windowEndMs(input, step);
    const window = { rangeStartMs: rangeEndMs - input.rangeMs, rangeEndMs, firstMs: firstTimesMs![from]!, lastMs: lastTimesMs![to - 1]!, sampleCount };
    const isZeroKnown = kind.isCounter && difference > 0 && first >= 0;
    const factor = extrapolation(window, undefined, isZeroKnown ? first / difference : undefined);
    return difference * (kind.perSecond ? factor / (input.rangeMs / 1000) : factor);
  });
}
