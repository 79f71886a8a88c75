import { join } from 'node:path';
import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';

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

export default defineConfig({
  test: {
    projects: [
      {
        root,
        test: { name: 'node', testTimeout: 30_000, include: ['test/**/*.test.ts'], exclude: ['test/workerd/**', '**/node_modules/**'] },
      },
      {
        root,
        plugins: [cloudflareTest({ wrangler, miniflare: { bindings: { ...OPEN, VARVE_TENANT_LIMITS: CAPPED } } })],
        test: { name: 'workerd', include: ['test/workerd/**/*.test.ts'] },
      },
      {
        root,
        plugins: [cloudflareTest({ wrangler, miniflare: { bindings: { ...OPEN, VARVE_SHARDS: '4' } } })],
        test: { name: 'workerd-4-shards', include: FOR_ANY_SHARD_COUNT },
      },
      {
        root,
        plugins: [cloudflareTest({ wrangler, miniflare: { bindings: { ...OPEN, VARVE_ARCHIVE: 'off' } } })],
        test: { name: 'workerd-hot', include: FOR_ANY_TIERS },
      },
    ],
  },
});
