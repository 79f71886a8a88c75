import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { findPeers } from '../bench/peers.ts';
import { freePort } from '../processes/free-port.ts';
import { http } from '../processes/http.ts';
import type { Sandbox } from '../processes/sandbox.ts';
import { sleep } from '../processes/sleep.ts';
import { startNativeTarget } from './native-target.ts';
import type { Tools } from './packages.ts';

/*
 * Real senders of remote write 1.0. Prometheus scrapes native histograms (integer and float), exemplars and metadata and sends all of them
 * on; vmagent scrapes the text format and sends it to Varve and to a Prometheus. What Varve then answers is what the Prometheus beside it
 * answers. Debian's versions of both are too old to send 2.0.
 */
const SCRAPING_MS = 12_000;
const DRAIN_MS = 20_000;

interface Endpoint {
  readonly name: string;
  readonly url: URL;
}

/** Every sample, so the whole of each histogram; and what functions make of them. */
const HISTOGRAM_QUERIES = [
  'interop_duration_seconds[1m]',
  'interop_load[1m]',
  'interop_requests_total[1m]',
  'histogram_count(interop_duration_seconds)',
  'histogram_sum(interop_load)',
  'histogram_fraction(0, 0.5, interop_duration_seconds)',
];
const TEXT_QUERIES = ['{job="text"}[1m]', '{job="text"}', 'sum by (code) (interop_requests_total)'];

/** The queries of both, metadata and exemplars. */
export const SENDER_CHECKS = HISTOGRAM_QUERIES.length + TEXT_QUERIES.length + 2;

export async function runSenders(sandbox: Sandbox, tools: Tools, say: (line: string) => void): Promise<{ passed: number; failed: number }> {
  const tally = { passed: 0, failed: 0 };
  const check = async (what: string, problem: () => Promise<string | undefined>): Promise<void> => {
    const found = await problem().catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
    if (found === undefined) tally.passed++;
    else {
      tally.failed++;
      say(`FAILED ${what}\n       ${found}`);
    }
  };
  const [peer] = findPeers(['varve']).peers;
  if (peer === undefined) throw new Error('varve cannot be started');
  const varve = { name: 'varve', url: (await peer.start(sandbox)).baseUrl };
  const target = await startNativeTarget();
  try {
    const prometheus = await startPrometheus(sandbox, tools, target.host, varve);
    const vmagent = tools.vmagent === undefined ? undefined : await startVmagent(sandbox, tools.vmagent, target.host, [varve, prometheus]);
    say(`prometheus${vmagent === undefined ? '' : ' and vmagent'} scrape a target for ${SCRAPING_MS / 1000} s and write to varve`);
    await sleep(SCRAPING_MS);
    // Both sides are asked about a moment that all senders have passed.
    const timeSeconds = Math.floor(Date.now() / 1000) - 2;
    for (const expression of HISTOGRAM_QUERIES) await check(expression, () => difference(expression, timeSeconds, prometheus, varve));
    await check('metadata', () => metadataDifference(prometheus, varve));
    await check('exemplars', () => exemplarDifference(prometheus, varve));
    if (vmagent === undefined) say('vmagent is not installed: skipped (Debian has it in the package victoria-metrics)');
    else for (const expression of TEXT_QUERIES) await check(`vmagent: ${expression}`, () => difference(expression, timeSeconds, prometheus, varve));
  } finally {
    await target.close();
  }
  return tally;
}

async function startPrometheus(sandbox: Sandbox, tools: Tools, host: string, varve: Endpoint): Promise<Endpoint> {
  const port = await freePort();
  const configFile = join(sandbox.folder, 'senders.yml');
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s' },
    scrape_configs: [{ job_name: 'native', static_configs: [{ targets: [host] }] }],
    remote_write: [
      {
        url: new URL('/api/v1/write', varve.url).href,
        send_exemplars: true,
        send_native_histograms: true,
        metadata_config: { send: true, send_interval: '2s' },
        queue_config: { batch_send_deadline: '200ms' },
        // What vmagent writes to this Prometheus goes to Varve from vmagent itself.
        write_relabel_configs: [{ source_labels: ['job'], regex: 'text', action: 'drop' }],
      },
    ],
  };
  // JSON is YAML.
  writeFileSync(configFile, JSON.stringify(config));
  const url = new URL(`http://127.0.0.1:${port}`);
  await sandbox.start({
    name: 'prometheus',
    command: tools.prometheus,
    args: [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${sandbox.makeFolder('senders-prometheus')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--web.enable-remote-write-receiver',
      '--enable-feature=native-histograms,exemplar-storage',
      '--log.level=warn',
    ],
    folder: sandbox.folder,
    logFile: join(sandbox.folder, 'senders-prometheus.log'),
    readyUrl: new URL('/-/ready', url),
  });
  return { name: 'prometheus', url };
}

