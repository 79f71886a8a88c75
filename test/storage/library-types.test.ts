import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

/*
 * Whoever imports the library checks our sources with his own options: those that README.md names, and not the strictest, which are ours.
 * What is sound only where `exactOptionalPropertyTypes` is on, say, is an error in his project that he can do nothing about.
 */
const ROOT = join(import.meta.dirname, '../..');
const OPTIONS = ['--strict', '--target', 'es2024', '--lib', 'esnext', '--module', 'esnext', '--moduleResolution', 'bundler', '--allowImportingTsExtensions', '--skipLibCheck', '--types', 'node,@cloudflare/workers-types'];

test('the library is checked by the options of a user, as README.md has them', () => {
  const cache = ['--incremental', '--tsBuildInfoFile', 'node_modules/.cache/library.tsbuildinfo'];
  const { stdout, status } = spawnSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '--ignoreConfig', '--noEmit', ...OPTIONS, ...cache, 'storage/index.ts'], { cwd: ROOT, encoding: 'utf8' });
  expect(stdout).toBe('');
  expect(status).toBe(0);
}, 120_000);
