import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { AggregationTemporality, AggregationType, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { freePort } from '../../processes/free-port.ts';
import type { Sandbox } from '../../processes/sandbox.ts';
import { sleep } from '../../processes/sleep.ts';
import { MortalVarve } from '../fleet/mortal-varve.ts';
import { checkAll, type OtlpTally } from './check-answers.ts';
import { startCollector } from './collector.ts';
import { OBSERVATIONS, type Expectation } from './sdk-load.ts';

const ROUNDS = 30;
const ROUND_MS = 400;
/** Rounds before which Varve is killed, and started again: what is exported in between waits in the Collector. */
const KILLED_AT = 6;
const BACK_AT = 22;
/** The Collector waits up to 30 s before it tries again. */
const DRAIN_MS = 60_000;
const INSTANCE = 'outage';

/**
 * The SDK exports differences to a Collector as it is by default, with a queue that ten workers empty, while Varve is killed and away for a
 * while. What has waited is sent again in any order, behind newer differences, and every one of them counts once.
 */
export async function runOutage(sandbox: Sandbox, say: (line: string) => void): Promise<OtlpTally> {
  const tally: OtlpTally = { passed: 0, failed: 0 };
  const varve = new MortalVarve(await freePort(), sandbox.makeFolder('varve'));
  const collector = await startCollector(sandbox, varve.baseUrl);
  // Said already, by those who go through a Collector without an outage.
  if ('missing' in collector) return tally;
  try {
    await varve.start();
    const { url } = collector.pipelines.find(({ name }) => name === 'patient')!;
    await exportAcross(varve, url);
    await checkAll(expectations(), INSTANCE, varve.baseUrl, tally, say, DRAIN_MS);
  } finally {
    await varve.kill();
  }
  return tally;
}

async function exportAcross(varve: MortalVarve, url: URL): Promise<void> {
  const exporter = new OTLPMetricExporter({ url: url.href, temporalityPreference: AggregationTemporality.DELTA });
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({
    resource: resourceFromAttributes({ 'service.name': 'interop', 'service.instance.id': INSTANCE }),
    readers: [reader],
    views: [{ instrumentName: 'outage.size', aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }],
  });
  const meter = provider.getMeter('varve-interop');
  const [counter, histogram, exponential] = [meter.createCounter('outage.requests'), meter.createHistogram('outage.latency'), meter.createHistogram('outage.size')];
  for (let round = 0; round < ROUNDS; round++) {
    if (round === KILLED_AT) await varve.kill();
    if (round === BACK_AT) await varve.start();
    counter.add(3);
    for (const value of OBSERVATIONS) {
      histogram.record(value);
      exponential.record(value);
    }
    await reader.forceFlush();
    await sleep(ROUND_MS);
  }
  await provider.shutdown();
}

function expectations(): Expectation[] {
  const of = `instance="${INSTANCE}",job="interop"`;
  const count = OBSERVATIONS.length * ROUNDS;
  const sum = OBSERVATIONS.reduce((total, value) => total + value, 0) * ROUNDS;
  return [
    { query: `outage_requests_total{${of}}`, value: 3 * ROUNDS },
    { query: `outage_latency_bucket{le="+Inf",${of}}`, value: count },
    { query: `outage_latency_sum{${of}}`, value: sum },
    { query: `histogram_count(outage_size{${of}})`, value: count },
    { query: `histogram_sum(outage_size{${of}})`, value: sum },
    // Each difference in its place: every export has its sample, and none falls.
    ...['outage_requests_total', 'outage_size'].map((name) => ({ query: `count_over_time(${name}{${of}}[10m])`, value: ROUNDS })),
    ...['outage_requests_total', 'outage_size'].map((name) => ({ query: `resets(${name}{${of}}[10m])`, value: 0 })),
  ];
}
