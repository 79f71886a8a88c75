import { Engine } from '../../promql/engine.ts';
import { labelsFrom } from '../../storage/model/labels.ts';
import { MemorySeriesSource } from '../fakes/memory-series-source.ts';

/**
 * How long the engine takes beyond reading: 4,000 series of 15-second samples over an hour, 240 steps. Run with
 * `node test/promql/engine.bench.ts`.
 */
const SERIES_COUNT = 4000;
const SAMPLE_COUNT = 260;
const INTERVAL_MS = 15_000;

function fill(source: MemorySeriesSource, sharesTimestamps: boolean): void {
  const shared = Float64Array.from({ length: SAMPLE_COUNT }, (_, i) => i * INTERVAL_MS);
  for (let s = 0; s < SERIES_COUNT; s++) {
    let value = s;
    const jitterMs = (s * 37) % 1000;
    source.set({
      labels: labelsFrom({ __name__: 'requests_total', job: 'api', instance: `host-${s % 100}`, path: `/path/${Math.floor(s / 100)}`, zone: `zone-${s % 5}` }),
      timestampsMs: sharesTimestamps ? shared : shared.map((timestampMs) => timestampMs + jitterMs),
      values: Float64Array.from({ length: SAMPLE_COUNT }, (_, i) => (i % 97 === 96 ? (value = 0) : (value += (s % 7) + 1))),
      isStale: undefined,
      histograms: undefined,
      startTimestampsMs: undefined,
    });
  }
}

const QUERIES = [
  'sum by (zone) (rate(requests_total[5m]))',
  'sum(requests_total)',
  'avg_over_time(requests_total[5m])',
  'max by (instance) (max_over_time(requests_total[5m]))',
  'topk(10, rate(requests_total[5m]))',
  'rate(requests_total[5m]) / on (instance, path) rate(requests_total[10m])',
  'quantile by (zone) (0.9, requests_total)',
];

for (const sharesTimestamps of [true, false]) {
  const source = new MemorySeriesSource();
  fill(source, sharesTimestamps);
  const engine = new Engine({ source });
  const endMs = (SAMPLE_COUNT - 1) * INTERVAL_MS;
  const range = { startMs: endMs - 239 * INTERVAL_MS, endMs, stepMs: INTERVAL_MS };
  for (const query of QUERIES) {
    const times: number[] = [];
    for (let run = 0; run < 7; run++) {
      const start = performance.now();
      await engine.range(query, range);
      times.push(performance.now() - start);
    }
    times.sort((a, b) => a - b);
    console.log(`${sharesTimestamps ? 'shared' : 'own   '} timestamps ${times[0]!.toFixed(0).padStart(5)} ms (median ${times[3]!.toFixed(0)}) ${query}`);
  }
}
