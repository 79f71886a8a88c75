import type { FloatHistogram } from '../../storage/model/histogram.ts';
import { labelsKey } from '../../storage/model/labels.ts';
import type { Labels } from '../../storage/model/labels.ts';
import type { RawSeries } from '../../promql/series-source.ts';
import type { MemorySeriesSource } from '../fakes/memory-series-source.ts';
import { customBucketSeries } from './custom-bucket-series.ts';
import type { LoadCommand } from './script-syntax.ts';
import type { Point } from './script-points.ts';
import { hintAfter } from './stored-hint.ts';

/** One sample of a series while it is loaded. */
export interface LoadedSample {
  readonly timestampMs: number;
  readonly point: Exclude<Point, { kind: 'missing' }>;
  readonly startTimestampMs: number;
}

/** Carries out a load block: adds its samples to what is there. */
export function load(source: MemorySeriesSource, command: LoadCommand): void {
  const loaded: { labels: Labels; samples: LoadedSample[] }[] = command.series.map(({ labels, points }) => {
    const starts = command.starts.get(labelsKey(labels)) ?? [];
    const samples = points.flatMap((point, index): LoadedSample[] => {
      if (point.kind === 'missing') return [];
      const timestampMs = index * command.intervalMs;
      const start = starts[index];
      return [{ timestampMs, point, startTimestampMs: start === undefined ? 0 : timestampMs + start }];
    });
    return { labels, samples };
  });
  if (command.withCustomBuckets) loaded.push(...customBucketSeries(loaded));
  for (const { labels, samples } of loaded) if (samples.length > 0) source.set(withSamples(source.get(labelsKey(labels)), labels, samples));
}

/** A sample at a time that has one already replaces it. */
function withSamples(existing: RawSeries | undefined, labels: Labels, added: readonly LoadedSample[]): RawSeries {
  const byTime = new Map<number, LoadedSample>();
  if (existing !== undefined) for (const sample of samplesOf(existing)) byTime.set(sample.timestampMs, sample);
  for (const sample of added) byTime.set(sample.timestampMs, sample);
  const samples = [...byTime.values()].sort((a, b) => a.timestampMs - b.timestampMs);
  const hasStale = samples.some(({ point }) => point.kind === 'stale');
  const hasHistograms = samples.some(({ point }) => point.kind === 'histogram');
  const hasStarts = samples.some(({ startTimestampMs }) => startTimestampMs !== 0);
  return {
    labels,
    timestampsMs: Float64Array.from(samples, ({ timestampMs }) => timestampMs),
    values: Float64Array.from(samples, ({ point }) => (point.kind === 'float' ? point.value : NaN)),
    isStale: hasStale ? Uint8Array.from(samples, ({ point }) => (point.kind === 'stale' ? 1 : 0)) : undefined,
    histograms: hasHistograms ? withStoredHints(samples) : undefined,
    startTimestampsMs: hasStarts ? Float64Array.from(samples, ({ startTimestampMs }) => startTimestampMs) : undefined,
  };
}

function samplesOf(series: RawSeries): LoadedSample[] {
  return Array.from(series.timestampsMs, (timestampMs, index) => ({
    timestampMs,
    point: pointAt(series, index),
    startTimestampMs: series.startTimestampsMs?.[index] ?? 0,
  }));
}

function pointAt(series: RawSeries, index: number): LoadedSample['point'] {
  if (series.isStale?.[index] === 1) return { kind: 'stale' };
  const histogram = series.histograms?.[index];
  return histogram === undefined ? { kind: 'float', value: series.values[index]! } : { kind: 'histogram', histogram, namesHint: false };
}

/** Storage decides what is known of counter resets, not the writer. */
function withStoredHints(samples: readonly LoadedSample[]): (FloatHistogram | undefined)[] {
  let previous: FloatHistogram | undefined;
  return samples.map(({ point }) => {
    if (point.kind !== 'histogram') {
      previous = undefined;
      return undefined;
    }
    const counterResetHint = hintAfter(point.histogram, previous);
    previous = point.histogram;
    return { ...point.histogram, counterResetHint };
  });
}
