import { findPeers } from '../../bench/peers.ts';
import { http } from '../../processes/http.ts';
import type { Sandbox } from '../../processes/sandbox.ts';
import { sleep } from '../../processes/sleep.ts';
import { startCollector } from './collector.ts';
import { EXPORTERS, runSdk, TEMPORALITIES, type Expectation } from './sdk-load.ts';

export interface OtlpTally {
  passed: number;
  failed: number;
}

const SETTLE_MS = 20_000;
const POLL_MS = 250;

/**
 * The OpenTelemetry SDK exports every kind of instrument to Varve, in protobuf and in JSON, cumulative and delta, and all of it is read
 * back by PromQL; then the same through an OpenTelemetry Collector, in each encoding and compression that its exporter has, where one can
 * be built.
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

/** All of them, for as long as what was sent may still be on its way. */
export async function checkAll(expectations: readonly Expectation[], instance: string, baseUrl: URL, tally: OtlpTally, say: (line: string) => void, settleMs = SETTLE_MS): Promise<void> {
  const deadlineMs = performance.now() + settleMs;
  for (const expectation of expectations) {
    let problem = await findProblem(expectation, baseUrl);
    while (problem !== undefined && performance.now() < deadlineMs) {
      await sleep(POLL_MS);
      problem = await findProblem(expectation, baseUrl);
    }
    if (problem === undefined) tally.passed++;
    else {
      tally.failed++;
      say(`FAILED ${instance}: ${expectation.query}\n       ${problem}`);
    }
  }
}

async function findProblem({ query, value }: Expectation, baseUrl: URL): Promise<string | undefined> {
  const url = new URL('/api/v1/query', baseUrl);
  url.searchParams.set('query', query);
  const answer = await http({ method: 'GET', url });
  if (answer.status !== 200) return `${answer.status} ${answer.body.toString()}`;
  const { result } = (JSON.parse(answer.body.toString()) as { data: { result: { value: [number, string] }[] } }).data;
  if (result.length !== 1) return `${result.length} series, want one`;
  const got = result[0]!.value[1];
  return got === String(value) ? undefined : `${got}, want ${value}`;
}
