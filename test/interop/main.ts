/**
 * `npm run test:interop`: Debian's prometheus scrapes node_exporter and itself and remote-writes all of it to Varve; then Debian's promtool
 * asks both the same questions, and the answers must be the same. `--install` gets the packages (root on Debian); `--subject prometheus`
 * puts a second Prometheus in Varve's place, which shows that what fails is not the test.
 */
import { parseArgs } from 'node:util';
import { firstDifference } from '../bench/compare-answers.ts';
import { PEER_NAMES } from '../bench/peers.ts';
import type { AnswerSeries } from '../bench/prometheus-api.ts';
import { Sandbox } from '../processes/sandbox.ts';
import { sleep } from '../processes/sleep.ts';
import { findTools, installPackages, type Tools } from './packages.ts';
import { Promtool } from './promtool.ts';
import { type InteropQuery, interopQueries } from './queries.ts';
import { chooseQueryTimes } from './query-times.ts';
import { Stack } from './stack.ts';

/** The first step of a range query lies 15 s back, the furthest window reaches 30 s further, and both ends keep a margin. */
const SCRAPING_MS = 50_000;
/** Both engines sum the same floats, not always in the same order. Where numbers cancel out, a few more digits go. */
const TOLERANCE = 1e-9;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

interface Tally {
  passed: number;
  failed: number;
}

async function run(tools: Tools, subject: (typeof PEER_NAMES)[number]): Promise<Tally> {
  const sandbox = new Sandbox('interop');
  try {
    const stack = await Stack.start(sandbox, tools, subject);
    say(`prometheus scrapes node_exporter and itself for ${SCRAPING_MS / 1000} s and writes to ${subject}`);
    await sleep(SCRAPING_MS);
    await stack.stopScraping();
    return await compareAll(stack, tools);
  } finally {
    await sandbox.close();
  }
}

async function compareAll(stack: Stack, tools: Tools): Promise<Tally> {
  const times = await chooseQueryTimes(stack.prometheusUrl, Date.now());
  const wanted = new Promtool(tools.promtool, stack.prometheusUrl);
  const got = new Promtool(tools.promtool, stack.subjectUrl);
  const tally: Tally = { passed: 0, failed: 0 };
  const check = async (query: InteropQuery, kind: string, ask: (promtool: Promtool) => Promise<AnswerSeries[]>): Promise<void> => {
    const problem = await findProblem(query, ask, wanted, got);
    if (problem === undefined) {
      tally.passed++;
      return;
    }
    tally.failed++;
    say(`FAILED ${kind}: ${query.expression}\n       ${problem}`);
  };
  for (const query of interopQueries({ ...times, nodeInstance: stack.nodeInstance })) {
    await check(query, 'instant', (promtool) => promtool.instant(query.expression, times.instantMs));
    if (!query.isInstantOnly) await check({ ...query, isOrdered: false }, 'range', (promtool) => promtool.range(query.expression, times.range));
  }
  return tally;
}

async function findProblem(
  query: InteropQuery,
  ask: (promtool: Promtool) => Promise<AnswerSeries[]>,
  wanted: Promtool,
  got: Promtool,
): Promise<string | undefined> {
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

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { install: { type: 'boolean', default: false }, subject: { type: 'string', default: 'varve' } } });
  const subject = PEER_NAMES.find((name) => name === values.subject);
  if (subject === undefined) throw new Error(`--subject takes one of ${PEER_NAMES.join(', ')}`);
  if (values.install) installPackages(say);
  const tools = findTools();
  if ('missing' in tools) {
    const queries = interopQueries({ fractionMs: 1, nodeInstance: '' });
    const skipped = queries.length + queries.filter((query) => !query.isInstantOnly).length;
    say(`skipped, because these Debian packages are not installed: ${tools.missing.join(', ')} (as root, --install gets them)`);
    say(`0 passed, 0 failed, ${skipped} skipped`);
    return;
  }
  const tally = await run(tools, subject);
  say(`${tally.passed} passed, ${tally.failed} failed`);
  if (tally.failed > 0 || tally.passed === 0) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  say('0 passed, 1 failed');
  process.exitCode = 1;
}
