import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WriteRequestSeries } from '../../proto/encode-write-request.ts';
import { HotStore } from '../../storage/shard/hot-store.ts';
import { NodeSql } from '../fakes/node-sql.ts';
import { VarveProcess } from './varve-process.ts';

const SENDERS = 4;
const SERIES_PER_REQUEST = 10;
/** Request k is at k × this behind the first, so that each is recognised. */
const STEP_MS = 10;
const WINDOW_MS = 3_600_000;

/** Acknowledged requests without which a round says nothing. */
const REQUESTS_MIN = 10;
const UNDER_WAY_MS = 20_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Progress {
  /** Requests that were begun: 0 to `sent` - 1. */
  sent: number;
  readonly acknowledged: Set<number>;
}

type Settings = Readonly<Record<'PORT' | 'DATA_DIR', string>>;

/**
 * Starts Varve in real workerd, has four senders write, and kills the whole process group in the middle: `rounds` times on the same data.
 * After each start it checks that every request that was ever acknowledged is there whole, and none twice; at the end it counts what is
 * stored, below everything that could hide a sample that is there twice. Throws when it is not so. `nowMs` is where the samples end at most.
 */
export async function killRounds(settings: Settings, rounds: number, nowMs: number, onRound: (round: number, acknowledged: number) => void): Promise<void> {
  const firstMs = nowMs - WINDOW_MS;
  const progress: Progress = { sent: 0, acknowledged: new Set() };
  let stored: readonly number[] = [];
  for (let round = 1; ; round++) {
    const varve = await new VarveProcess(settings).ready();
    if (round > 1) stored = await checkStored(varve, progress, firstMs);
    if (round > rounds) {
      assert.equal((await varve.stop('SIGTERM')).code, 0);
      break;
    }
    const before = progress.acknowledged.size;
    await writeUntilKilled(varve, progress, firstMs, 50 + 50 * (round % 5));
    assert(progress.acknowledged.size > before + REQUESTS_MIN, `round ${round} was over before it began: ${progress.acknowledged.size - before} requests`);
    onRound(round, progress.acknowledged.size);
  }
  assert.equal(countSamples(settings.DATA_DIR), stored.length * SERIES_PER_REQUEST, 'samples in the database');
}

async function writeUntilKilled(varve: VarveProcess, progress: Progress, firstMs: number, writeMs: number): Promise<void> {
  let isKilled = false;
  const send = async (): Promise<void> => {
    while (!isKilled) {
      const k = progress.sent++;
      const answer = await varve.write(request(k, firstMs)).catch(() => undefined);
      if (answer === undefined) return;
      if (answer.status === 204) progress.acknowledged.add(k);
    }
  };
  const senders = Array.from({ length: SENDERS }, send);
  // However slow the machine is, the load is under way before it is cut off.
  const before = progress.acknowledged.size;
  for (const deadlineMs = Date.now() + UNDER_WAY_MS; progress.acknowledged.size <= before + REQUESTS_MIN && Date.now() < deadlineMs; ) await pause(10);
  await pause(writeMs);
  isKilled = true;
  varve.killGroup();
  await Promise.all([...senders, varve.exited]);
}

/** Request k holds, of every series, the one sample k at the time k; so half a request is recognised too. */
function request(k: number, firstMs: number): WriteRequestSeries[] {
  return Array.from({ length: SERIES_PER_REQUEST }, (_, i) => ({
    labels: ['__name__', 'killed', 'i', String(i)],
    timestampsMs: [firstMs + k * STEP_MS],
    values: [k],
  }));
}

/** Which requests are stored. */
async function checkStored(varve: VarveProcess, { sent, acknowledged }: Progress, firstMs: number): Promise<number[]> {
  assert(sent * STEP_MS < WINDOW_MS, `${sent} requests do not fit the window`);
  const matrix = (await varve.query('killed[2h]', firstMs + sent * STEP_MS)) as { values: [seconds: number, value: string][] }[];
  assert.equal(matrix.length, SERIES_PER_REQUEST);
  const stored = matrix.map(({ values }) => values.map(([, value]) => Number(value)));
  const first = stored[0]!;
  // Each request is whole or not there, at its own time, and none is there twice.
  for (const values of stored) assert.deepEqual(values, first);
  assert.deepEqual(matrix[0]!.values.map(([seconds]) => Math.round(seconds * 1000)), first.map((k) => firstMs + k * STEP_MS));
  const found = new Set(first);
  assert.equal(found.size, first.length);
  assert.deepEqual([...acknowledged].filter((k) => !found.has(k)), [], 'acknowledged, and gone');
  assert(first.every((k) => k < sent), 'what nobody sent');
  return first;
}

/** All samples in the databases of the shards, wherever they are stored: in the log and in segments. Of a copy: the files stay as they are. */
function countSamples(dataFolder: string): number {
  const copies = mkdtempSync(join(tmpdir(), 'varve-kill-'));
  try {
    let samples = 0;
    for (const entry of readdirSync(dataFolder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.name.endsWith('.sqlite')) continue;
      const source = join(entry.parentPath, entry.name);
      const copy = join(copies, entry.name);
      for (const suffix of ['', '-wal']) if (existsSync(source + suffix)) copyFileSync(source + suffix, copy + suffix);
      const sql = new NodeSql(copy);
      try {
        if (sql.all("SELECT 1 AS found FROM sqlite_schema WHERE name = 'shard_state'").length === 0) continue;
        // Rows of a seal or a merge that the kill has ended are stored too, but in no list.
        const store = new HotStore(sql);
        samples += store.segmentSummaries().reduce((sum, { sampleCount }) => sum + sampleCount, store.stats().gauges['log_entries']!);
      } finally {
        sql.database.close();
      }
    }
    return samples;
  } finally {
    rmSync(copies, { recursive: true, force: true });
  }
}
