/**
 * `npm run test:interop`: Debian's prometheus scrapes node_exporter and itself and remote-writes all of it to Varve; then Debian's promtool
 * asks both the same questions, and the answers must be the same. Then random data goes into both and random queries are compared
 * (differential/), also with a Prometheus 3 where there is one (newer-prometheus.ts), which has native histograms, warnings and functions that the
 * older one does not; with one since 3.14 the engine's own scripts too, their queries changed at random; and what other senders write is compared (senders.ts), also while Varve is killed, away and full (fleet/).
 * Then clients that are not ours, or do as theirs do, ask Varve whatever they ask of a Prometheus (clients/); and the OpenTelemetry SDK, and a
 * Collector where one can be built, export to Varve what is then read back (otlp/).
 * Last, old samples are archived, and DuckDB, ClickHouse, PyIceberg and Spark read them as Iceberg tables (archive/), each where it is installed.
 * `--only` with the name of one of the eight runs that one; `--minutes` is the fleet's, `--queries`, `--seed` and `--query` (the number of a
 * single one) are the differential's and the scripts', `--scripts` is a folder of others, and `--reference 2.42`, `3.5` or `3.14` is for one of them (3.14 and later are whatever `VARVE_PROMETHEUS_3` names). `--install` gets the packages (root on Debian), `--install-readers` those of Iceberg tables, 600 MB
 * (`--spark` that one too); `--subject prometheus`
 * puts a second Prometheus in Varve's place, which shows that what fails is not the test.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { firstDifference } from '../bench/compare-answers.ts';
import { PEER_NAMES, type PeerName } from '../bench/peers.ts';
import type { AnswerSeries } from '../bench/prometheus-api.ts';
import { Sandbox } from '../processes/sandbox.ts';
import { sleep } from '../processes/sleep.ts';
import { newReference, OLD_REFERENCE, type Reference } from './differential/references.ts';
import { type DifferentialOptions, runDifferential } from './differential/run-differential.ts';
import { runScriptDifferential } from './differential/run-script-differential.ts';
import { installReaders } from './archive/reader-tools.ts';
import { runArchive } from './archive/run-archive.ts';
import { runClients } from './clients/run-clients.ts';
import { FLEET_CHECKS, runFleet } from './fleet/run-fleet.ts';
import { fetchNewerPrometheus, findNewerPrometheus } from './newer-prometheus.ts';
import { findTools, installPackages, type Tools } from './packages.ts';
import { runOtlp } from './otlp/run-otlp.ts';
import { runOutage } from './otlp/outage.ts';
import { Promtool } from './promtool.ts';
import { type InteropQuery, interopQueries } from './queries.ts';
import { type QueryTimes, chooseQueryTimes } from './query-times.ts';
import { runSenders, SENDER_CHECKS } from './senders.ts';
import { Stack } from './stack.ts';

/** The first step of a range query lies 15 s back, the furthest window reaches 30 s further, and both ends keep a margin. */
const SCRAPING_MS = 50_000;
/** Both engines sum the same floats, not always in the same order. Where numbers cancel out, a few more digits go. */
const TOLERANCE = 1e-9;

/** What a run in CI can take; the differential test stops earlier when its time is up. */
const QUERIES = 10_000;
const QUERIES_DURATION_MS = 90_000;
const SEED = 1;
/** About how many things the clients check. */
const CLIENT_CHECKS = 38;
const REFERENCES = ['2.42', '3.5', '3.14'] as const;
const SUITES = ['scraping', 'senders', 'fleet', 'differential', 'scripts', 'clients', 'otlp', 'archive'] as const;
/** Of a fleet that writes while things happen; `--minutes` makes it longer. */
const FLEET_MS = 60_000;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

interface Check {
  readonly kind: string;
  readonly query: InteropQuery;
  readonly ask: (promtool: Promtool) => Promise<AnswerSeries[]>;
}

interface Tally {
  passed: number;
  failed: number;
}

async function inSandbox<T>(purpose: string, run: (sandbox: Sandbox) => Promise<T>): Promise<T> {
  const sandbox = new Sandbox(purpose);
  try {
    return await run(sandbox);
  } finally {
    await sandbox.close();
  }
}

function runScraping(tools: Tools, subject: PeerName): Promise<Tally> {
  return inSandbox('interop', async (sandbox) => {
    const stack = await Stack.start(sandbox, tools, subject);
    say(`prometheus scrapes node_exporter and itself for ${SCRAPING_MS / 1000} s and writes to ${subject}`);
    await sleep(SCRAPING_MS);
    await stack.stopScraping();
    return compareAll(stack, tools);
  });
}

