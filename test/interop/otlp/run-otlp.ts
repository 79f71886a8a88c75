import { findPeers } from '../../bench/peers.ts';
import type { Sandbox } from '../../processes/sandbox.ts';
import { sleep } from '../../processes/sleep.ts';
import { checkAll, type OtlpTally } from './check-answers.ts';
import { startCollector } from './collector.ts';
import { runGoSdk } from './go-sdk.ts';
import { EXPORTERS, runSdk, TEMPORALITIES } from './sdk-load.ts';

/**
 * The OpenTelemetry SDK exports every kind of instrument to Varve, in protobuf and in JSON, cumulative and delta, and all of it is read
 * back by PromQL; then Go's SDK does; then the first one through an OpenTelemetry Collector, in each encoding and compression that its exporter
 * has. Go's and the Collector where they can be built.
 */
export async function runOtlp(sandbox: Sandbox, say: (line: string) => void): Promise<OtlpTally> {
  const { peers, missing } = findPeers(['varve']);
  const varve = peers[0];
  if (varve === undefined) throw new Error(missing.join('; '));
  const { baseUrl } = await varve.start(sandbox);
  const tally: OtlpTally = { passed: 0, failed: 0 };
  for (const exporter of EXPORTERS) {
    for (const temporality of TEMPORALITIES) {
      const instance = `sdk-${exporter}-${temporality}`;
      await checkAll(await runSdk({ exporter, temporality, instance }, new URL('/v1/metrics', baseUrl), sleep), instance, baseUrl, tally, say);
    }
  }
  await runGoSdk(sandbox, baseUrl, tally, say);
  await runThroughCollector(sandbox, baseUrl, tally, say);
  return tally;
}

async function runThroughCollector(sandbox: Sandbox, baseUrl: URL, tally: OtlpTally, say: (line: string) => void): Promise<void> {
  const collector = await startCollector(sandbox, baseUrl);
  if ('missing' in collector) {
    say(`skipped the OpenTelemetry Collector: ${collector.missing}`);
    return;
  }
  for (const { name, url } of collector.pipelines) {
    for (const temporality of TEMPORALITIES) {
      const instance = `collector-${name}-${temporality}`;
      await checkAll(await runSdk({ exporter: 'protobuf', temporality, instance }, url, sleep), instance, baseUrl, tally, say);
    }
  }
}
