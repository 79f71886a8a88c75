import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, stop as stopBundler } from 'esbuild';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { systemClock } from '../../storage/runtime/clock.ts';
import { readConfig } from '../../storage/runtime/config.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { systemFetch } from '../../storage/runtime/fetch.ts';
import { isLoopbackHost } from '../access/loopback.ts';
import { lockDataDir } from './data-lock.ts';
import { SelfScrape } from './self-scrape.ts';
import { unpackSnappy } from './unpack-snappy.mjs';
import { UsageError } from './usage-error.ts';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
/** Where the bundle would lie if it were written. */
const BUNDLE_ROOT = join(ROOT, '.build/worker');
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

function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const port = Number(environment['PORT'] ?? '8787');
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new UsageError(`PORT is ${environment['PORT']}; it must be a number from 1 to 65535`);
  const host = environment['HOST'] ?? '127.0.0.1';
  const variables: Record<string, string> = {};
  for (const name of ['VARVE_SHARDS', 'VARVE_HOT_RETENTION', 'VARVE_ADMIN_KEY']) {
    if (environment[name] !== undefined) variables[name] = environment[name];
  }
  if (isLoopbackAddress(host)) variables['VARVE_OPEN'] = 'loopback';
  else if (variables['VARVE_ADMIN_KEY'] === undefined) {
    throw new UsageError(`HOST is ${host}, which others can reach, and there is no key; set VARVE_ADMIN_KEY to ${LIMITS.adminKeyLengthMin} or more random characters ("openssl rand -hex 32" prints some)`);
  }
  try {
    readConfig(variables);
  } catch (error) {
    throw error instanceof VarveError ? new UsageError(error.message) : error;
  }
  return {
    host,
    port,
    dataDir: resolve(environment['DATA_DIR'] ?? join(ROOT, 'data')),
    inspectorPort: environment['VARVE_INSPECTOR_PORT'] === undefined ? undefined : Number(environment['VARVE_INSPECTOR_PORT']),
    selfScrape: environment['VARVE_SELF_SCRAPE'] !== 'off',
    variables,
  };
}

/** Whether only this machine can reach what listens there. */
function isLoopbackAddress(host: string): boolean {
  return isLoopbackHost(host.includes(':') ? `[${host}]` : host);
}

interface WorkerModule {
  readonly type: 'ESModule' | 'CompiledWasm';
  readonly path: string;
  readonly contents: Uint8Array<ArrayBuffer>;
}

/** Bundles the Worker and answers with the modules that workerd loads. Nothing is written: two starts at once must not mix their files. */
async function buildWorker(): Promise<WorkerModule[]> {
  unpackSnappy();
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: ['worker.ts'],
    outdir: BUNDLE_ROOT,
    write: false,
    bundle: true,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*'],
    loader: { '.wasm': 'copy' },
    sourcemap: 'inline',
    sourcesContent: false,
    logLevel: 'warning',
  });
  await stopBundler();
  const ofType = (type: WorkerModule['type'], ending: string): WorkerModule[] =>
    outputFiles.filter(({ path }) => path.endsWith(ending)).map(({ path, contents }) => ({ type, path, contents: contents as Uint8Array<ArrayBuffer> }));
  // The entry comes first.
  return [...ofType('ESModule', '.js'), ...ofType('CompiledWasm', '.wasm')];
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

  curl -s '${base}/api/v1/query' --data-urlencode 'query=up'

There are no keys yet: everybody who can reach this address can read and write. Stop with Ctrl-C.
`);
}

async function serve(): Promise<void> {
  const settings = readSettings(process.env);
  const { host, port } = settings;
  await checkPortIsFree(host, port);
  lockDataDir(settings.dataDir);
  const modules = await buildWorker();
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      name: 'varve',
      modules,
      modulesRoot: BUNDLE_ROOT,
      compatibilityDate: COMPATIBILITY_DATE,
      compatibilityFlags: COMPATIBILITY_FLAGS,
      bindings: settings.variables,
      durableObjects: {
        SHARD: { className: 'Shard', useSQLite: true },
        CATALOG: { className: 'Catalog', useSQLite: true },
        KEYRING: { className: 'Keyring', useSQLite: true },
      },
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
    process.exit(0);
  };
  await miniflare.ready;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // Miniflare's own handler would end the process before workerd is down.
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