async function compareAll(stack: Stack, tools: Tools): Promise<Tally> {
  const nowMs = Date.now();
  const times = await chooseQueryTimes(stack.prometheusUrl, nowMs);
  const wanted = new Promtool(tools.promtool, stack.prometheusUrl);
  const got = new Promtool(tools.promtool, stack.subjectUrl);
  const tally: Tally = { passed: 0, failed: 0 };
  for (const check of checksOf(stack.nodeInstance, times, nowMs)) {
    const problem = await findProblem(check, wanted, got);
    if (problem === undefined) {
      tally.passed++;
      continue;
    }
    tally.failed++;
    say(`FAILED ${check.kind}: ${check.query.expression}\n       ${problem}`);
  }
  return tally;
}

/** Every query at one instant and, unless it is a matrix, over a range. */
function checksOf(nodeInstance: string, times: QueryTimes, afterwardsMs: number): Check[] {
  const checks = interopQueries({ fractionMs: times.fractionMs, nodeInstance }).flatMap((query): Check[] => {
    const instant: Check = { kind: 'instant', query, ask: (promtool) => promtool.instant(query.expression, times.instantMs) };
    // The series of a range answer are always sorted by labels, whatever the query says.
    const range: Check = { kind: 'range', query: { ...query, isOrdered: true }, ask: (promtool) => promtool.range(query.expression, times.range) };
    return query.isInstantOnly ? [instant] : [instant, range];
  });
  const gone: InteropQuery = { expression: '{job=~".+"}', isInstantOnly: true, isOrdered: false, isEmpty: true };
  // Prometheus has sent a stale marker for every series of the targets that were taken away.
  return [...checks, { kind: 'after the targets went away', query: gone, ask: (promtool) => promtool.instant(gone.expression, afterwardsMs) }];
}

async function findProblem({ query, ask }: Check, wanted: Promtool, got: Promtool): Promise<string | undefined> {
  try {
    const [wantedAnswer, gotAnswer] = await Promise.all([ask(wanted), ask(got)]);
    if (query.isEmpty !== (wantedAnswer.length === 0)) return `prometheus answers ${wantedAnswer.length} series: that tests nothing`;
    const difference = firstDifference(wantedAnswer, gotAnswer, TOLERANCE);
    if (difference !== undefined || !query.isOrdered) return difference;
    const isSameOrder = wantedAnswer.every((series, index) => series.key === gotAnswer[index]?.key);
    return isSameOrder ? undefined : `the order is ${gotAnswer.map((series) => series.key).join(' ')}`;
  } catch (error) {
    return error instanceof Error ? error.message.trim() : String(error);
  }
}

/** With each Prometheus that is there, one after the other. */
async function runDifferentials(options: Omit<DifferentialOptions, 'reference'>, version: (typeof REFERENCES)[number] | undefined): Promise<Tally & { readonly skipped: number }> {
  const tally = { passed: 0, failed: 0, skipped: 0 };
  const run = async (reference: Reference): Promise<void> => {
    const { passed, failed } = await inSandbox('differential', (sandbox) => runDifferential(sandbox, { ...options, reference }, say));
    tally.passed += passed;
    tally.failed += failed;
  };
  if (version === undefined || version === '2.42') await run(OLD_REFERENCE);
  if (version === '2.42') return tally;
  const newer = findNewerPrometheus();
  const problem = 'missing' in newer ? newer.missing : version !== undefined && version !== newer.like ? `${newer.path} is like ${newer.like}` : undefined;
  if ('missing' in newer || problem !== undefined) {
    say(`differential: skipped with Prometheus ${version ?? '3'}: ${problem ?? ''}`);
    tally.skipped += options.queries;
  } else await run(newReference(newer));
  return tally;
}

/** Only with a Prometheus since 3.14: the scripts speak its whole language. */
async function runScripts(options: Omit<DifferentialOptions, 'reference'>, folder: string): Promise<Tally & { readonly skipped: number }> {
  const newer = findNewerPrometheus();
  if ('missing' in newer || newer.like !== '3.14') {
    say(`scripts: skipped: ${'missing' in newer ? newer.missing : `${newer.path} is like ${newer.like}`}`);
    return { passed: 0, failed: 0, skipped: options.queries };
  }
  return { ...(await inSandbox('scripts', (sandbox) => runScriptDifferential(sandbox, folder, { ...options, reference: newReference(newer) }, say))), skipped: 0 };
}

