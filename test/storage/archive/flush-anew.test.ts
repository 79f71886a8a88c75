import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { FlushWorld, HOUR_MS, seriesOf, START_MS, times } from './flush-world.ts';

/* A shard whose storage begins anew, or goes back to an earlier state, under a catalog that knows its flushes. */
const { archiveGraceMs } = LIMITS;
const value = (series: number, timeMs: number): number => series * 1e7 + (timeMs - START_MS) / 1000;
const later = (series: number, timeMs: number): number => value(series, timeMs) + 0.5;

/** Windows of three hours and late samples, all of them archived. */
async function archived(): Promise<FlushWorld> {
  const world = new FlushWorld();
  world.write(seriesOf(4), times(START_MS, 180), value);
  world.writeLate(seriesOf(2, 'late'), times(START_MS - 30 * HOUR_MS, 10), value);
  world.clock.advance(3 * HOUR_MS + archiveGraceMs);
  await world.settle();
  expect(world.hot.archive.mark.archivedUntilMs).toBe(START_MS + 3 * HOUR_MS);
  return world;
}

function copyOf({ database }: NodeSql): NodeSql {
  const copy = new NodeSql();
  const tables = database.prepare("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").all() as { name: string; sql: string }[];
  for (const { name, sql } of tables) {
    copy.database.exec(sql);
    for (const row of database.prepare(`SELECT * FROM "${name}"`).all()) {
      const columns = Object.keys(row);
      copy.database.prepare(`INSERT INTO "${name}" (${columns.map((column) => `"${column}"`).join()}) VALUES (${columns.map(() => '?').join()})`).run(...Object.values(row));
    }
  }
  return copy;
}

describe('the storage of a shard begins anew', () => {
  test.each([undefined, 'lose-request', 'lose-answer'] as const)('what it takes then is archived behind what the catalog has: %s', async (fault) => {
    for (let failing = 0; ; failing++) {
      const world = await archived();
      const commitsBefore = world.commits;
      world.commitFault = (commit) => (commit === commitsBefore + failing ? fault : undefined);
      world.database = new NodeSql();
      world.wake();
      // A sample before the catalog's watermark, of a series and a time that files have too: the one that came last counts.
      world.write(seriesOf(6, 'other'), times(START_MS + 2 * HOUR_MS, 30), value);
      world.write(seriesOf(4), times(START_MS + 3 * HOUR_MS, 120), later);
      world.writeLate(seriesOf(2, 'late'), times(START_MS - 50 * HOUR_MS, 10), value);
      world.clock.advance(2 * HOUR_MS);
      await world.settle();
      expect(await world.readAll()).toEqual([...world.acknowledged].sort());
      // One refusal is enough: from then on the numbers are right.
      expect(world.flusher.counters.archive_flushes_begun_again_total).toBe(1);
      // The hot tier forgets what is archived, and only that.
      world.clock.advance(40 * HOUR_MS);
      await world.settle();
      expect(await world.readAll()).toEqual([...world.acknowledged].sort());
      if (fault === undefined || world.commits <= commitsBefore + failing) break;
    }
  });

  test('what is behind the watermark is read from the hot tier meanwhile', async () => {
    const world = await archived();
    world.database = new NodeSql();
    world.wake();
    world.write(seriesOf(4), times(world.clock.nowMs(), 20), later);
    await world.settle();
    expect(await world.readAll()).toEqual([...world.acknowledged].sort());
  });
});

describe('the storage of a shard goes back', () => {
  test('to a state in which less was archived', async () => {
    const world = await archived();
    world.write(seriesOf(4), times(START_MS + 3 * HOUR_MS, 120), value);
    const earlier = copyOf(world.database);
    world.clock.advance(HOUR_MS);
    await world.settle();
    world.database = earlier;
    world.wake();
    // Other samples of the same window, under the same number.
    world.write(seriesOf(3, 'other'), times(START_MS + 3 * HOUR_MS, 60), value);
    await world.settle();
    expect([...new Set(await world.readAll())].sort()).toEqual([...world.acknowledged].sort());
    expect(world.flusher.counters.archive_flushes_begun_again_total).toBe(1);
    world.clock.advance(40 * HOUR_MS);
    await world.settle();
    expect([...new Set(await world.readAll())].sort()).toEqual([...world.acknowledged].sort());
  });

  test('to a plan that is committed: it is the same, and done', async () => {
    const world = await archived();
    world.write(seriesOf(4), times(START_MS + 3 * HOUR_MS, 60), value);
    world.clock.advance(HOUR_MS);
    await world.flusher.step();
    const planned = copyOf(world.database);
    await world.settle();
    world.database = planned;
    world.wake();
    await world.settle();
    expect(await world.readAll()).toEqual([...world.acknowledged].sort());
    expect(world.flusher.counters.archive_flushes_begun_again_total).toBe(0);
  });
});