async function startVmagent(sandbox: Sandbox, command: string, host: string, receivers: readonly Endpoint[]): Promise<Endpoint> {
  const port = await freePort();
  const configFile = join(sandbox.folder, 'vmagent.yml');
  writeFileSync(configFile, JSON.stringify({ scrape_configs: [{ job_name: 'text', scrape_interval: '1s', static_configs: [{ targets: [host] }] }] }));
  const url = new URL(`http://127.0.0.1:${port}`);
  await sandbox.start({
    name: 'vmagent',
    command,
    args: [
      `-promscrape.config=${configFile}`,
      `-httpListenAddr=127.0.0.1:${port}`,
      `-remoteWrite.tmpDataPath=${sandbox.makeFolder('vmagent')}`,
      '-remoteWrite.flushInterval=200ms',
      ...receivers.map((receiver) => `-remoteWrite.url=${new URL('/api/v1/write', receiver.url).href}`),
    ],
    folder: sandbox.folder,
    logFile: join(sandbox.folder, 'vmagent.log'),
    readyUrl: new URL('/health', url),
  });
  return { name: 'vmagent', url };
}

/** Asks until both agree, since senders are still at work, and says how they differ when they do not come to. */
async function difference(expression: string, timeSeconds: number, wanted: Endpoint, got: Endpoint): Promise<string | undefined> {
  const path = `/api/v1/query?${new URLSearchParams({ query: expression, time: String(timeSeconds) }).toString()}`;
  return untilSame(async () => {
    const [theirs, ours] = await Promise.all([wanted, got].map(async (endpoint) => sorted(((await json(endpoint, path)) as { result: object[] }).result)));
    if (theirs!.length === 0) return `${wanted.name} answers nothing: that tests nothing`;
    return isDeepStrictEqual(theirs, ours) ? undefined : `want ${JSON.stringify(theirs).slice(0, 600)}\n       got  ${JSON.stringify(ours).slice(0, 600)}`;
  });
}

function sorted(result: readonly object[]): string[] {
  return result.map((series) => JSON.stringify(series, (_, value: unknown) => (isPlain(value) ? Object.fromEntries(Object.entries(value).sort()) : value))).sort();
}

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function metadataDifference(wanted: Endpoint, got: Endpoint): Promise<string | undefined> {
  return untilSame(async () => {
    const [theirs, ours] = (await Promise.all([wanted, got].map((endpoint) => json(endpoint, '/api/v1/metadata')))) as [Record<string, object[]>, Record<string, object[]>];
    for (const name of ['interop_requests_total', 'interop_duration_seconds', 'interop_load']) {
      if (theirs[name] === undefined) return `${wanted.name} knows nothing of ${name}`;
      // vmagent sends none; Prometheus knows only its own target.
      if (!isDeepStrictEqual(theirs[name], ours[name])) return `${name}: want ${JSON.stringify(theirs[name])}, got ${JSON.stringify(ours[name])}`;
    }
    return undefined;
  });
}

/** As many exemplars have been stored as were sent; those that Prometheus sends again count again on both sides. */
async function exemplarDifference(sender: Endpoint, receiver: Endpoint): Promise<string | undefined> {
  return untilSame(async () => {
    const sent = await metric(sender, 'prometheus_remote_storage_exemplars_total');
    const failed = (await metric(sender, 'prometheus_remote_storage_exemplars_failed_total')) + (await metric(sender, 'prometheus_remote_storage_histograms_failed_total'));
    const stored = await metric(receiver, 'varve_ingest_exemplars_total');
    if (sent === 0) return 'no exemplar was sent: that tests nothing';
    return failed === 0 && Math.abs(sent - stored) <= 1 ? undefined : `${sent} sent, ${failed} failed, ${stored} stored`;
  });
}

async function metric(endpoint: Endpoint, name: string): Promise<number> {
  const text = (await http({ method: 'GET', url: new URL('/metrics', endpoint.url) })).body.toString();
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

async function json(endpoint: Endpoint, path: string): Promise<unknown> {
  const { status, body } = await http({ method: 'GET', url: new URL(path, endpoint.url) });
  if (status !== 200) throw new Error(`${endpoint.name}: ${status} ${body.toString().slice(0, 300)}`);
  return (JSON.parse(body.toString()) as { data: unknown }).data;
}

async function untilSame(compare: () => Promise<string | undefined>): Promise<string | undefined> {
  const deadlineMs = performance.now() + DRAIN_MS;
  for (;;) {
    const problem = await compare();
    if (problem === undefined || performance.now() > deadlineMs) return problem;
    await sleep(500);
  }
}