function wholeNumber(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  if (!/^\d+$/.test(text)) throw new Error(`--${name} takes a whole number`);
  return Number(text);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      install: { type: 'boolean', default: false },
      'install-readers': { type: 'boolean', default: false },
      spark: { type: 'boolean', default: false },
      subject: { type: 'string', default: 'varve' },
      only: { type: 'string' },
      queries: { type: 'string' },
      seed: { type: 'string' },
      query: { type: 'string' },
      reference: { type: 'string' },
      minutes: { type: 'string' },
      scripts: { type: 'string', default: join(import.meta.dirname, '../promql/scripts') },
    },
  });
  const subject = PEER_NAMES.find((name) => name === values.subject);
  if (subject === undefined) throw new Error(`--subject takes one of ${PEER_NAMES.join(', ')}`);
  const suites = SUITES.filter((name) => values.only === undefined || name === values.only);
  if (suites.length === 0) throw new Error(`--only takes one of ${SUITES.join(', ')}`);
  const reference = REFERENCES.find((version) => version === values.reference);
  if (values.reference !== undefined && reference === undefined) throw new Error(`--reference takes one of ${REFERENCES.join(', ')}`);
  const differential = {
    subject,
    queries: wholeNumber('queries', values.queries, QUERIES),
    durationMs: values.queries === undefined ? QUERIES_DURATION_MS : Infinity,
    seed: wholeNumber('seed', values.seed, SEED),
    query: values.query === undefined ? undefined : wholeNumber('query', values.query, 0),
  };
  const comparisons = suites.filter((suite) => suite !== 'otlp' && suite !== 'archive');
  if (values.install && comparisons.length > 0) installPackages(say);
  if (values.install && suites.some((suite) => suite === 'senders' || suite === 'fleet' || suite === 'differential')) fetchNewerPrometheus(say);
  if (values['install-readers']) installReaders(say, values.spark);
  const tally: Tally = { passed: 0, failed: 0 };
  let skipped = 0;
  const count = ({ passed, failed }: Tally): void => {
    tally.passed += passed;
    tally.failed += failed;
  };
  // These two need none of Debian's packages.
  if (suites.includes('otlp')) {
    count(await inSandbox('otlp', (sandbox) => runOtlp(sandbox, say)));
    count(await inSandbox('otlp-outage', (sandbox) => runOutage(sandbox, say)));
  }
  if (suites.includes('archive')) {
    const archive = await inSandbox('archive', (sandbox) => runArchive(sandbox, say));
    count(archive);
    skipped += archive.skipped;
  }
  const tools = findTools();
  if ('missing' in tools && comparisons.length > 0) {
    const someTimes = { instantMs: 0, range: { startMs: 0, endMs: 0, stepMs: 1 }, fractionMs: 1 };
    const counts = { scraping: checksOf('', someTimes, 0).length, senders: SENDER_CHECKS, fleet: FLEET_CHECKS, differential: differential.queries, scripts: differential.queries, clients: CLIENT_CHECKS };
    skipped += comparisons.reduce((sum, suite) => sum + counts[suite], 0);
    say(`skipped, because these Debian packages are not installed: ${tools.missing.join(', ')} (as root, --install gets them)`);
    say(`${tally.passed} passed, ${tally.failed} failed, ${skipped} skipped`);
    if (tally.failed > 0) process.exitCode = 1;
    return;
  }
  for (const suite of comparisons) {
    if ('missing' in tools) break;
    const runs: Record<(typeof comparisons)[number], () => Promise<Tally & { readonly skipped?: number }>> = {
      scraping: () => runScraping(tools, subject),
      senders: () => inSandbox(suite, (sandbox) => runSenders(sandbox, tools, say)),
      fleet: () => inSandbox(suite, (sandbox) => runFleet(sandbox, tools, values.minutes === undefined ? FLEET_MS : wholeNumber('minutes', values.minutes, 0) * 60_000, say)),
      differential: () => runDifferentials(differential, reference),
      scripts: () => runScripts(differential, values.scripts),
      clients: () => inSandbox(suite, (sandbox) => runClients(sandbox, tools, say)),
    };
    const more = await runs[suite]();
    count(more);
    skipped += more.skipped ?? 0;
  }
  say(`${tally.passed} passed, ${tally.failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`);
  if (tally.failed > 0 || (tally.passed === 0 && skipped === 0)) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  say('0 passed, 1 failed');
  process.exitCode = 1;
}
