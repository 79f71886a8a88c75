import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeWriteRequest } from '../proto/encode-write-request.ts';
import { snappyEncode } from '../proto/snappy.ts';
import { freePort } from './processes/free-port.ts';

/*
 * What a new user does first: npm start, write, query, stop, start again, query the same data. Run after `npm test`; prints a line a check.
 */
const root = join(import.meta.dirname, '..');
const dataDir = mkdtempSync(join(tmpdir(), 'varve-smoke-'));
const port = await freePort();
const base = `http://127.0.0.1:${port}`;
let passed = 0;
let failed = 0;

function check(what: string, isGood: boolean, got?: unknown): void {
  if (isGood) passed++;
  else failed++;
  console.log(`${isGood ? 'ok  ' : 'FAIL'} ${what}${isGood ? '' : `: got ${JSON.stringify(got)}`}`);
}

interface Server {
  readonly process: ChildProcess;
  readonly exited: Promise<number | null>;
  output: string;
}

async function start(): Promise<Server> {
  const child = spawn('npm', ['start'], { cwd: root, env: { ...process.env, PORT: String(port), DATA_DIR: dataDir }, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const server: Server = { process: child, exited: new Promise((done) => child.once('exit', done)), output: '' };
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (server.output += text.toString()));
  for (let attempt = 0; attempt < 240 && child.exitCode === null; attempt++) {
    const isReady = await fetch(`${base}/-/ready`).then((answer) => answer.ok, () => false);
    if (isReady && server.output.includes('remote_write:')) return server;
    await new Promise((done) => setTimeout(done, 250));
  }
  throw new Error(`npm start did not become ready:\n${server.output}`);
}

async function stop(server: Server): Promise<void> {
  // As a terminal does on Ctrl-C: the whole group.
  process.kill(-server.process.pid!, 'SIGINT');
  const end = await Promise.race([server.exited, new Promise((done) => setTimeout(() => done('still running'), 20_000))]);
  check('npm start ends on SIGINT', end === 0 || end === null || end === 130, end);
}

async function query(text: string, timeMs: number): Promise<unknown> {
  const answer = await fetch(`${base}/api/v1/query?query=${encodeURIComponent(text)}&time=${timeMs / 1000}`);
  return ((await answer.json()) as { data?: { result?: { value?: [number, string] }[] } }).data?.result?.[0]?.value?.[1];
}

let server: Server | undefined;
try {
  server = await start();
  check('prints a remote_write block with its URL', server.output.includes(`- url: ${base}/api/v1/write`), server.output);
  const timeMs = Date.now();
  const values = Array.from({ length: 20 }, (_, i) => i * 3);
  const body = encodeWriteRequest([{ labels: ['__name__', 'smoke_total', 'job', 'smoke'], timestampsMs: values.map((_, i) => timeMs - (19 - i) * 15_000), values }]);
  const written = await fetch(`${base}/api/v1/write`, { method: 'POST', headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' }, body: snappyEncode(body) });
  check('a remote write is answered with 204', written.status === 204, written.status);
  check('the newest value', (await query('smoke_total', timeMs)) === '57', await query('smoke_total', timeMs));
  check('a rate', Math.abs(Number(await query('rate(smoke_total[2m])', timeMs)) - 0.2) < 1e-9, await query('rate(smoke_total[2m])', timeMs));
  check('the self-scrape', (await query('up{job="varve"}', Date.now())) === '1', await query('up{job="varve"}', Date.now()));
  // Nobody asks meanwhile: a quiet shard must not forget what it has counted.
  await new Promise((done) => setTimeout(done, 34_000));
  const ownRate = await query('rate(varve_shard_samples_appended_total[5m])', Date.now());
  check('half a minute on, the rate of its own samples', Number(ownRate) > 0, ownRate);
  await stop(server);
  server = await start();
  check('the newest value after a restart', (await query('smoke_total', timeMs)) === '57', await query('smoke_total', timeMs));
  check('all samples after a restart', (await query('count_over_time(smoke_total[10m])', timeMs)) === '20', await query('count_over_time(smoke_total[10m])', timeMs));
  await stop(server);
} catch (error) {
  check(`the run as a whole (${error instanceof Error ? error.message : String(error)})`, false);
  if (server?.process.pid !== undefined) process.kill(-server.process.pid, 'SIGKILL');
} finally {
  rmSync(dataDir, { recursive: true, force: true });
}
console.log(`smoke: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
