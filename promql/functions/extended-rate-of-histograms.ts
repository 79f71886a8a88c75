import { addHistograms, compactHistogram, subtractHistograms } from '../../storage/model/histogram-add.ts';
import { interpolateHistograms } from '../../storage/model/histogram-interpolate.ts';
import { detectReset } from '../../storage/model/histogram-reset.ts';
import { divideHistogram } from '../../storage/model/histogram-scale.ts';
import { isCustomSchema, withHint, type FloatHistogram } from '../../storage/model/histogram.ts';
import type { HistogramColumn } from '../operators/sample-columns.ts';
import type { StepColumns } from '../operators/step-series.ts';
import { findEdges, type EdgeSamples } from './range-edges.ts';
import type { HistogramNote, NotedHistogram } from './histogram-notes.ts';
import { annotateAll } from './rate-of-histograms.ts';
import type { RateKind } from './rate.ts';
import { windowEndMs, type WindowInput } from './window-function.ts';

/** rate, increase or delta of one anchored or smoothed window of histograms. */
export function extendedHistogramRate(input: WindowInput, out: StepColumns, kind: RateKind, step: number): void {
  const rangeEndMs = windowEndMs(input, step);
  const range = { startMs: rangeEndMs - input.rangeMs, endMs: rangeEndMs, isSmoothed: input.edges === 'smoothed' };
  const from = input.histogramWindows.from[step]!;
  const to = input.histogramWindows.to[step]!;
  const edges = findEdges(input.histograms.timestampsMs, from, to, range.startMs, range.endMs, range.isSmoothed);
  if (edges === undefined) return;
  const { result, notes } = extendedDifference(input.histograms, edges, range, kind.isCounter);
  annotateAll(input, notes);
  if (result !== undefined) out.setHistogram(step, kind.perSecond ? divideHistogram(result, input.rangeMs / 1000) : result);
}

interface EdgeRange {
  readonly startMs: number;
  readonly endMs: number;
  readonly isSmoothed: boolean;
}

/** The histogram at the right edge less the one at the left, with what resets between them lost added again. */
function extendedDifference(column: HistogramColumn, edges: EdgeSamples, range: EdgeRange, isCounter: boolean): NotedHistogram<FloatHistogram> {
  const notes = new Set<HistogramNote>();
  const mixed = (): NotedHistogram<FloatHistogram> => ({ result: undefined, notes: notes.add('mixed-schemas') });
  if (!isOfOneKind(column, edges, isCounter, notes)) return mixed();
  const left = histogramAtLeftEdge(column, edges, range, isCounter, notes);
  const right = histogramAtRightEdge(column, edges, range, isCounter, notes);
  if (left === undefined || right === undefined) return mixed();
  if (!isCounter && (left.counterResetHint !== 'gauge' || right.counterResetHint !== 'gauge')) notes.add('not-gauge');
  const difference = subtractHistograms(right, left);
  if (difference.kind !== 'histogram') return mixed();
  if (difference.boundsReconciled) notes.add('reconciled-in-subtraction');
  let { histogram } = difference;
  for (const lost of isCounter ? lostToResets(column, edges, range, left, right) : []) {
    const corrected = addHistograms(histogram, lost);
    if (corrected.kind !== 'histogram') return mixed();
    if (corrected.boundsReconciled) notes.add('reconciled-in-addition');
    ({ histogram } = corrected);
  }
  return { result: withHint(compactHistogram(histogram), 'gauge'), notes };
}

/** Whether no exponential histogram is mixed with custom ones. Gauges among counters are noted as far as the window was looked at. */
function isOfOneKind(column: HistogramColumn, edges: EdgeSamples, isCounter: boolean, notes: Set<HistogramNote>): boolean {
  const custom = isCustomSchema(column.histograms[edges.first]!.schema);
  for (let i = edges.first; i <= edges.last; i++) {
    const { schema, counterResetHint } = column.histograms[i]!;
    if (isCustomSchema(schema) !== custom) return false;
    if (isCounter && counterResetHint === 'gauge') notes.add('not-counter');
  }
  return true;
}

function histogramAtLeftEdge(
  column: HistogramColumn, edges: EdgeSamples, range: EdgeRange, isCounter: boolean, notes: Set<HistogramNote>,
): FloatHistogram | undefined {
  const isBefore = range.isSmoothed && column.timestampsMs[edges.first]! < range.startMs;
  return isBefore ? interpolatedAt(column, edges.first, range.startMs, isCounter, notes) : column.histograms[edges.first]!;
}

function histogramAtRightEdge(
  column: HistogramColumn, edges: EdgeSamples, range: EdgeRange, isCounter: boolean, notes: Set<HistogramNote>,
): FloatHistogram | undefined {
  const isAfter = range.isSmoothed && edges.last > edges.from && column.timestampsMs[edges.last]! > range.endMs;
  return isAfter ? interpolatedAt(column, edges.last - 1, range.endMs, isCounter, notes) : column.histograms[edges.last]!;
}

/** Between sample `index` and the next. */
function interpolatedAt(
  column: HistogramColumn, index: number, timestampMs: number, isCounter: boolean, notes: Set<HistogramNote>,
): FloatHistogram | undefined {
  const sampleAt = (i: number) => ({ timestampMs: column.timestampsMs[i]!, histogram: column.histograms[i]! });
  const interpolated = interpolateHistograms(sampleAt(index), sampleAt(index + 1), timestampMs, isCounter);
  if (interpolated.kind !== 'histogram') return undefined;
  if (interpolated.reconciledInSubtraction) notes.add('reconciled-in-subtraction');
  if (interpolated.reconciledInAddition) notes.add('reconciled-in-addition');
  return interpolated.histogram;
}

/**
 * What stood before each reset between the edges. The last sample is not compared itself: the right edge is that sample, or was
 * interpolated towards it and has its hint. Where the left edge was interpolated across a reset, that reset is in it already.
 */
function lostToResets(
  column: HistogramColumn, edges: EdgeSamples, range: EdgeRange, left: FloatHistogram, right: FloatHistogram,
): FloatHistogram[] {
  const { histograms, timestampsMs } = column;
  const lost: FloatHistogram[] = [];
  let next = edges.first + 1;
  let previous = left;
  const isInterpolated = range.isSmoothed && timestampsMs[edges.first]! < range.startMs;
  if (isInterpolated && detectReset(histograms[next]!, histograms[edges.first]!)) previous = histograms[next++]!;
  if (next > edges.last) return lost;
  for (; next < edges.last; next++) {
    if (detectReset(histograms[next]!, previous)) lost.push(previous);
    previous = histograms[next]!;
  }
  if (detectReset(right, previous)) lost.push(previous);
  return lost;
}
