import { addHistograms, compactHistogram, reduceSchema, subtractHistograms } from '../../storage/model/histogram-add.ts';
import { detectReset } from '../../storage/model/histogram-reset.ts';
import { EMPTY_HISTOGRAM, isCustomSchema, withHint, type FloatHistogram } from '../../storage/model/histogram.ts';
import type { HistogramColumn } from '../operators/sample-columns.ts';
import type { HistogramNote, NotedHistogram } from './histogram-notes.ts';
import { isStartReset } from './start-timestamps.ts';

const MIXED: NotedHistogram<FloatHistogram> = { result: undefined, notes: new Set<HistogramNote>(['mixed-schemas']) };

/** Resets of one series, found once for all its windows. */
const resetsByColumn = new WeakMap<HistogramColumn, readonly number[]>();

/** Indexes of the samples before which the counter was reset, ascending. */
function findHistogramResets(column: HistogramColumn): readonly number[] {
  const known = resetsByColumn.get(column);
  if (known !== undefined) return known;
  const resets: number[] = [];
  for (let i = 1; i < column.histograms.length; i++) if (isResetAt(column, i)) resets.push(i);
  resetsByColumn.set(column, resets);
  return resets;
}

/** Whether sample `i` begins anew, by what its start timestamp says or by its counts. */
function isResetAt(column: HistogramColumn, i: number): boolean {
  const { timestampsMs, startTimestampsMs, histograms } = column;
  const startSaysSo =
    startTimestampsMs !== undefined &&
    isStartReset(startTimestampsMs[i - 1]!, timestampsMs[i - 1]!, startTimestampsMs[i]!, timestampsMs[i]!);
  return startSaysSo || detectReset(histograms[i]!, histograms[i - 1]!);
}

/**
 * The last histogram of a window less the first, of counters with everything that resets lost added again; a gauge, at the coarsest
 * resolution in the window. The window is samples `first` to `last`, at least two.
 *
 * A first sample before a reset counts as empty: its layout does not matter then, so it cannot spoil the result. Exponential buckets mixed
 * with custom ones have no difference.
 */
export function histogramDifference(column: HistogramColumn, first: number, last: number, isCounter: boolean): NotedHistogram<FloatHistogram> {
  const { histograms } = column;
  const notes = new Set<HistogramNote>();
  const newest = histograms[last]!;
  let oldest = histograms[first]!;
  if (isCounter) noteKind(oldest, newest, isCounter, notes);
  const resets = isCounter ? resetsBetween(findHistogramResets(column), first, last) : [];
  if (resets[0] === first + 1) {
    const { schema, customValues } = histograms[first + 1]!;
    oldest = { ...EMPTY_HISTOGRAM, schema, customValues };
  }
  const custom = isCustomSchema(oldest.schema);
  if (isCustomSchema(newest.schema) !== custom) return { result: undefined, notes: notes.add('mixed-schemas') };
  // Of what has no difference it does not matter that it is no gauge.
  if (!isCounter) noteKind(oldest, newest, isCounter, notes);
  let minSchema = Math.min(oldest.schema, newest.schema);
  if (isCounter) {
    for (let i = first + 1; i < last; i++) {
      const { schema, counterResetHint } = histograms[i]!;
      if (isCustomSchema(schema) !== custom) return MIXED;
      if (counterResetHint === 'gauge') notes.add('not-counter');
      minSchema = Math.min(minSchema, schema);
    }
  }
  const difference = subtractHistograms(reduceSchema(newest, minSchema), oldest);
  if (difference.kind !== 'histogram') return MIXED;
  if (difference.boundsReconciled) notes.add('reconciled-in-subtraction');
  let { histogram } = difference;
  for (const reset of resets) {
    if (reset === first + 1) continue;
    const corrected = addHistograms(histogram, histograms[reset - 1]!);
    if (corrected.kind !== 'histogram') return MIXED;
    if (corrected.boundsReconciled) notes.add('reconciled-in-addition');
    ({ histogram } = corrected);
  }
  return { result: withHint(compactHistogram(histogram), 'gauge'), notes };
}

function noteKind(oldest: FloatHistogram, newest: FloatHistogram, isCounter: boolean, notes: Set<HistogramNote>): void {
  const gauges = (oldest.counterResetHint === 'gauge' ? 1 : 0) + (newest.counterResetHint === 'gauge' ? 1 : 0);
  if (isCounter && gauges > 0) notes.add('not-counter');
  if (!isCounter && gauges < 2) notes.add('not-gauge');
}

/** The resets after sample `first` and up to sample `last`. */
function resetsBetween(resets: readonly number[], first: number, last: number): readonly number[] {
  let low = 0;
  let high = resets.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (resets[middle]! <= first) low = middle + 1;
    else high = middle;
  }
  let end = low;
  while (end < resets.length && resets[end]! <= last) end++;
  return resets.slice(low, end);
}

/** The difference of two neighbouring samples, `last - 1` and `last`; of a counter that was reset in between, the later one. */
export function lastHistogramDifference(column: HistogramColumn, last: number, isCounter: boolean): NotedHistogram<FloatHistogram> {
  const notes = new Set<HistogramNote>();
  const newer = column.histograms[last]!;
  const older = column.histograms[last - 1]!;
  noteKind(older, newer, isCounter, notes);
  if (isCounter && isResetAt(column, last)) return { result: withHint(compactHistogram(newer), 'gauge'), notes };
  const difference = subtractHistograms(newer, older);
  if (difference.kind !== 'histogram') return { result: undefined, notes: notes.add('mixed-schemas') };
  if (difference.boundsReconciled) notes.add('reconciled-in-subtraction');
  return { result: withHint(compactHistogram(difference.histogram), 'gauge'), notes };
}
