import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { BuildOptions } from 'esbuild';
import type { Miniflare } from 'miniflare';
import { type Bundle, keptBundle, type WorkerModule } from './kept-bundle.ts';
import { ROOT, type Settings } from './settings.ts';
import { startFailure } from './start-failure.ts';
import { unpackSnappy } from './unpack-snappy.mjs';
import { UsageError } from './usage-error.ts';

/** Where its modules would lie if they were written one by one. */
const BUNDLE_ROOT = join(ROOT, '.build/worker');
/** What the bundler reads beside the modules, and what says how they are bundled. */
const BUNDLED_BY = ['package-lock.json', 'tsconfig.json', 'query/cli/worker-process.ts'];
/** How modules become one, whoever loads it. */
export const BUNDLED_AS: BuildOptions = {
  bundle: true,
  format: 'esm',
  target: 'es2024',
  conditions: ['workerd', 'worker', 'browser'],
  external: ['cloudflare:*', 'node:*'],
  logLevel: 'warning',
};
const COMPATIBILITY_DATE = '2026-10-01';
const COMPATIBILITY_FLAGS = ['enable_request_signal'];

/**
 * On a machine of one's own an object leaves memory after ten idle seconds, on Cloudflare after a minute or more. A scrape every 15 s would find
 * each counter of a quiet shard at its start, and every query would pay for waking it: here objects stay.
 */
const OBJECT_OPTIONS = { useSQLite: true, unsafePreventEviction: true };

/**
 * Starts the Worker in workerd, with its data in the directory of the settings, which must be locked. Resolves when it listens. `entry` is
 * for those who measure it, and put something around it.
 */
export async function startWorker(settings: Settings, entry = 'worker.ts'): Promise<Miniflare> {
  const { host, port } = settings;
  // Not above: whoever has made a mistake, or wants a Worker that runs already, does not wait half a second for what is not used. The bundler is a process of its own.
  // The source map is half of a bundle, which each start reads and hands over, and nobody asks for it but an inspector.
  const isMapped = settings.inspectorPort !== undefined;
  const bundle = keptBundle(join(ROOT, '.build', `${entry.replaceAll('/', '-')}${isMapped ? '.mapped' : ''}.bundle`), ROOT, BUNDLED_BY, () => buildWorker(entry, isMapped));
  const [modules, miniflares] = await Promise.all([bundle, import('miniflare')]);
  const miniflare = new miniflares.Miniflare(
    miniflares.convertV4MiniflareOptions({
      name: 'varve',
      modules: [...modules],
      modulesRoot: BUNDLE_ROOT,
      compatibilityDate: COMPATIBILITY_DATE,
      compatibilityFlags: COMPATIBILITY_FLAGS,
      bindings: settings.variables,
      durableObjects: {
        SHARD: { className: 'Shard', ...OBJECT_OPTIONS },
        CATALOG: { className: 'Catalog', ...OBJECT_OPTIONS },
        KEYRING: { className: 'Keyring', ...OBJECT_OPTIONS },
      },
      r2Buckets: { ARCHIVE: 'varve-archive' },
      // The Worker listens itself: Miniflare's own entry worker in front costs a third of the throughput.
      unsafeDirectSockets: [{ host, port }],
      resourcePersistencePath: settings.dataDir,
      ...(settings.inspectorPort === undefined ? {} : { inspectorPort: settings.inspectorPort }),
    }),
  );
  try {
    await miniflare.ready;
  } catch (error) {
    throw startFailure(error, settings.dataDir);
  }
  return miniflare;
}

/** Bundles the Worker: the modules that workerd loads. */
async function buildWorker(entry: string, isMapped: boolean): Promise<Bundle> {
  unpackSnappy();
  const { build, stop: stopBundler } = await import('esbuild');
  const { outputFiles, metafile } = await build({
    ...BUNDLED_AS,
    absWorkingDir: ROOT,
    entryPoints: [entry],
    outdir: BUNDLE_ROOT,
    write: false,
    metafile: true,
    loader: { '.wasm': 'copy' },
    sourcemap: isMapped && 'inline',
    sourcesContent: false,
  });
  await stopBundler();
  const ofType = (type: WorkerModule['type'], ending: string): WorkerModule[] =>
    outputFiles.filter(({ path }) => path.endsWith(ending)).map(({ path, contents }) => ({ type, path, contents: contents as Uint8Array<ArrayBuffer> }));
  // The entry comes first.
  return { modules: [...ofType('ESModule', '.js'), ...ofType('CompiledWasm', '.wasm')], inputs: Object.keys(metafile.inputs) };
}

/** Throws a usage error when nobody can listen there; answers with the port, which for 0 is a free one. */
export async function checkPortIsFree(host: string, port: number): Promise<number> {
  const server = createServer();
  await new Promise<void>((done, failed) => {
    server.once('error', failed);
    server.listen(port, host, done);
  }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EADDRINUSE') throw new UsageError(`port ${port} on ${host} is in use; set PORT to another one`);
    throw new UsageError(`cannot listen on ${host}:${port}: ${error.message}`);
  });
  const found = (server.address() as AddressInfo).port;
  await new Promise((done) => server.close(done));
  return found;
}
