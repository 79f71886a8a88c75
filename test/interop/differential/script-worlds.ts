import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { RawSeries } from '../../../promql/series-source.ts';
import type { FloatHistogram } from '../../../storage/model/histogram.ts';
import { labelValue, METRIC_NAME } from '../../../storage/model/labels.ts';
import { writeStale } from '../../../storage/model/sample.ts';
import { MemorySeriesSource } from '../../fakes/memory-series-source.ts';
import { load } from '../../promql/script-load.ts';
import { parseScript, type EvalCommand, type LoadCommand } from '../../promql/script-syntax.ts';
import type { ReferenceHistogram } from '../../proto/reference-messages.ts';
import type { HistogramSeries, Run } from './histogram-data.ts';
import type { FloatSeries } from './random-data.ts';

/** What a script has loaded when it asks some queries, at times of its own: one Prometheus holds the worlds of many scripts. */
export interface World {
  /** The file, and the line of its first query if it asks any. */
  readonly name: string;
  /** Where the script's 0 is. */
  readonly zeroMs: number;
  /** Of its last sample. */
  readonly endMs: number;
  readonly series: readonly RawSeries[];
  readonly source: MemorySeriesSource;
  /** Some samples say when their counter began. */
  readonly hasStarts: boolean;
  readonly evals: readonly EvalCommand[];
}

const DAY_MS = 86_400_000;
/** Further apart than any window of a script reaches. Whole days: the steps of subqueries fall where they fall in the script. */
const WORLD_MS = 10 * DAY_MS;
/** Scripts ask for times before their 0 as well. */
const FIRST_ZERO_MS = 1000 * DAY_MS;

/** Of the scripts of a folder, or of one; what loads without asking is a world, too. */
export async function worldsOf(path: string): Promise<World[]> {
  const files = statSync(path).isDirectory() ? readdirSync(path).filter((name) => name.endsWith('.test')).sort().map((name) => join(path, name)) : [path];
  const worlds: World[] = [];
  for (const file of files) {
    for (const [index, { loads, evals }] of partsOf(readFileSync(file, 'utf8')).entries()) {
      const world = await worldOf(`${basename(file)}:${evals[0]?.line ?? `part ${index + 1}`}`, loads, evals, FIRST_ZERO_MS + worlds.length * WORLD_MS);
      if (isComparable(world)) worlds.push(world);
    }
  }
  return worlds;
}

/** Each run of queries, if there is one, with all loads since the `clear` before it. */
function partsOf(text: string): { readonly loads: readonly LoadCommand[]; readonly evals: readonly EvalCommand[] }[] {
  const parts: { loads: readonly LoadCommand[]; evals: EvalCommand[] }[] = [];
  let loads: readonly LoadCommand[] = [];
  for (const command of parseScript(text)) {
    if (command.kind === 'clear') loads = [];
    else if (command.kind === 'load') {
      if (parts.at(-1)?.evals.length === 0 && loads.length > 0) parts.pop();
      loads = [...loads, command];
      parts.push({ loads, evals: [] });
    } else if (command.kind === 'eval' && loads.length > 0) parts.at(-1)!.evals.push(command);
  }
  return parts;
}

async function worldOf(name: string, loads: readonly LoadCommand[], evals: readonly EvalCommand[], zeroMs: number): Promise<World> {
  const atZero = new MemorySeriesSource();
  for (const command of loads) load(atZero, command);
  const source = new MemorySeriesSource();
  const series: RawSeries[] = [];
  let endMs = zeroMs;
  for await (const each of atZero.select({ matchers: [], startMs: -Infinity, endMs: Infinity })) {
    const timestampsMs = each.timestampsMs.map((timestampMs) => zeroMs + timestampMs);
    const startTimestampsMs = each.startTimestampsMs?.map((startMs) => (startMs === 0 ? 0 : zeroMs + startMs));
    const shifted = { ...each, timestampsMs, startTimestampsMs };
    if (!isOfSense(shifted)) continue;
    source.set(shifted);
    series.push(shifted);
    endMs = Math.max(endMs, timestampsMs.at(-1)!);
  }
  return { name, zeroMs, endMs, series, source, hasStarts: series.some(({ startTimestampsMs }) => startTimestampsMs !== undefined), evals };
}

