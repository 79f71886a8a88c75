import { join } from 'node:path';
import { build, stop as stopBundler } from 'esbuild';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { BUNDLED_AS } from '../../query/cli/worker-process.ts';
import { freePort } from '../processes/free-port.ts';
import { http, keepAliveAgent } from '../processes/http.ts';
import { VARVE_VERSION } from '../processes/varve-command.ts';
import type { BenchOptions } from './options.ts';
import type { Measure, Report, Run } from './report.ts';
import { percentile } from './statistics.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const REQUESTS = 200;
const FILLS = 100;
const SNAPSHOTS = 10;

interface Operation {
  /** As the object under test knows it (store-object.ts). */
  readonly name: string;
  /** Calls in one event, over which its time is divided. */
  readonly together: number;
  readonly requests: number;
  /** Milliseconds of one call, where the seed's table has a figure. */
  readonly askedMs?: number;
}

const OPERATIONS: readonly Operation[] = [
  { name: 'put', together: 1000, requests: REQUESTS, askedMs: 5 },
  { name: 'put JSON', together: 1000, requests: REQUESTS, askedMs: 5 },
  { name: 'get', together: 1000, requests: REQUESTS, askedMs: 1 },
  { name: 'get JSON', together: 1000, requests: REQUESTS, askedMs: 1 },
  { name: 'getAsOf cached', together: 1000, requests: REQUESTS, askedMs: 1 },
  { name: 'getAsOf uncached', together: 1000, requests: REQUESTS, askedMs: 10 },
  { name: 'range of 10,000', together: 5, requests: 20 },
  { name: 'aggregate of 10,000, raw', together: 10, requests: 20 },
];
const ROLLED_UP: Operation = { name: 'aggregate of 5,000, rolled up', together: 20, requests: 50, askedMs: 50 };
const SNAPSHOT: Operation = { name: 'snapshot', together: 1, requests: SNAPSHOTS, askedMs: 100 };
const ONCE = ['roll up', 'prune half'] as const;

/**
 * Latencies of a TimeSeriesStore inside workerd, beside what was asked, at 10,000 keys and a million points. Two figures each: in one event
 * (many calls, divided), and as a request of its own, with its commit, less what an empty one takes. A Worker's clock stands still while it
 * computes, so the time is taken outside.
 */
export async function benchStore(options: BenchOptions, say: (line: string) => void): Promise<Report> {
  const fewer = options.isTiny ? 20 : 1;
  const port = await freePort();
  const miniflare = await startStore(port);
  const agent = keepAliveAgent(1);
  const ask = async (name: string, times: number): Promise<number> => {
    const url = new URL(`http://127.0.0.1:${port}/?${new URLSearchParams({ do: name, times: String(times) }).toString()}`);
    const startMs = performance.now();
    const answer = await http({ method: 'GET', url, agent });
    const tookMs = performance.now() - startMs;
    if (answer.status !== 200) throw new Error(`${name}: ${answer.status} ${answer.body.toString()}`);
    return tookMs;
  };
  const run: Record<string, number> = {};
  const notes: string[] = [];
  try {
    await ask('fill keys', 1);
    await ask('fill points', FILLS / fewer);
    const empty: number[] = [];
    for (let i = 0; i < REQUESTS; i++) empty.push(await ask('nothing', 1));
    const emptyMs = percentile(empty.slice(REQUESTS / 2), 0.5);
    notes.push(`an empty request takes ${emptyMs.toFixed(3)} ms, which is taken off`);
    const measure = async ({ name, together, requests, askedMs }: Operation, prepare?: () => Promise<unknown>): Promise<void> => {
      await ask(name, 1);
      run[`${name}, together`] = prepare === undefined ? (await ask(name, together)) / together : Number.NaN;
      const times: number[] = [];
      for (let i = 0; i < Math.max(2, requests / fewer); i++) {
        await prepare?.();
        times.push(Math.max(0, (await ask(name, 1)) - emptyMs));
      }
      run[`${name}, median`] = percentile(times, 0.5);
      run[`${name}, 99th`] = percentile(times, 0.99);
      say(`${name}: ${run[`${name}, median`]!.toFixed(3)} ms`);
      if (askedMs !== undefined && !(run[`${name}, median`]! < askedMs)) notes.push(`${name} takes more than the ${askedMs} ms that were asked`);
    };
    for (const operation of OPERATIONS) await measure(operation);
    await measure(SNAPSHOT, () => ask('put', 10_000 / fewer));
    for (const name of ONCE) run[name] = await ask(name, 1);
    await measure(ROLLED_UP);
  } finally {
    agent.destroy();
    await miniflare.dispose();
  }
  return {
    bench: 'store',
    title: `store: a TimeSeriesStore in workerd, 10,000 keys and ${((FILLS / fewer) * 10_000).toLocaleString('en-US')} points${options.isTiny ? ' (tiny: the figures mean nothing)' : ''}`,
    load: { requests: REQUESTS },
    measures: [...OPERATIONS, SNAPSHOT].flatMap(measuresOf).concat(ONCE.map((name) => ({ key: name, title: `${name}, ms`, digits: 0, hasRatio: false })), measuresOf(ROLLED_UP)),
    peers: [{ peer: { name: 'varve', version: VARVE_VERSION }, runs: [run satisfies Run] }],
    notes,
    isSound: true,
  };
}

function measuresOf({ name, askedMs }: Operation): Measure[] {
  const asked = askedMs === undefined ? '' : ` (asked: < ${askedMs})`;
  return [
    { key: `${name}, together`, title: `${name}: in one event, ms`, digits: 4, hasRatio: false },
    { key: `${name}, median`, title: `${name}: own request, median, ms${asked}`, digits: 3, hasRatio: false },
    { key: `${name}, 99th`, title: `${name}: own request, 99th, ms`, digits: 3, hasRatio: false },
  ];
}

/** The object of store-object.ts on a direct socket: Miniflare's own entry worker in front would be most of what is measured. */
async function startStore(port: number): Promise<Miniflare> {
  const { outputFiles } = await build({
    ...BUNDLED_AS,
    absWorkingDir: ROOT,
    entryPoints: ['test/bench/store-object.ts'],
    outdir: join(ROOT, '.build/bench'),
    write: false,
  });
  await stopBundler();
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      name: 'bench',
      modules: [{ type: 'ESModule', path: 'bench.js', contents: outputFiles[0]!.contents as Uint8Array<ArrayBuffer> }],
      compatibilityDate: '2026-10-01',
      durableObjects: { BENCH: { className: 'BenchObject', useSQLite: true } },
      unsafeDirectSockets: [{ host: '127.0.0.1', port }],
    }),
  );
  await miniflare.ready;
  return miniflare;
}
