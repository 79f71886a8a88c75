import { OTLPMetricExporter as JsonExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as ProtobufExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { AggregationTemporality, AggregationType, MeterProvider, PeriodicExportingMetricReader, type PushMetricExporter } from '@opentelemetry/sdk-metrics';

export const EXPORTERS = ['protobuf', 'json'] as const;
export const TEMPORALITIES = ['cumulative', 'delta'] as const;
export type ExporterName = (typeof EXPORTERS)[number];
export type TemporalityName = (typeof TEMPORALITIES)[number];

export interface SdkRun {
  readonly exporter: ExporterName;
  readonly temporality: TemporalityName;
  /** `service.instance.id`, by which the run's series are found. */
  readonly instance: string;
}

/** Values that the histograms are given, once a round. */
export const OBSERVATIONS = [1, 3, 3, 70, 500, 20_000];
export const ROUNDS = 3;
/** Between exports: cumulative ones must not have the same time. */
const ROUND_MS = 30;

/** What a PromQL query must answer when a run is over. */
export interface Expectation {
  readonly query: string;
  readonly value: number;
}

/** Every kind of instrument, exported three times; answers with what must then be read back. */
export async function runSdk(run: SdkRun, url: URL, sleep: (ms: number) => Promise<void>): Promise<Expectation[]> {
  const reader = new PeriodicExportingMetricReader({ exporter: exporterOf(run, url), exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({
    resource: resourceFromAttributes({ 'service.name': 'interop', 'service.instance.id': run.instance, 'deployment.zone': 'z1' }),
    readers: [reader],
    views: [{ instrumentName: 'sdk.size', aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }],
  });
  const meter = provider.getMeter('varve-interop', '1.0');
  const counter = meter.createCounter('sdk.requests', { description: 'Requests.' });
  const upDown = meter.createUpDownCounter('sdk.queue', { unit: '{items}' });
  const gauge = meter.createGauge('sdk.temperature', { unit: 'Cel' });
  const histogram = meter.createHistogram('sdk.latency', { unit: 'ms', advice: { explicitBucketBoundaries: [2, 100, 1000] } });
  const exponential = meter.createHistogram('sdk.size', { unit: 'By' });
  let observed = 0;
  meter.createObservableCounter('sdk.cpu', { unit: 's' }).addCallback((result) => result.observe(observed * 1.5, { cpu: '0' }));
  meter.createObservableUpDownCounter('sdk.memory', { unit: 'By' }).addCallback((result) => result.observe(100 - observed));
  meter.createObservableGauge('sdk.load', { unit: '1' }).addCallback((result) => result.observe(observed / 4));
  for (let round = 1; round <= ROUNDS; round++) {
    observed = round;
    counter.add(5, { 'http.method': 'GET', ok: true });
    counter.add(2, { 'http.method': 'POST', ok: false });
    // A series that begins late.
    if (round === ROUNDS) counter.add(11, { 'http.method': 'PUT', ok: true });
    upDown.add(round === 2 ? -3 : 4);
    gauge.record(20 + round);
    for (const value of OBSERVATIONS) {
      histogram.record(value, { route: '/a' });
      exponential.record(value);
    }
    await reader.forceFlush();
    await sleep(ROUND_MS);
  }
  await provider.shutdown();
  return expectationsOf(run);
}

function exporterOf({ exporter, temporality }: SdkRun, url: URL): PushMetricExporter {
  const options = {
    url: url.href,
    temporalityPreference: temporality === 'delta' ? AggregationTemporality.DELTA : AggregationTemporality.CUMULATIVE,
  };
  return exporter === 'json' ? new JsonExporter(options) : new ProtobufExporter(options);
}

/** What every SDK's run must end with. */
export function expectationsOf({ instance, temporality }: Pick<SdkRun, 'instance' | 'temporality'>): Expectation[] {
  // A cumulative export says everything once more at the end; a delta has nothing new to say.
  const exports = temporality === 'cumulative' ? ROUNDS + 1 : ROUNDS;
  const of = `instance="${instance}",job="interop"`;
  const sum = OBSERVATIONS.reduce((total, value) => total + value, 0) * ROUNDS;
  const count = OBSERVATIONS.length * ROUNDS;
  const upTo = (bound: number): number => OBSERVATIONS.filter((value) => value <= bound).length * ROUNDS;
  return [
    { query: `sdk_requests_total{http_method="GET",ok="true",${of}}`, value: 5 * ROUNDS },
    { query: `sdk_requests_total{http_method="POST",ok="false",${of}}`, value: 2 * ROUNDS },
    { query: `sdk_requests_total{http_method="PUT",ok="true",${of}}`, value: 11 },
    { query: `sdk_queue{${of}}`, value: 5 },
    { query: `sdk_temperature_celsius{${of}}`, value: 20 + ROUNDS },
    { query: `sdk_cpu_seconds_total{cpu="0",${of}}`, value: 1.5 * ROUNDS },
    { query: `sdk_memory_bytes{${of}}`, value: 100 - ROUNDS },
    { query: `sdk_load_ratio{${of}}`, value: ROUNDS / 4 },
    ...[2, 100, 1000].map((bound) => ({ query: `sdk_latency_milliseconds_bucket{le="${bound}",route="/a",${of}}`, value: upTo(bound) })),
    { query: `sdk_latency_milliseconds_bucket{le="+Inf",route="/a",${of}}`, value: count },
    { query: `sdk_latency_milliseconds_count{route="/a",${of}}`, value: count },
    { query: `sdk_latency_milliseconds_sum{route="/a",${of}}`, value: sum },
    { query: `histogram_count(sdk_size_bytes{${of}})`, value: count },
    { query: `histogram_sum(sdk_size_bytes{${of}})`, value: sum },
    // Bounds of powers of two are bounds of buckets at every scale.
    { query: `round(histogram_fraction(0, 4, sdk_size_bytes{${of}}) * ${count})`, value: upTo(4) },
    { query: `round(histogram_fraction(0, 512, sdk_size_bytes{${of}}) * ${count})`, value: upTo(512) },
    // Each export is a sample, and none falls.
    { query: `count_over_time(sdk_requests_total{http_method="GET",${of}}[1h])`, value: exports },
    { query: `resets(sdk_requests_total{http_method="GET",${of}}[1h])`, value: 0 },
    { query: `count_over_time(sdk_size_bytes{${of}}[1h])`, value: exports },
    { query: `target_info{deployment_zone="z1",telemetry_sdk_language=~".*",${of}}`, value: 1 },
    { query: `sdk_queue{${of}} * on (job, instance) group_left (deployment_zone) target_info`, value: 5 },
  ];
}
