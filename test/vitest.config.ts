import { join } from 'node:path';
import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';

const root = join(import.meta.dirname, '..');

export default defineConfig({
  test: {
    projects: [
      {
        root,
        test: { name: 'node', include: ['test/**/*.test.ts'], exclude: ['test/workerd/**', '**/node_modules/**'] },
      },
      {
        root,
        plugins: [cloudflareTest({ wrangler: { configPath: `${root}/wrangler.toml` } })],
        test: { name: 'workerd', include: ['test/workerd/**/*.test.ts'] },
      },
    ],
  },
});
