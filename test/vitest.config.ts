import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';
import { ALONE } from './alone.ts';
import { bundledWorker } from './bundled-worker.ts';

const root = join(import.meta.dirname, '..');
const wrangler = { configPath: `${root}/wrangler.toml` };

/** As npm start runs it where there are no keys. */
const OPEN = { VARVE_OPEN: 'loopback' };

/** For tenant-limits.test.ts. */
const CAPPED = JSON.stringify({ capped: { activeSeriesMax: 2 } });

/** What must hold however many shards a tenant has: run with one and with four. */
const FOR_ANY_SHARD_COUNT = ['test/workerd/life-of-a-sample.test.ts', 'test/workerd/query-api.test.ts'];

/** What must hold without an archive too. */
const FOR_ANY_TIERS = ['test/workerd/life-of-a-sample.test.ts', 'test/workerd/import.test.ts'];


/** Quick tests of what remembers nothing between calls: their files share processes, one after the other, which saves starting 280 of them. Those of the commands wait for processes of their own. */
const SHARING = `test/{bench,fakes,ingest,interop,promql,proto,query,storage}/**/!(${ALONE.join('|')}).test.ts`;

/** Those that ask the Worker nothing, or a tenant of their own, share what is started for them. Keys, and what a tenant has, are of all files of a workerd: the others begin with none. */
const WORKERD_SHARING = 'test/workerd/@(archive|codecs|decompress|deep-queries|object-reader|object-store|ports|seed-examples|tenant-limits|time-series-store|time-series-store-archive).test.ts';

/** Ten times what the slowest take on a machine that does nothing else: a test that hangs fails, one on a busy machine does not. */
const testTimeout = 30_000;
/** The first request of a file makes the whole Worker ready, on a machine whose cores others use as well. */
const hookTimeout = 30_000;

/**
 * Files are imported by Node itself, as the commands of query/cli are: no transformation in between, whose imports are getters that every call
 * in a hot loop goes through; and what Node has compiled once it finds again (run.mjs). There are no mocks of modules, which need a loader.
 */
const NATIVE = { viteModuleRunner: false, nodeLoader: false };
const setupFiles = join(root, 'test/keep-compiled.ts');

export default defineConfig({
  test: {
    // One more than there are cores: the tests of processes wait for these. (vitest's own choice is one less.)
    maxWorkers: availableParallelism() + 1,
    // Of tests that say of themselves that they wait.
    maxConcurrency: 2,
    projects: [
      { root, test: { name: 'node', experimental: NATIVE, setupFiles, testTimeout, include: ['test/**/*.test.ts'], exclude: ['test/workerd/**', '**/node_modules/**', SHARING] } },
      { root, test: { name: 'node-sharing', experimental: NATIVE, setupFiles, testTimeout, isolate: false, include: [SHARING] } },
      {
        root,
        plugins: [bundledWorker(root), cloudflareTest({ wrangler, miniflare: { bindings: OPEN } })],
        test: { name: 'workerd', testTimeout, hookTimeout, include: ['test/workerd/**/*.test.ts'], exclude: [WORKERD_SHARING] },
      },
      {
        root,
        plugins: [bundledWorker(root), cloudflareTest({ wrangler, miniflare: { bindings: { ...OPEN, VARVE_TENANT_LIMITS: CAPPED } } })],
        test: { name: 'workerd-sharing', testTimeout, hookTimeout, isolate: false, include: [WORKERD_SHARING] },
      },
      {
        root,
        plugins: [bundledWorker(root), cloudflareTest({ wrangler, miniflare: { bindings: { ...OPEN, VARVE_SHARDS: '4' } } })],
        test: { name: 'workerd-4-shards', testTimeout, hookTimeout, include: FOR_ANY_SHARD_COUNT },
      },
      {
        root,
        plugins: [bundledWorker(root), cloudflareTest({ wrangler, miniflare: { bindings: { ...OPEN, VARVE_ARCHIVE: 'off' } } })],
        test: { name: 'workerd-hot', testTimeout, hookTimeout, include: FOR_ANY_TIERS },
      },
    ],
  },
});
