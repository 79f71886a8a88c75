import type { FloatHistogram } from '../../storage/model/histogram.ts';
import type { Labels } from '../../storage/model/labels.ts';

/** What stands at one step of a series. Kept apart from the values because NaN is a value. */
export const ABSENT = 0;
export const FLOAT = 1;
export const HISTOGRAM = 2;

/**
 * One series over all steps of the part of a query that it belongs to.
 *
 * `present[i]` is ABSENT, FLOAT (then `values[i]` is the value) or HISTOGRAM (then `histograms[i]` is it and `values[i]` means nothing).
 * `histograms` is undefined when no step has one. Whoever receives a series from an operator owns its arrays and may write to them;
 * histograms themselves are immutable and shared. At least one step is present.
 */
export interface StepSeries {
  readonly labels: Labels;
  /** The metric name (and type and unit) is to go before the result leaves the engine, but may still be read until then. */
  readonly dropName: boolean;
  readonly values: Float64Array;
  readonly present: Uint8Array;
  readonly histograms: SparseHistograms | undefined;
}

export type SparseHistograms = (FloatHistogram | undefined)[];

/** The columns of a series that is being made. */
export class StepColumns {
  readonly values: Float64Array;
  readonly present: Uint8Array;
  histograms: SparseHistograms | undefined = undefined;
  /** Set when any step is. */
  isEmpty = true;

  /** With columns of its own, or with those of a series that nobody needs any more. */
  constructor(stepCount: number, used?: Pick<StepSeries, 'values' | 'present'>) {
    this.values = used?.values ?? new Float64Array(stepCount);
    this.present = used?.present ?? new Uint8Array(stepCount);
    if (used !== undefined) this.present.fill(ABSENT);
  }

  setFloat(step: number, value: number): void {
    this.values[step] = value;
    this.present[step] = FLOAT;
    this.isEmpty = false;
  }

  /** All values are set. */
  setAllFloats(): void {
    this.present.fill(FLOAT);
    this.isEmpty = false;
  }

  setHistogram(step: number, histogram: FloatHistogram): void {
    this.histograms ??= new Array<FloatHistogram | undefined>(this.values.length).fill(undefined);
    this.histograms[step] = histogram;
    this.present[step] = HISTOGRAM;
    this.isEmpty = false;
  }

  /** Copies one step of a series, present or not. */
  copyStep(step: number, from: StepSeries): void {
    const kind = from.present[step]!;
    if (kind === FLOAT) this.setFloat(step, from.values[step]!);
    else if (kind === HISTOGRAM) this.setHistogram(step, from.histograms![step]!);
  }

  /** Copies all steps of a shorter series, beginning at `step`. */
  copySlice(step: number, from: StepColumns): void {
    if (from.isEmpty) return;
    this.values.set(from.values, step);
    this.present.set(from.present, step);
    from.histograms?.forEach((histogram, i) => histogram !== undefined && this.setHistogram(step + i, histogram));
    this.isEmpty = false;
  }

  toSeries(labels: Labels, dropName: boolean): StepSeries {
    return { labels, dropName, values: this.values, present: this.present, histograms: this.histograms };
  }
}

/** What the values and presence of a step take. */
export const STEP_BYTES = 9;

/** Columns longer than this are made anew: filling them costs much more, and every operator of a chain would keep its own. */
const SPARE_STEPS_MAX = 64 * 1024;

/** The columns of the series that was last given back, for the next one. Allocating them was most of what a short series cost. */
export class SpareColumns {
  #spare: Pick<StepSeries, 'values' | 'present'> | undefined;

  /** What it may keep of each of so many steps. */
  static bytesPerStep(stepCount: number): number {
    return stepCount > SPARE_STEPS_MAX ? 0 : STEP_BYTES;
  }

  put(columns: Pick<StepSeries, 'values' | 'present'>): void {
    if (columns.values.length <= SPARE_STEPS_MAX) this.#spare = columns;
  }

  clear(): void {
    this.#spare = undefined;
  }

  take(stepCount: number): StepColumns {
    const used = this.#spare;
    this.#spare = undefined;
    return new StepColumns(stepCount, used);
  }
}

/** How many steps are present. */
export function countPresent(series: StepSeries): number {
  const { present } = series;
  let count = 0;
  for (let step = 0; step < present.length; step++) if (present[step] !== ABSENT) count++;
  return count;
}

export function hasAnyPresent(present: Uint8Array): boolean {
  for (const kind of present) if (kind !== ABSENT) return true;
  return false;
}

export function withLabels(series: StepSeries, labels: Labels, dropName: boolean): StepSeries {
  return { labels, dropName, values: series.values, present: series.present, histograms: series.histograms };
}
