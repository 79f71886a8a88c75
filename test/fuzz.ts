import { spawn } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FuzzReport } from './proto/fuzz-loop.ts';

/*
 * `npm run test:fuzz`: a million mutated inputs of each format that clients send, and what they took. Arguments are parts of the names of files
 * (test/proto/*.fuzz.test.ts, test/ingest/**); FUZZ_ROUNDS is another number of inputs, FUZZ_SEED other ones. Takes half an hour on two cores.
 */
const ROUNDS = process.env['FUZZ_ROUNDS'] ?? '1000000';

const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'varve-fuzz-'));
const reportPath = join(folder, 'reports');
const wanted = process.argv.slice(2);
const files = globSync(['test/proto/*.fuzz.test.ts', 'test/ingest/**/*.fuzz.test.ts'], { cwd: root }).filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)));

function run(): Promise<number> {
  return new Promise((resolve, reject) => {
    const args = ['run', '--config', 'test/vitest.config.ts', '--project', 'node', '--reporter', 'verbose', ...files];
    const child = spawn('vitest', args, { cwd: root, stdio: 'inherit', env: { ...process.env, FUZZ_ROUNDS: ROUNDS, FUZZ_REPORT: reportPath } });
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}

function line(name: string, ...columns: readonly (number | string)[]): void {
  console.log(name.padEnd(36), ...columns.map((column) => String(column).padStart(10)));
}

try {
  if (files.length === 0) throw new Error(`no fuzz test is called ${wanted.join(' or ')}`);
  process.exitCode = await run();
  if (!existsSync(reportPath)) throw new Error('no fuzz test has come to its end');
  const reports = readFileSync(reportPath, 'utf8').trim().split('\n').map((text) => JSON.parse(text) as FuzzReport);
  line('format', 'inputs', 'taken', 'refused', 'seconds', 'CPU s', 'MiB');
  for (const { name, taken, refused, seconds, cpuSeconds, rssBytes } of reports) line(name, taken + refused, taken, refused, seconds.toFixed(0), cpuSeconds.toFixed(0), (rssBytes / 2 ** 20).toFixed(0));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
