import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

/*
 * The benches, so small that their figures mean nothing, so that they do not rot: they start Varve, load it, ask it, and check that no
 * sample was lost. Two beside each other (maxConcurrency): each waits for its server more often than not.
 */
const directory = mkdtempSync(join(tmpdir(), 'varve-bench-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** What it prints, once it has ended well; one that is no longer waited for is ended. */
function bench(args: readonly string[], signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], { encoding: 'utf8', maxBuffer: 2 ** 24, signal }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`bench ${args.join(' ')}: ${error.message}\n${stdout}${stderr}`));
    });
  });
}

describe.concurrent('bench --tiny', () => {
  test.for(['api', 'ingest', 'query', 'size', 'rows', 'memory', 'append', 'store', 'tiers', 'cost'])('%s', { timeout: 90_000 }, async (name, { signal }) => {
    const json = join(directory, `${name}.json`);
    const printed = await bench([name, '--tiny', '--peers', 'varve', '--json', json], signal);
    const report = JSON.parse(readFileSync(json, 'utf8')) as object;
    expect(Object.keys(report).length).toBeGreaterThan(2);
    expect(printed).toContain('varve');
  });

  test.for([[[]], [['--series', '900']]])('doors %j', { timeout: 60_000 }, async ([more], { signal }) => {
    const printed = await bench(['doors', '--tiny', ...more!], signal);
    expect(printed.trim().split('\n')).toHaveLength(9);
  });
});
