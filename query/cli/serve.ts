import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, stop as stopBundler } from 'esbuild';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { systemClock } from '../../storage/runtime/clock.ts';
import { systemFetch } from '../../storage/runtime/fetch.ts';
import { SelfScrape } from './self-scrape.ts';
import { unpackSnappy } from './unpack-snappy.mjs';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const COMPATIBILITY_DATE = '2026-10-01';
const COMPATIBILITY_FLAGS = ['enable_request_signal'];
const SCRAPE_INTERVAL_MS = 15_000;

interface Settings {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  readonly selfScrape: boolean;
  /** Port of workerd's inspector (Chrome DevTools protocol), for profiling. */
  readonly inspectorPort: number | undefined;
  readonly variables: Record<string, string>;
}

/** A mistake of the user's: one line and exit status 1, no stack. */
class UsageError extends Error {}

function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const port = Number(environment['PORT'] ?? '8787');
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new UsageError(`PORT is ${environment['PORT']}; it must be a number from 1 to 65535`);
  const shards = environment['VARVE_SHARDS'];
  return {
    host: environment['HOST'] ?? '127.0.0.1',
    port,
    dataDir: resolve(environment['DATA_DIR'] ?? join(ROOT, 'data')),
    inspectorPort: environment['VARVE_INSPECTOR_PORT'] === undefined ? undefined : Number(environment['VARVE_INSPECTOR_PORT']),
    selfScrape: environment['VARVE_SELF_SCRAPE'] !== 'off',
    variables: shards === undefined ? {} : { VARVE_SHARDS: shards },
  };
}

/** Bundles the Worker into .build; answers with the modules that workerd loads. */
async function buildWorker(): Promise<{ type: 'ESModule' | 'CompiledWasm'; path: string }[]> {
  unpackSnappy();
  const outdir = join(ROOT, '.build/worker');
  const result = await build({
    absWorkingDir: ROOT,
    entryPoints: ['worker.ts'],
    outdir,
    bundle: true,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*'],
    loader: { '.wasm': 'copy' },
    sourcemap: 'inline',
    sourcesContent: false,
    metafile: true,
    logLevel: 'warning',
  });
  await stopBundler();
  const outputs = Object.keys(result.metafile.outputs).map((path) => join(ROOT, path));
  const entry = outputs.filter((path) => path.endsWith('worker.js')).map((path) => ({ type: 'ESModule' as const, path }));
  const wasm = outputs.filter((path) => path.endsWith('.wasm')).map((path) => ({ type: 'CompiledWasm' as const, path }));
  return [...entry, ...wasm];
}

async function checkPortIsFree(host: string, port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((done, failed) => {
    server.once('error', failed);
    server.listen(port, host, done);
  }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EADDRINUSE') throw new UsageError(`port ${port} on ${host} is in use; set PORT to another one`);
    throw new UsageError(`cannot listen on ${host}:${port}: ${error.message}`);
  });
  await new Promise((done) => server.close(done));
}

/** Two processes on one data directory would contend for the same SQLite files: the second one is told so. */
function lockDataDir(dataDir: string): () => void {
  mkdirSync(dataDir, { recursive: true });
  const lockFile = join(dataDir, 'varve.pid');
  if (existsSync(lockFile)) {
    const pid = Number(readFileSync(lockFile, 'utf8'));
    if (pid !== process.pid && isAlive(pid)) throw new UsageError(`the data in ${dataDir} is in use by process ${pid}; stop it or set DATA_DIR to another directory`);
  }
  writeFileSync(lockFile, String(process.pid));
  return () => rmSync(lockFile, { force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function printWelcome({ host, port, dataDir }: Settings): void {
  const base = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  console.log(`
Varve is ready. Data in ${dataDir}

  Query API    ${base}/api/v1/query      (also the URL of a Grafana data source of type Prometheus: ${base})
  Metrics      ${base}/metrics
  Health       ${base}/-/ready

Point a Prometheus at it (prometheus.yml):

remote_write:
  - url: ${base}/api/v1/write

Ask something (Varve scrapes itself every ${SCRAPE_INTERVAL_MS / 1000} s):

  curl -s '${base}/api/v1/query' --data-urlencode 'query=sum(varve_shard_series)'

There are no keys yet: everybody who can reach this address can read and write. Stop with Ctrl-C.
`);
}

async function serve(): Promise<void> {
  const settings = readSettings(process.env);
  const { host, port } = settings;
  await checkPortIsFree(host, port);
  const unlock = lockDataDir(settings.dataDir);
  const modules = await buildWorker();
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      name: 'varve',
      modules,
      modulesRoot: join(ROOT, '.build/worker'),
      compatibilityDate: COMPATIBILITY_DATE,
      compatibilityFlags: COMPATIBILITY_FLAGS,
      bindings: settings.variables,
      durableObjects: { SHARD: { className: 'Shard', useSQLite: true }, CATALOG: { className: 'Catalog', useSQLite: true } },
      r2Buckets: { ARCHIVE: 'varve-archive' },
      // The Worker listens itself: Miniflare's own entry worker in front costs a third of the throughput.
      unsafeDirectSockets: [{ host, port }],
      resourcePersistencePath: settings.dataDir,
      ...(settings.inspectorPort === undefined ? {} : { inspectorPort: settings.inspectorPort }),
    }),
  );
  const scrape = new SelfScrape(`http://${host}:${port}`, systemFetch, systemClock);
  let stopping = false;
  const stop = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    scrape.stop();
    await miniflare.dispose();
    unlock();
    process.exit(0);
  };
  await miniflare.ready;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // Miniflare's own handler would end the process before workerd is down and the lock is gone.
    process.removeAllListeners(signal);
    process.on(signal, () => void stop());
  }
  printWelcome(settings);
  if (settings.selfScrape) await scrape.run(SCRAPE_INTERVAL_MS);
}

try {
  await serve();
} catch (error) {
  if (error instanceof UsageError) console.error(`varve: ${error.message}`);
  else console.error(error);
  process.exit(1);
}
