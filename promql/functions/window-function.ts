import type { Annotation } from '../annotations.ts';
import { labelValue, METRIC_NAME } from '../../storage/model/labels.ts';
import type { FloatColumn, HistogramColumn, SampleColumns } from '../operators/sample-columns.ts';
import type { StepColumns } from '../operators/step-series.ts';
import type { Windows } from '../operators/windows.ts';
import type { RangeEdges } from '../parser/ast.ts';
import type { StepGrid } from '../plan/step-grid.ts';
import type { ReferenceTimes } from '../plan/step-grid.ts';

/**
 * A function over range vectors, for one series and all steps at once: reads the windows, sets the steps that have a result.
 * It keeps nothing between calls.
 */
export type WindowFunction = (input: WindowInput, out: StepColumns) => void;

/** One series cut into one window a step. Floats and histograms stand apart, each with windows of their own. */
export interface WindowInput {
  readonly series: SampleColumns;
  readonly floats: FloatColumn;
  readonly floatWindows: Windows;
  readonly histograms: HistogramColumn;
  readonly histogramWindows: Windows;
  /** Where each window ends: the step, shifted by offset and `@`. With `edges` set the windows reach beyond their range by the look-back. */
  readonly reference: ReferenceTimes;
  readonly rangeMs: number;
  readonly edges: RangeEdges | undefined;
  /** The steps of the evaluation, which predict_linear counts from. */
  readonly grid: StepGrid;
  /** The scalar arguments by step. */
  readonly args: readonly Float64Array[];
  /** Adds an annotation at the first argument. */
  readonly annotate: (annotation: Annotation) => void;
  /** Work beyond that of looking at each sample, which is paid for; throws limit when there has been too much. */
  readonly spend: (work: number) => void;
}

export function metricNameOf(input: WindowInput): string {
  return labelValue(input.series.labels, METRIC_NAME);
}

/** The time that the window of a step ends with, which is in it (Unix ms). */
export function windowEndMs(input: WindowInput, step: number): number {
  return input.reference.firstMs + step * input.reference.stepMs;
}

/** Calls `apply` with the float window of each step that has float samples; the result is the step's value unless undefined. */
export function mapFloatWindows(input: WindowInput, out: StepColumns, apply: (from: number, to: number, step: number) => number | undefined): void {
  const { from, to } = input.floatWindows;
  for (let step = 0; step < from.length; step++) {
    if (to[step]! <= from[step]!) continue;
    const value = apply(from[step]!, to[step]!, step);
    if (value !== undefined) out.setFloat(step, value);
  }
}

/** Whether the window of a step holds floats and histograms. */
export function isMixedWindow(input: WindowInput, step: number): boolean {
  return hasFloats(input, step) && hasHistograms(input, step);
}

export function hasFloats(input: WindowInput, step: number): boolean {
  return input.floatWindows.to[step]! > input.floatWindows.from[step]!;
}

export function hasHistograms(input: WindowInput, step: number): boolean {
  return input.histogramWindows.to[step]! > input.histogramWindows.from[step]!;
}

export function hasAnyHistogram(input: WindowInput): boolean {
  return input.histograms.timestampsMs.length > 0;
}
