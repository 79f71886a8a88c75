import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findPeers } from '../bench/peers.ts';
import { freePort } from '../processes/free-port.ts';
import type { Sandbox } from '../processes/sandbox.ts';
import { sleep } from '../processes/sleep.ts';
import { startNativeTarget } from './native-target.ts';
import { findNewerPrometheus } from './newer-prometheus.ts';
import type { Tools } from './packages.ts';
import { difference, exemplarDifference, metadataDifference, otherVersion, type Endpoint } from './sender-checks.ts';

/*
 * Real senders of remote write. Prometheus scrapes native histograms (integer and float), exemplars and metadata and sends all of them
 * on; vmagent scrapes the text format and sends it to Varve and to a Prometheus. What Varve then answers is what the Prometheus beside it
 * answers. Debian's versions of both are too old to send 2.0: for that a newer Prometheus, where there is one, writes to a Varve of its own.
 */
const SCRAPING_MS = 12_000;

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
 * What each version takes in scraping, a remote_write and a command. 2.0 has the metadata beside the samples, which is read from Prometheus'
 * log. It scrapes the text format as well, which vmagent does beside 1.0.
 */
const PROMETHEUS: Readonly<Record<Version, { readonly jobs: Readonly<Record<string, object>>; readonly write: object; readonly features: string }>> = {
  '1.0': {
    jobs: { native: {} },
    // What vmagent writes to this Prometheus goes to Varve from vmagent itself.
    write: { metadata_config: { send: true, send_interval: '2s' }, write_relabel_configs: [{ source_labels: ['job'], regex: 'text', action: 'drop' }] },
    features: 'native-histograms,exemplar-storage',
  },
  '2.0': {
    jobs: { native: {}, text: { scrape_protocols: ['PrometheusText0.0.4'] } },
    write: { protobuf_message: 'io.prometheus.write.v2.Request' },
    features: 'native-histograms,exemplar-storage,metadata-wal-records',
  },
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
  const newer = findNewerPrometheus();
  if ('missing' in newer) {
    say(`skipped a sender of remote write 2.0: ${newer.missing}`);
    return;
  }
  const varve = await startVarve(sandbox);
  const prometheus = await startPrometheus(sandbox, newer.path, host, varve, '2.0');
  say(`a prometheus ${newer.version} scrapes the target for ${SCRAPING_MS / 1000} s and writes to varve by remote write 2.0`);
  const timeSeconds = await scraped();
  await checkPrometheus(timeSeconds, prometheus, varve, '2.0', check);
  for (const expression of TEXT_QUERIES) await check(`2.0: ${expression}`, () => difference(expression, timeSeconds, prometheus, varve));
  await check('2.0: all of it was sent by 2.0', () => otherVersion(prometheus, varve));
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
}

async function startVarve(sandbox: Sandbox): Promise<Endpoint> {
  const [peer] = findPeers(['varve']).peers;
  if (peer === undefined) throw new Error('varve cannot be started');
  return { name: 'varve', url: (await peer.start(sandbox)).baseUrl };
}

async function startPrometheus(sandbox: Sandbox, command: string, host: string, varve: Endpoint, version: Version): Promise<Endpoint> {
  const { jobs, write, features } = PROMETHEUS[version];
  const port = await freePort();
  const configFile = join(sandbox.folder, `senders-${version}.yml`);
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s' },
    scrape_configs: Object.entries(jobs).map(([name, own]) => ({ job_name: name, static_configs: [{ targets: [host] }], ...own })),
    remote_write: [
      {
        url: new URL('/api/v1/write', varve.url).href,
        send_exemplars: true,
        send_native_histograms: true,
        queue_config: { batch_send_deadline: '200ms' },
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
