import { mkdtempSync, rmSync } from 'node:fs';
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
  const varve = await new VarveProcess({ PORT: String(await freePort()), DATA_DIR: join(folder, 'data') }).ready();
  // 11,000 windows of 21,600 samples, every one sorted: nothing is read for it, and a dozen seconds and more are calculated.
  const query = 'quantile_over_time(0.5, vector(time())[6h:1s])';
  const parameters = new URLSearchParams({ query, start: String(END_MS / 1000 - 10_999), end: String(END_MS / 1000), step: '1' });
  const client = new AbortController();
  let isAnswered = false;
  const answer = fetch(`${varve.baseUrl}/api/v1/query_range?${parameters}`, { signal: client.signal }).then(
    () => (isAnswered = true),
    () => undefined,
  );
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

  client.abort();
  await answer;
  expect(await isQuietWithin(5, varve.processId)).toBe(true);
  expect(varve.errors).toBe('');
});
