import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { findPeers } from '../bench/peers.ts';
import { freePort } from '../processes/free-port.ts';
import { http } from '../processes/http.ts';
import type { Sandbox } from '../processes/sandbox.ts';
import { sleep } from '../processes/sleep.ts';
import { buildGo } from './go-build.ts';
import { startNativeTarget } from './native-target.ts';
import type { Tools } from './packages.ts';

/*
 * Real senders of remote write. Prometheus scrapes native histograms (integer and float), exemplars and metadata and sends all of them
 * on; vmagent scrapes the text format and sends it to Varve and to a Prometheus. What Varve then answers is what the Prometheus beside it
 * answers. Debian's versions of both are too old to send 2.0: for that a newer Prometheus is built from source, where that can be done, and
 * writes to a Varve of its own.
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

/** What Debian's senders are asked: the queries of both, metadata and exemplars. */
export const SENDER_CHECKS = HISTOGRAM_QUERIES.length + TEXT_QUERIES.length + 2;

type Version = '1.0' | '2.0';

/**
 * What each version takes in a scraping, a remote_write and a command. Only 2.0 can say when a counter began, and has the metadata beside the
 * samples: both are read from Prometheus' log.
 */
const PROMETHEUS: Readonly<Record<Version, { readonly scrape: object; readonly write: object; readonly features: string }>> = {
  '1.0': { scrape: {}, write: { metadata_config: { send: true, send_interval: '2s' } }, features: 'native-histograms,exemplar-storage' },
  '2.0': { scrape: { scrape_native_histograms: true }, write: { protobuf_message: 'io.prometheus.write.v2.Request' }, features: 'exemplar-storage,metadata-wal-records,st-storage' },
};

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
  const target = await startNativeTarget();
  try {
    await runVersion1(sandbox, tools, target.host, check, say);
    await runVersion2(sandbox, target.host, check, say);
  } finally {
    await target.close();
  }
  return tally;
}

type Check = (what: string, problem: () => Promise<string | undefined>) => Promise<void>;

async function runVersion1(sandbox: Sandbox, tools: Tools, host: string, check: Check, say: (line: string) => void): Promise<void> {
  const varve = await startVarve(sandbox);
  const prometheus = await startPrometheus(sandbox, tools.prometheus, host, varve, '1.0');
  const vmagent = tools.vmagent === undefined ? undefined : await startVmagent(sandbox, tools.vmagent, host, [varve, prometheus]);
  say(`prometheus${vmagent === undefined ? '' : ' and vmagent'} scrape a target for ${SCRAPING_MS / 1000} s and write to varve`);
  const timeSeconds = await scraped();
  await checkPrometheus(timeSeconds, prometheus, varve, '1.0', check);
  if (vmagent === undefined) say('vmagent is not installed: skipped (Debian has it in the package victoria-metrics)');
  else for (const expression of TEXT_QUERIES) await check(`vmagent: ${expression}`, () => difference(expression, timeSeconds, prometheus, varve));
}

async function runVersion2(sandbox: Sandbox, host: string, check: Check, say: (line: string) => void): Promise<void> {
  const source = { name: 'prometheus', folder: join(import.meta.dirname, 'prometheus-source'), package: 'github.com/prometheus/prometheus/cmd/prometheus', tags: 'remove_all_sd', variable: 'VARVE_PROMETHEUS' };
  const command = buildGo(sandbox, source);
  if ('missing' in command) {
    say(`skipped a sender of remote write 2.0: ${command.missing}`);
    return;
  }
  const varve = await startVarve(sandbox);
  const prometheus = await startPrometheus(sandbox, command.path, host, varve, '2.0');
  say(`a prometheus of its own scrapes the target for ${SCRAPING_MS / 1000} s and writes to varve by remote write 2.0`);
  await checkPrometheus(await scraped(), prometheus, varve, '2.0', check);
}

/** Waits for scrapes. Answers with a moment (seconds) that all senders have passed, about which both sides are asked. */
async function scraped(): Promise<number> {
  await sleep(SCRAPING_MS);
  return Math.floor(Date.now() / 1000) - 2;
}

async function checkPrometheus(timeSeconds: number, prometheus: Endpoint, varve: Endpoint, version: Version, check: Check): Promise<void> {
  for (const expression of HISTOGRAM_QUERIES) await check(`${version}: ${expression}`, () => difference(expression, timeSeconds, prometheus, varve));
  await check(`${version}: metadata`, () => metadataDifference(prometheus, varve));
  await check(`${version}: exemplars`, () => exemplarDifference(prometheus, varve));
  if (version === '2.0') await check('2.0: all of it was sent by 2.0', () => otherVersion(prometheus, varve));
}

async function startVarve(sandbox: Sandbox): Promise<Endpoint> {
  const [peer] = findPeers(['varve']).peers;
  if (peer === undefined) throw new Error('varve cannot be started');
  return { name: 'varve', url: (await peer.start(sandbox)).baseUrl };
}

async function startPrometheus(sandbox: Sandbox, command: string, host: string, varve: Endpoint, version: Version): Promise<Endpoint> {
  const { scrape, write, features } = PROMETHEUS[version];
  const port = await freePort();
  const configFile = join(sandbox.folder, `senders-${version}.yml`);
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s' },
    scrape_configs: [{ job_name: 'native', static_configs: [{ targets: [host] }], ...scrape }],
    remote_write: [
      {
        url: new URL('/api/v1/write', varve.url).href,
        send_exemplars: true,
        send_native_histograms: true,
        queue_config: { batch_send_deadline: '200ms' },
        // What vmagent writes to this Prometheus goes to Varve from vmagent itself.
        write_relabel_configs: [{ source_labels: ['job'], regex: 'text', action: 'drop' }],
        ...write,
      },
    ],
  };
  // JSON is YAML.
  writeFileSync(configFile, JSON.stringify(config));
  const url = new URL(`http://127.0.0.1:${port}`);
  await sandbox.start({
    name: 'prometheus',
    command,
    args: [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${sandbox.makeFolder(`senders-prometheus-${version}`)}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--web.enable-remote-write-receiver',
      `--enable-feature=${features}`,
      '--log.level=warn',
    ],
    folder: sandbox.folder,
    logFile: join(sandbox.folder, `senders-prometheus-${version}.log`),
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

/** Says so when anything was sent by another version than 2.0, or was not taken. */
async function otherVersion(sender: Endpoint, receiver: Endpoint): Promise<string | undefined> {
  return untilSame(async () => {
    const [samples, histograms, byOther, failed] = await Promise.all([
      metric(receiver, 'varve_ingest_samples_total{protocol="remote-write-v2"}'),
      metric(receiver, 'varve_ingest_histograms_total{protocol="remote-write-v2"}'),
      metric(receiver, 'varve_ingest_samples_total{protocol="remote-write-v1"}'),
      metric(sender, 'prometheus_remote_storage_samples_failed_total'),
    ]);
    const isRight = samples > 0 && histograms > 0 && byOther === 0 && failed === 0;
    return isRight ? undefined : `${samples} samples and ${histograms} histograms by 2.0, ${byOther} samples by 1.0, ${failed} failed`;
  });
}

/** The sum of a metric's samples, or of the one with labels, as they are printed. */
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
