import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { ProcessTree } from '../bench/process-tree.ts';
import { freePort } from '../processes/free-port.ts';
import { killAll, VarveProcess } from './varve-process.ts';

/*
 * A query that would calculate for a minute, in real workerd, where one thread serves everybody: writers beside it go on, and when its
 * client hangs up it ends.
 */
const folder = mkdtempSync(join(tmpdir(), 'varve-runaway-'));
afterEach(killAll);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const END_MS = Math.floor(Date.now() / 60_000) * 60_000 - 600_000;
/** A write waits for a query as long as it goes on without a pause, with much room for a busy machine: half of the writes, since such a machine may hold up any one of them. */
const MEDIAN_WRITE_MS_MAX = 1000;

function sleep(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

/**
 * Asks for what is at a path, by a connection that can be reset: one that is closed in good order may be half open, and workerd tells a Worker
 * nothing of it before it writes.
 */
function begin(port: number, path: string): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
  return socket;
}

/** Whether there is a second in which the server has next to nothing to do. */
async function isQuietWithin(seconds: number, processId: number): Promise<boolean> {
  const tree = new ProcessTree(processId);
  for (let second = 0; second < seconds; second++) {
    const beforeSeconds = tree.cpuSeconds();
    await sleep(1000);
    if (tree.cpuSeconds() - beforeSeconds < 0.3) return true;
  }
  return false;
}

test('writes go on beside a query that only calculates, and it ends with its client', { timeout: 60_000 }, async () => {
  const port = await freePort();
  const varve = await new VarveProcess({ PORT: String(port), DATA_DIR: join(folder, 'data') }).ready();
  // 11,000 windows of 21,600 samples, every one sorted: nothing is read for it, and a dozen seconds and more are calculated.
  const query = 'quantile_over_time(0.5, vector(time())[6h:1s])';
  const parameters = new URLSearchParams({ query, start: String(END_MS / 1000 - 10_999), end: String(END_MS / 1000), step: '1' });
  const client = begin(port, `/api/v1/query_range?${parameters}`);
  let isAnswered = false;
  client.on('data', () => (isAnswered = true));
  await sleep(500);

  const writeMs: number[] = [];
  for (let i = 0; i < 20; i++) {
    const startMs = performance.now();
    expect((await varve.write([{ labels: ['__name__', 'beside'], timestampsMs: [END_MS + i], values: [i] }])).status).toBe(204);
    writeMs.push(performance.now() - startMs);
  }
  // Twenty writes fit into the query: had it gone on without pauses, the first would have waited for its end.
  expect(isAnswered).toBe(false);
  expect(writeMs.toSorted((a, b) => a - b)[writeMs.length / 2]).toBeLessThan(MEDIAN_WRITE_MS_MAX);

  client.resetAndDestroy();
  expect(await isQuietWithin(5, varve.processId)).toBe(true);
  expect(varve.errors).toBe('');
});

test('who waits for its slot has it as soon as its client is gone', { timeout: 60_000 }, async () => {
  const port = await freePort();
  const varve = await new VarveProcess({ PORT: String(port), DATA_DIR: join(folder, 'reset'), VARVE_TENANT_LIMITS: '{"*":{"queriesAtOnceMax":1}}' }).ready();
  const parameters = new URLSearchParams({ query: 'quantile_over_time(0.5, vector(time())[6h:1s])', start: String(END_MS / 1000 - 5000), end: String(END_MS / 1000), step: '1' });
  const path = `/api/v1/query_range?${parameters}`;
  const ask = async (what: string): Promise<number> => {
    const startMs = performance.now();
    expect((await fetch(`${varve.baseUrl}${what}`)).status).toBe(200);
    return performance.now() - startMs;
  };
  // Its code is compiled behind the first.
  await ask(path);
  const wholeMs = await ask(path);
  const client = begin(port, path);
  await sleep(wholeMs / 10);
  // It has the only slot until it ends.
  const next = ask('/api/v1/query?query=1');
  await sleep(wholeMs / 20);
  client.resetAndDestroy();
  expect(await next).toBeLessThan(wholeMs / 2);
  expect(varve.errors).toBe('');
});
