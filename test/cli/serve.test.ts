import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, expect, test } from 'vitest';
import type { WriteRequestSeries } from '../../proto/encode-write-request.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { freePort } from '../processes/free-port.ts';
import { killRounds } from './kill-rounds.ts';
import { killAll, ROOT, VarveProcess } from './varve-process.ts';

/*
 * The program that `npm start` runs, as a process: what it prints, how it stops, what it finds again, and what is left of acknowledged
 * samples when it is killed.
 */
const folder = mkdtempSync(join(tmpdir(), 'varve-serve-'));
const TIMEOUT = { timeout: 60_000 };
let folders = 0;

afterEach(killAll);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Settings of their own for each test: a free port and an empty data directory. */
async function freshSettings(): Promise<{ PORT: string; DATA_DIR: string }> {
  return { PORT: String(await freePort()), DATA_DIR: join(folder, `data-${folders++}`) };
}

/** A start that must fail: status 1 and one line. */
async function refuses(settings: Readonly<Record<string, string>>, text: RegExp): Promise<void> {
  const varve = new VarveProcess(settings);
  const { code } = await varve.exited;
  expect([code, varve.output]).toEqual([1, '']);
  expect(varve.errors).toMatch(text);
  expect(varve.errors.trimEnd().split('\n')).toHaveLength(1);
}

const nowMs = Math.floor(Date.now() / 1000) * 1000 - 600_000;
const sample = (name: string, value: number, timestampMs = nowMs): WriteRequestSeries => ({ labels: ['__name__', name], timestampsMs: [timestampMs], values: [value] });

test('starts, takes and answers, stops on SIGTERM, and goes on with the same data', TIMEOUT, async () => {
  const settings = await freshSettings();
  const first = await new VarveProcess(settings).ready();
  expect(first.output).toContain(`remote_write:\n  - url: http://127.0.0.1:${settings.PORT}/api/v1/write\n`);
  expect(first.output).toContain(`Data in ${settings.DATA_DIR}\n`);
  expect((await fetch(`${first.baseUrl}/-/ready`)).status).toBe(200);
  expect((await first.write([sample('kept', 42)])).status).toBe(204);
  const answer = await first.query('kept', nowMs);
  expect(answer).toEqual([{ metric: { __name__: 'kept' }, value: [nowMs / 1000, '42'] }]);
  const { code, afterMs } = await first.stop('SIGTERM');
  expect([code, first.errors]).toEqual([0, '']);
  expect(afterMs).toBeLessThan(10_000);
  await expect(fetch(`${first.baseUrl}/-/ready`)).rejects.toThrow();

  const second = await new VarveProcess(settings).ready();
  expect(await second.query('kept', nowMs)).toEqual(answer);
  expect((await second.write([sample('kept', 43, nowMs + 1000)])).status).toBe(204);
  expect(await second.query('kept', nowMs + 1000)).toMatchObject([{ value: [nowMs / 1000 + 1, '43'] }]);
  expect((await second.stop('SIGINT')).code).toBe(0);
  expect(second.errors).toBe('');
});

test('a second process on the same data, and one on the same port, are told so in one line', TIMEOUT, async () => {
  const settings = await freshSettings();
  const first = await new VarveProcess(settings).ready();
  const other = await freshSettings();
  await refuses({ ...settings, PORT: other.PORT }, /^varve: the data in .*data-\d+ is in use by process \d+; stop it or set DATA_DIR to another directory$/m);
  await refuses({ ...other, PORT: settings.PORT }, new RegExp(`^varve: port ${settings.PORT} on 127.0.0.1 is in use; set PORT to another one$`, 'm'));
  // Neither has done the first one any harm.
  expect((await first.write([sample('unharmed', 1)])).status).toBe(204);
  expect((await first.stop('SIGTERM')).code).toBe(0);
});

test('a lock left behind by a process that was killed does not matter, even if its id lives on', TIMEOUT, async () => {
  const settings = await freshSettings();
  const first = await new VarveProcess(settings).ready();
  first.killGroup();
  await first.exited;
  writeFileSync(join(settings.DATA_DIR, 'varve.pid'), `${process.pid}\n`);
  const second = await new VarveProcess(settings).ready();
  expect((await second.stop('SIGTERM')).code).toBe(0);
});

test('mistakes in the settings are one line each', TIMEOUT, async () => {
  const settings = await freshSettings();
  const busy = createServer();
  await new Promise<void>((resolve) => busy.listen(Number(settings.PORT), '127.0.0.1', resolve));
  await refuses(settings, /^varve: port \d+ on 127\.0\.0\.1 is in use/);
  await new Promise((resolve) => busy.close(resolve));
  await refuses({ ...settings, PORT: 'http' }, /^varve: PORT is http; it must be a number from 1 to 65535$/m);
  await refuses({ ...settings, PORT: '0' }, /^varve: PORT is 0;/);
  await refuses({ ...settings, HOST: '203.0.113.1' }, /^varve: cannot listen on 203\.0\.113\.1:/);
  await refuses({ ...settings, VARVE_HOT_RETENTION: '1h' }, /^varve: VARVE_HOT_RETENTION is "1h"; it must be a duration like 36h or 15d, at least 25h and at most 1000y$/m);
  await refuses({ ...settings, VARVE_SHARDS: 'many' }, /^varve: VARVE_SHARDS is "many"; it must be a whole number from 1 to 64$/m);
  writeFileSync(join(folder, 'file'), '');
  await refuses({ ...settings, DATA_DIR: join(folder, 'file') }, /^varve: cannot keep data in .*file: EEXIST/);
  await refuses({ ...settings, DATA_DIR: join(folder, 'file/data') }, /^varve: cannot keep data in .*data: E/);
  // There are systems where nothing can be made below a directory that is there, and that say so as if it were not.
  await refuses({ ...settings, DATA_DIR: '/proc/varve/data' }, /^varve: cannot keep data in \/proc\/varve\/data: E/);
});

