import { killAll } from '../../cli/varve-process.ts';
import { freePort } from '../../processes/free-port.ts';
import { startNodeExporter } from '../../processes/node-exporter.ts';
import type { Sandbox } from '../../processes/sandbox.ts';
import { sleep } from '../../processes/sleep.ts';
import { findNewerPrometheus } from '../newer-prometheus.ts';
import type { Tools } from '../packages.ts';
import { startChurningTarget } from './churning-target.ts';
import { compareFleet } from './compare-fleet.ts';
import { countersOf } from './counters.ts';
import { type FleetMember, FleetPrometheus, type Targets } from './fleet-prometheus.ts';
import { MortalVarve } from './mortal-varve.ts';

/** Less than they send, more than a request. */
const TIGHT_LIMITS = { VARVE_TENANT_LIMITS: '{"*": {"samplesPerSecondMax": 1500, "samplesBurstMax": 6000}}' };
const FROZEN_MS = 5_000;
const QUICK_KILLS = 4;
const QUIET_MS = 6_000;
const DRAIN_MS = 240_000;

/** A check of each sender, and one of what Varve prints. */
export const FLEET_CHECKS = 4;

/**
 * Prometheus servers of both generations write to one Varve for a while, by remote write 1.0 and 2.0, and to it happens what happens to
 * servers: kill -9, long absences, orderly restarts, a rate limit that it hits, a freeze. In the end each Prometheus and Varve are asked for
 * all they have; the answers are equal to the bit, but for what Prometheus itself says that it gave up.
 */
export async function runFleet(sandbox: Sandbox, tools: Tools, durationMs: number, say: (line: string) => void): Promise<{ passed: number; failed: number }> {
  const varve = new MortalVarve(await freePort(), sandbox.makeFolder('fleet-varve'));
  const target = await startChurningTarget();
  // For a signal, behind which nothing else runs.
  process.once('exit', killAll);
  try {
    await varve.start();
    const nodePort = await startNodeExporter(sandbox, tools.nodeExporter);
    const fleet: FleetPrometheus[] = [];
    for (const member of membersOf(tools, say)) {
      const targets: Targets = { node: { host: `127.0.0.1:${nodePort}` }, page: { host: target.host, path: `/${member.name}` }, varve: { host: varve.baseUrl.host, intervalSeconds: 5 } };
      fleet.push(await FleetPrometheus.start(sandbox, member, targets, varve.baseUrl));
    }
    say(`${fleet.map(({ name }) => name).join(' and ')} scrape for ${durationMs / 1000} s and write to a varve to which things happen`);
    await troubles(varve, durationMs, say);
    for (const prometheus of fleet) await prometheus.stopScraping();
    await drained(fleet, say);
    const tally = { passed: 0, failed: 0 };
    for (const prometheus of fleet) {
      const problems = await compareFleet(prometheus, varve.baseUrl, Date.now(), say);
      tally.passed += problems.length === 0 ? 1 : 0;
      tally.failed += problems.length;
      for (const problem of problems) say(`FAILED ${prometheus.name}: ${problem}`);
    }
    await varve.stop();
    if (varve.errors === '') tally.passed++;
    else {
      tally.failed++;
      say(`FAILED nothing was wrong, and varve printed\n${varve.errors}`);
    }
    return tally;
  } finally {
    process.off('exit', killAll);
    await varve.kill();
    await target.close();
  }
}

/** Debian's Prometheus leaves native histograms out of what it answers to remote read: it has none. */
function membersOf(tools: Tools, say: (line: string) => void): FleetMember[] {
  const queueConfig = { min_shards: 4 };
  const metadataOften = { metadata_config: { send: true, send_interval: '10s' } };
  // What is refused by the rate limit is lost, as is the default.
  const old: FleetMember = { name: 'old', command: tools.prometheus, features: 'exemplar-storage', remoteWrite: metadataOften, queueConfig, scrape: {} };
  const newer = findNewerPrometheus();
  if ('missing' in newer) {
    say(`skipped newer senders, of both versions of remote write: ${newer.missing}`);
    return [old];
  }
  // A setting of a scrape since 3.8, before that one of the server.
  const isOf35 = newer.like === '3.5';
  const histograms = { ...(isOf35 ? {} : { scrape_native_histograms: true }), always_scrape_classic_histograms: true };
  const nativeFeature = isOf35 ? ',native-histograms' : '';
  return [
    old,
    { name: 'new-1', command: newer.path, features: `exemplar-storage,created-timestamp-zero-ingestion${nativeFeature}`, remoteWrite: metadataOften, queueConfig: { ...queueConfig, retry_on_http_429: true }, scrape: histograms },
    {
      name: 'new-2',
      command: newer.path,
      features: `exemplar-storage,metadata-wal-records,st-storage${nativeFeature}`,
      remoteWrite: { protobuf_message: 'io.prometheus.write.v2.Request' },
      queueConfig: { ...queueConfig, retry_on_http_429: true },
      // What 3.5 answers to remote read lacks the bounds of custom buckets, so there is nothing to compare them with.
      scrape: { ...histograms, convert_classic_histograms_to_nhcb: !isOf35 },
    },
  ];
}

async function troubles(varve: MortalVarve, durationMs: number, say: (line: string) => void): Promise<void> {
  const startMs = performance.now();
  const until = (share: number): Promise<void> => sleep(Math.max(0, startMs + share * durationMs - performance.now()));
  const at = async (share: number, what: string, happens: () => Promise<void>): Promise<void> => {
    await until(share);
    say(`${String(Math.round((performance.now() - startMs) / 1000)).padStart(4)} s: ${what}`);
    await happens();
  };
  const again = async (): Promise<void> => {
    await varve.kill();
    await varve.start();
  };
  await at(0.1, 'kill -9', again);
  await at(0.2, 'kill -9, and away for a while', async () => {
    await varve.kill();
    await sleep(0.05 * durationMs);
    await varve.start();
  });
  await at(0.3, 'a rate limit', async () => {
    await varve.stop();
    await varve.start(TIGHT_LIMITS);
  });
  await at(0.42, 'no rate limit any more, after kill -9', again);
  await at(0.55, 'an orderly restart', async () => {
    await varve.stop();
    await varve.start();
  });
  for (let kill = 0; kill < QUICK_KILLS; kill++) await at(0.65 + (0.1 * kill) / QUICK_KILLS, 'kill -9', again);
  await at(0.82, 'frozen', () => varve.freeze(sleep, FROZEN_MS));
  await until(1);
}

/** Each has sent what it has, and looks two scrapes later as it did before. */
async function drained(fleet: readonly FleetPrometheus[], say: (line: string) => void): Promise<void> {
  const deadlineMs = performance.now() + DRAIN_MS;
  let before = '';
  for (;;) {
    await sleep(QUIET_MS);
    const looks = await Promise.all(fleet.map(({ baseUrl }) => countersOf(baseUrl)));
    const pending = looks.map((look) => ['samples_pending', 'histograms_pending', 'exemplars_pending'].reduce((sum, name) => sum + look(`prometheus_remote_storage_${name}`), 0));
    const now = JSON.stringify(looks.map((look) => [look('prometheus_tsdb_head_samples_appended_total'), look('prometheus_remote_storage_samples_total'), look('prometheus_remote_storage_shards')]));
    if (pending.every((count) => count === 0) && now === before) return;
    if (performance.now() > deadlineMs) return say(`remote write did not come to rest: ${pending.join()} pending, ${now}`);
    before = now;
  }
}

