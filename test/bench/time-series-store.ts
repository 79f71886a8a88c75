/**
 * `node test/bench/time-series-store.ts`: latencies of a TimeSeriesStore inside workerd, beside its targets, at 10,000 keys and a million
 * points. Two figures each: in one event (many calls, divided), and as a request of its own, with its commit, less what an empty one takes.
 */
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { build, stop as stopBundler } from 'esbuild';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';

const ROOT = join(import.meta.dirname, '..', '..');
const REQUESTS = 200;

const { outputFiles } = await build({
  absWorkingDir: ROOT,
  entryPoints: ['test/bench/time-series-store-object.ts'],
  outdir: join(ROOT, '.build/bench'),
  write: false,
  bundle: true,
  format: 'esm',
  target: 'es2024',
  conditions: ['workerd', 'worker', 'browser'],
  external: ['cloudflare:*', 'node:*'],
  logLevel: 'warning',
});
await stopBundler();

/** Miniflare's own entry worker in front would be most of what is measured. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

const port = await freePort();
const base = `http://127.0.0.1:${port}`;
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

async function ask(operation: string, times: number): Promise<number> {
  const begin = performance.now();
  const answer = await fetch(`${base}/?${new URLSearchParams({ do: operation, times: String(times) })}`);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${operation}: ${answer.status} ${text}`);
  return performance.now() - begin;
}

async function requests(operation: string, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) times.push(await ask(operation, 1));
  return times.sort((a, b) => a - b);
}

const at = (sorted: readonly number[], share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
const ms = (value: number): string => `${Math.max(0, value).toFixed(value < 10 ? 3 : 1)} ms`;

let emptyMs = 0;

async function row(operation: string, inOneEvent: number, target: string, count = REQUESTS): Promise<void> {
  await ask(operation, 1);
  const together = (await ask(operation, inOneEvent)) / inOneEvent;
  const single = await requests(operation, count);
  const cells = [operation, ms(together), ms(at(single, 0.5) - emptyMs), ms(at(single, 0.99) - emptyMs), target];
  console.log(`| ${cells.join(' | ')} |`);
}

try {
  await ask('fill keys', 1);
  await ask('fill points', 100);
  await requests('nothing', 100);
  emptyMs = at(await requests('nothing', REQUESTS), 0.5);
  console.log(`an empty request takes ${ms(emptyMs)}; workerd, 10,000 keys, 1,000,000 points\n`);
  console.log('| operation | in one event | own request, median | own request, 99th | target |\n|---|---|---|---|---|');
  await row('put', 1000, '< 5 ms');
  await row('put JSON', 1000, '< 5 ms');
  await row('get', 1000, '< 1 ms');
  await row('get JSON', 1000, '< 1 ms');
  await row('getAsOf cached', 1000, '< 1 ms');
  await row('getAsOf uncached', 1000, '< 10 ms');
  await row('range of 10,000', 5, 'streaming', 20);
  await row('aggregate of 10,000, raw', 10, '', 20);
  const snapshotMs: number[] = [];
  for (let i = 0; i < 10; i++) {
    await ask('put', 10_000);
    snapshotMs.push((await ask('snapshot', 1)) - emptyMs);
  }
  snapshotMs.sort((a, b) => a - b);
  console.log(`| snapshot, 10,000 new values | | ${ms(at(snapshotMs, 0.5))} | ${ms(at(snapshotMs, 0.99))} | < 100 ms |`);
  console.log(`| roll up a million points to minutes | ${ms(await ask('roll up', 1))} | | | |`);
  console.log(`| prune half of them | ${ms(await ask('prune half', 1))} | | | |`);
  await row('aggregate of 5,000, rolled up', 20, '< 50 ms', 50);
} finally {
  await miniflare.dispose();
}