test('a body that is too large is answered, not cut off while its sender still sends', TIMEOUT, async () => {
  const varve = await new VarveProcess(await freshSettings()).ready();
  const tooLarge = new Uint8Array(LIMITS.writeBodyBytesMax + 1_000_000);
  const chunks = (): ReadableStream => new Blob([tooLarge]).stream();
  for (const body of [tooLarge, chunks, tooLarge, chunks]) {
    const init = typeof body === 'function' ? { body: body(), duplex: 'half' } : { body };
    const answer = await fetch(`${varve.baseUrl}/api/v1/write`, { method: 'POST', ...init } as RequestInit);
    expect([answer.status, await answer.text()]).toEqual([413, expect.stringContaining('writeBodyBytesMax')]);
  }
  expect((await varve.write([sample('after', 1)])).status).toBe(204);
  expect((await varve.stop('SIGTERM')).code).toBe(0);
});

test('a client that hangs up on the first request of all holds nobody up', TIMEOUT, async () => {
  const varve = await new VarveProcess(await freshSettings()).ready();
  for (const delayMs of [0, 1, 2, 4]) {
    const socket = connect(Number(new URL(varve.baseUrl).port), '127.0.0.1');
    socket.on('error', () => {});
    socket.write('GET /api/v1/query?query=up HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    socket.destroy();
  }
  expect(await varve.query('1', nowMs)).toEqual([nowMs / 1000, '1']);
  expect((await varve.stop('SIGTERM')).code).toBe(0);
});

test('what it measures of itself can be queried', TIMEOUT, async () => {
  const settings = await freshSettings();
  const varve = await new VarveProcess({ ...settings, VARVE_SELF_SCRAPE: 'on' }).ready();
  const deadlineMs = Date.now() + 10_000;
  let up: unknown = [];
  while (Date.now() < deadlineMs && (up as unknown[]).length === 0) up = await varve.query('up', Date.now());
  expect(up).toMatchObject([{ metric: { __name__: 'up', instance: `127.0.0.1:${settings.PORT}`, job: 'varve' }, value: [expect.any(Number), '1'] }]);
  expect(await varve.query('varve_shard_up', Date.now())).toHaveLength(1);
  expect((await varve.stop('SIGTERM')).code).toBe(0);
  expect(varve.errors).toBe('');
});

/** The real run.mjs beside an install that has nothing to do, so that the test never touches node_modules. */
function commandOfRun(): string[] {
  const cli = join(folder, 'checkout/query/cli');
  mkdirSync(cli, { recursive: true });
  copyFileSync(join(ROOT, 'query/cli/run.mjs'), join(cli, 'run.mjs'));
  writeFileSync(join(cli, 'install.mjs'), `export const root = ${JSON.stringify(join(folder, 'checkout'))};\nexport const currentNode = process.execPath;\nexport function install() {}\n`);
  writeFileSync(join(cli, 'serve.ts'), `import ${JSON.stringify(pathToFileURL(join(ROOT, 'query/cli/serve.ts')).href)};\n`);
  return [join(cli, 'run.mjs'), 'query/cli/serve.ts'];
}

test('run.mjs passes SIGTERM on and ends with the server’s status', TIMEOUT, async () => {
  const command = commandOfRun();
  const settings = await freshSettings();
  const good = await new VarveProcess(settings, command).ready();
  const { code, afterMs } = await good.stop('SIGTERM');
  expect([code, good.errors]).toEqual([0, '']);
  expect(afterMs).toBeLessThan(10_000);
  await expect(fetch(`${good.baseUrl}/-/ready`)).rejects.toThrow();
  const bad = new VarveProcess({ ...settings, PORT: 'x' }, command);
  expect((await bad.exited).code).toBe(1);
});

test('the server ends when npm’s shell is ended, which passes no signal on', TIMEOUT, async () => {
  const shell = join(folder, 'shell.mjs');
  writeFileSync(shell, `import { spawn } from 'node:child_process';\nspawn(process.execPath, ${JSON.stringify(commandOfRun())}, { stdio: 'inherit' });\n`);
  const varve = await new VarveProcess({ ...(await freshSettings()), npm_lifecycle_event: 'start' }, [shell]).ready();
  try {
    expect((await varve.stop('SIGTERM')).signal).toBe('SIGTERM');
    await expect.poll(() => fetch(`${varve.baseUrl}/-/ready`).then(() => 'up', () => 'down'), { timeout: 10_000 }).toBe('down');
  } finally {
    varve.killGroup();
  }
});

test('kill -9, 3 times while writing: every acknowledged sample is there, exactly once', TIMEOUT, async () => {
  await killRounds(await freshSettings(), 3, nowMs, () => {});
});
