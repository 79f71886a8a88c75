import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';

/*
 * The benches, so small that their figures mean nothing, so that they do not rot: they start Varve, load it, ask it, and check that no
 * sample was lost.
 */
const directory = mkdtempSync(join(tmpdir(), 'varve-bench-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test.each(['api', 'ingest', 'query', 'size', 'rows', 'memory', 'append', 'store', 'tiers', 'cost'])('bench -- %s --tiny', { timeout: 90_000 }, (name) => {
  const json = join(directory, `${name}.json`);
  const run = spawnSync(process.execPath, [join(import.meta.dirname, 'main.ts'), name, '--tiny', '--peers', 'varve', '--json', json], { encoding: 'utf8' });
  expect(run.status, run.stdout + run.stderr).toBe(0);
  const report = JSON.parse(readFileSync(json, 'utf8')) as object;
  expect(Object.keys(report).length).toBeGreaterThan(2);
  expect(run.stdout).toContain('varve');
});

test.each([[], ['--series', '900']])('bench -- doors --tiny %j', { timeout: 60_000 }, (...series) => {
  const run = spawnSync(process.execPath, [join(import.meta.dirname, 'main.ts'), 'doors', '--tiny', ...series], { encoding: 'utf8' });
  expect(run.status, run.stdout + run.stderr).toBe(0);
  expect(run.stdout.trim().split('\n')).toHaveLength(9);
});