/** Versions later than 3.14 take labels of types and units otherwise. */
function isComparable({ series }: World): boolean {
  return series.length > 0 && series.every(({ labels }) => labelValue(labels, '__type__') + labelValue(labels, '__unit__') === '');
}

/** They also take it otherwise when a sample claims to have begun after itself. */
function isOfSense({ timestampsMs, startTimestampsMs }: RawSeries): boolean {
  return startTimestampsMs === undefined || startTimestampsMs.every((startMs, index) => startMs <= timestampsMs[index]!);
}

export function metricOf({ labels }: RawSeries): string {
  return labelValue(labels, METRIC_NAME);
}

/** The series of a world as remote write sends them. */
export function toLoad({ series, zeroMs }: World): { readonly floats: readonly FloatSeries[]; readonly histograms: readonly HistogramSeries[] } {
  const floats = series.filter(({ histograms }) => histograms === undefined);
  const mixed = series.filter(({ histograms }) => histograms !== undefined);
  return {
    floats: floats.map(({ labels, timestampsMs, values, isStale, startTimestampsMs }) => ({
      labels, timestampsMs: [...timestampsMs], values: withStale(values, isStale), startTimestampsMs: startTimestampsMs && [...startTimestampsMs],
    })),
    // A float far before the world ends the chunk of the world before, after whose histograms these would be resets.
    histograms: mixed.map((each) => ({ labels: each.labels, runs: [floatRun(zeroMs - WORLD_MS / 2, 0), ...runsOf(each)], hasStarts: each.startTimestampsMs !== undefined })),
  };
}

function withStale(values: Float64Array, isStale: Uint8Array | undefined): Float64Array {
  const marked = values.slice();
  isStale?.forEach((stale, index) => {
    if (stale !== 0) writeStale(marked, index);
  });
  return marked;
}

function floatRun(timestampMs: number, value: number): Run {
  return { kind: 'floats', timestampsMs: [timestampMs], values: Float64Array.of(value) };
}

function runsOf({ timestampsMs, values, isStale, histograms, startTimestampsMs }: RawSeries): Run[] {
  const runs: Run[] = [];
  const marked = withStale(values, isStale);
  timestampsMs.forEach((timestampMs, index) => {
    const histogram = histograms?.[index];
    const last = runs.at(-1);
    const startTimestampMs = startTimestampsMs?.[index] ?? 0;
    if (histogram === undefined) {
      runs.push({ kind: 'floats', timestampsMs: [timestampMs], values: marked.subarray(index, index + 1), startTimestampsMs: [startTimestampMs] });
      return;
    }
    const encoded = { ...encodable(histogram, timestampMs), startTimestamp: startTimestampMs };
    if (last?.kind === 'histograms') runs[runs.length - 1] = { ...last, histograms: [...last.histograms, encoded] };
    else runs.push({ kind: 'histograms', histograms: [encoded] });
  });
  return runs;
}

/** What the protocol calls the hints. That nothing was reset is for the receiver to find. */
const HINTS = { unknown: 0, reset: 1, 'not-reset': 0, gauge: 3 } as const;

function encodable(histogram: FloatHistogram, timestampMs: number): ReferenceHistogram {
  const { schema, sum, count, zeroCount, zeroThreshold, positiveSpans, negativeSpans, positiveBuckets, negativeBuckets, customValues } = histogram;
  return {
    schema, sum, zeroThreshold, positiveSpans, negativeSpans, customValues,
    countFloat: count,
    zeroCountFloat: zeroCount,
    positiveCounts: positiveBuckets,
    negativeCounts: negativeBuckets,
    resetHint: HINTS[histogram.counterResetHint],
    timestamp: timestampMs,
  };
}
