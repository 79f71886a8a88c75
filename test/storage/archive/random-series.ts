import { encodeHistogram } from '../../../storage/chunk/index.ts';
import type { FloatHistogram } from '../../../storage/model/histogram.ts';
import { labelsFrom, METRIC_NAME, type Labels } from '../../../storage/model/labels.ts';
import { HISTOGRAM_BITS_HIGH, plainBitsHigh, STALE_BITS_HIGH, STALE_BITS_LOW } from '../../../storage/model/sample.ts';
import type { RunSource } from '../../../storage/shard/run/sample-run.ts';
import { compareSeries } from '../../../storage/shard/select/read-window.ts';
import type { SeededRandom } from '../../fakes/seeded-random.ts';

export interface TestSeries {
  readonly labels: Labels;
  readonly id: Uint8Array;
  readonly source: RunSource;
}

export const HOUR_MS = 3_600_000;
export const WINDOW_START_MS = 1_790_000_000_000 - (1_790_000_000_000 % HOUR_MS);

const NAMES = ['job', 'instance', 'path', 'Zone', 'é', '𝄞', 'z'];

/** Series in the order of the archive, of all kinds: floats of any bits, stale markers, histograms, start timestamps, no labels at all. */
export function randomSeries(random: SeededRandom, seriesCount: number, samplesMax: number): TestSeries[] {
  const byKey = new Map<string, TestSeries>();
  for (let i = 0; i < seriesCount; i++) {
    const entries: [string, string][] = random.oneIn(20) ? [] : [[METRIC_NAME, `m${random.below(8)}`]];
    for (const name of NAMES) if (random.oneIn(2)) entries.push([name, `v${random.below(random.oneIn(3) ? 1000 : 4)}`]);
    const labels = labelsFrom(entries);
    const id = new Uint8Array(12);
    random.fill(id);
    byKey.set(JSON.stringify(labels), { labels, id, source: randomSamples(random, random.between(1, samplesMax)) });
  }
  return [...byKey.values()].sort((a, b) => compareSeries(a.labels, b.labels));
}

function randomSamples(random: SeededRandom, count: number): RunSource {
  const timestampsMs = new Float64Array(count);
  const bits = new Uint32Array(count * 2);
  const payloads: Uint8Array[] = [];
  const hasHistograms = random.oneIn(4);
  const hasStarts = random.oneIn(4);
  const startsMs = hasStarts ? new Float64Array(count) : undefined;
  const values = new Float64Array(bits.buffer);
  let timeMs = WINDOW_START_MS + random.below(1000);
  let counter = random.below(1e6);
  const kind = random.below(4);
  for (let i = 0; i < count; i++) {
    timestampsMs[i] = timeMs;
    timeMs += random.oneIn(3) ? random.between(1, 20_000) : 15_000;
    if (hasHistograms && random.oneIn(2)) {
      bits[i * 2] = payloads.push(encodeHistogram(randomHistogram(random), true)) - 1;
      bits[i * 2 + 1] = HISTOGRAM_BITS_HIGH;
    } else if (random.oneIn(40)) {
      bits[i * 2] = STALE_BITS_LOW;
      bits[i * 2 + 1] = STALE_BITS_HIGH;
    } else if (kind === 0) {
      const [low, high] = random.float64Bits();
      bits[i * 2] = low;
      bits[i * 2 + 1] = plainBitsHigh(high);
    } else values[i] = kind === 1 ? (counter += random.below(100)) : kind === 2 ? random.below(1000) / 100 : 1;
    if (startsMs !== undefined) startsMs[i] = random.oneIn(5) ? 0 : WINDOW_START_MS - random.below(3) * 1000;
  }
  if (startsMs !== undefined && startsMs.every((startMs) => startMs === 0)) startsMs[0] = 1;
  return { timestampsMs, bits, payloads, startsMs };
}

function randomHistogram(random: SeededRandom): FloatHistogram {
  const buckets = Array.from({ length: random.below(8) }, () => random.below(100));
  return {
    counterResetHint: 'unknown',
    schema: 3,
    zeroThreshold: 0.001,
    zeroCount: 1,
    count: buckets.reduce((sum, count) => sum + count, 1),
    sum: random.below(1000) / 7,
    positiveSpans: buckets.length === 0 ? [] : [{ offset: 0, length: buckets.length }],
    negativeSpans: [],
    positiveBuckets: buckets,
    negativeBuckets: [],
    customValues: [],
  };
}
