import type { FloatHistogram } from '../../storage/model/histogram.ts';
import type { Labels } from '../../storage/model/labels.ts';
import type { RawSeries, SampleSummaries } from '../series-source.ts';
import { FLOAT, HISTOGRAM } from './step-series.ts';
import type { StepSeries } from './step-series.ts';

/** Float samples of a series, stale markers left out. `startTimestampsMs[i]` is 0 where unknown. Read only. */
export interface FloatColumn {
  readonly timestampsMs: Float64Array;
  readonly values: Float64Array;
  readonly startTimestampsMs: Float64Array | undefined;
}

/** Histogram samples of a series, stale markers left out. */
export interface HistogramColumn {
  readonly timestampsMs: Float64Array;
  readonly histograms: readonly FloatHistogram[];
  readonly startTimestampsMs: Float64Array | undefined;
}

/** The samples of one series as functions over ranges see them. */
export interface SampleColumns {
  readonly labels: Labels;
  readonly dropName: boolean;
  readonly floats: FloatColumn;
  readonly histograms: HistogramColumn;
  /** Set where each of `floats` is a summary of several: see series-source.ts. */
  readonly summaries?: SampleSummaries | undefined;
}

const NO_TIMES = new Float64Array(0);
export const NO_HISTOGRAMS: HistogramColumn = { timestampsMs: NO_TIMES, histograms: [], startTimestampsMs: undefined };

/** A stored series; the usual one (floats, no stale marker) costs nothing. */
export function columnsOfRaw(raw: RawSeries, useStartTimestamps: boolean): SampleColumns {
  const startTimestampsMs = useStartTimestamps ? raw.startTimestampsMs : undefined;
  if (raw.isStale === undefined && raw.histograms === undefined) {
    const floats = { timestampsMs: raw.timestampsMs, values: raw.values, startTimestampsMs };
    return { labels: raw.labels, dropName: false, floats, histograms: NO_HISTOGRAMS, summaries: raw.summaries };
  }
  const isFloat = (i: number): boolean => raw.isStale?.[i] !== 1 && raw.histograms?.[i] === undefined;
  const isHistogram = (i: number): boolean => raw.isStale?.[i] !== 1 && raw.histograms?.[i] !== undefined;
  const floatIndexes = indexesWhere(raw.timestampsMs.length, isFloat);
  const histogramIndexes = indexesWhere(raw.timestampsMs.length, isHistogram);
  return {
    labels: raw.labels,
    dropName: false,
    floats: {
      timestampsMs: pick(raw.timestampsMs, floatIndexes),
      values: pick(raw.values, floatIndexes),
      startTimestampsMs: startTimestampsMs && pick(startTimestampsMs, floatIndexes),
    },
    histograms: {
      timestampsMs: pick(raw.timestampsMs, histogramIndexes),
      histograms: histogramIndexes.map((i) => raw.histograms![i]!),
      startTimestampsMs: startTimestampsMs && pick(startTimestampsMs, histogramIndexes),
    },
  };
}

/**
 * The steps of a subquery as samples. Hints about counter resets are forgotten: between two steps samples may have been left out, and one
 * sample may stand at several steps.
 */
export function columnsOfSteps(series: StepSeries, timesMs: Float64Array): SampleColumns {
  const { present, values } = series;
  let floatCount = 0;
  let histogramCount = 0;
  for (const kind of present) {
    if (kind === FLOAT) floatCount++;
    else if (kind === HISTOGRAM) histogramCount++;
  }
  const { labels, dropName } = series;
  if (floatCount === present.length) {
    return { labels, dropName, floats: { timestampsMs: timesMs, values, startTimestampsMs: undefined }, histograms: NO_HISTOGRAMS };
  }
  const floatIndexes = indexesWhere(present.length, (i) => present[i] === FLOAT);
  const floats = { timestampsMs: pick(timesMs, floatIndexes), values: pick(values, floatIndexes), startTimestampsMs: undefined };
  if (histogramCount === 0) return { labels, dropName, floats, histograms: NO_HISTOGRAMS };
  const histogramIndexes = indexesWhere(present.length, (i) => present[i] === HISTOGRAM);
  const histograms = {
    timestampsMs: pick(timesMs, histogramIndexes),
    histograms: histogramIndexes.map((i) => withoutResetHint(series.histograms![i]!)),
    startTimestampsMs: undefined,
  };
  return { labels, dropName, floats, histograms };
}

function withoutResetHint(histogram: FloatHistogram): FloatHistogram {
  const hint = histogram.counterResetHint;
  return hint === 'reset' || hint === 'not-reset' ? { ...histogram, counterResetHint: 'unknown' } : histogram;
}

function indexesWhere(length: number, holds: (i: number) => boolean): number[] {
  const indexes: number[] = [];
  for (let i = 0; i < length; i++) if (holds(i)) indexes.push(i);
  return indexes;
}

function pick(column: Float64Array, indexes: readonly number[]): Float64Array {
  const picked = new Float64Array(indexes.length);
  for (let i = 0; i < indexes.length; i++) picked[i] = column[indexes[i]!]!;
  return picked;
}
