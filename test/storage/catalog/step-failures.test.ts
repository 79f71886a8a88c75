import { expect, test } from 'vitest';
import { migrateCatalog } from '../../../storage/catalog/catalog-schema.ts';
import { NotedFailure, StepFailures } from '../../../storage/catalog/step-failures.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { NodeSql } from '../../fakes/node-sql.ts';

const MINUTE_MS = 60_000;

/** A catalog's database, and what its next object knows. */
class Catalog {
  readonly clock = new FixedClock(1e12);
  readonly sql = new NodeSql();
  failures: StepFailures;

  constructor() {
    migrateCatalog(this.sql);
    this.failures = new StepFailures(this.sql, this.clock);
  }

  /** A step that fails, which ends the object. */
  async fail(message = 'full', step = 'merge'): Promise<void> {
    const error = await this.failures.run(step, () => Promise.reject(new Error(message))).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NotedFailure);
    expect((error as NotedFailure).message).toBe(`${step}: ${message}`);
    this.failures = new StepFailures(this.sql, this.clock);
  }

  succeed(step = 'merge'): Promise<void> {
    return this.failures.run(step, async () => undefined);
  }

  /** How long the step waits, in ms. */
  get waitsMs(): number {
    return (this.failures.failureOf('merge')?.retryAtMs ?? NaN) - this.clock.nowMs();
  }
}

test('a step waits longer each time, up to ten minutes, whatever becomes of the object', async () => {
  const catalog = new Catalog();
  const waits: number[] = [];
  for (let i = 0; i < 9; i++) {
    await catalog.fail();
    waits.push(catalog.waitsMs / 1000);
    expect(catalog.failures.failureOf('merge')).toMatchObject({ count: i + 1, message: 'full' });
    catalog.clock.advance(catalog.waitsMs);
  }
  expect(waits).toEqual([5, 10, 20, 40, 80, 160, 320, 600, 600]);
});

test('a step that waits is not asked when it is due, and is afterwards', async () => {
  const catalog = new Catalog();
  await catalog.fail();
  const ask = (): number => catalog.failures.dueMs('merge', () => 7)!;
  expect(ask()).toBe(catalog.clock.nowMs() + 5000);
  expect(catalog.failures.dueMs('other', () => 7)).toBe(7);
  catalog.clock.advance(4999);
  expect(ask()).toBe(catalog.clock.nowMs() + 1);
  catalog.clock.advance(1);
  expect(ask()).toBe(7);
  // It is still to be seen whether it succeeds.
  expect(catalog.failures.failureOf('merge')).toMatchObject({ count: 1 });
});

test('one that cannot say when it is due has failed', () => {
  const { failures } = new Catalog();
  expect(() => failures.dueMs('merge', () => { throw new Error('no such table'); })).toThrow(NotedFailure);
  expect(failures.failureOf('merge')).toMatchObject({ count: 1, message: 'no such table' });
});

test('what succeeds has not failed, for the next object neither', async () => {
  const catalog = new Catalog();
  await catalog.fail();
  await catalog.succeed();
  for (const failures of [catalog.failures, new StepFailures(catalog.sql, catalog.clock)]) {
    expect(failures.failureOf('merge')).toBeUndefined();
    expect(failures.dueMs('merge', () => 7)).toBe(7);
  }
});

test('what has nothing left to do has not failed', async () => {
  const catalog = new Catalog();
  for (const laterMs of [undefined, 1]) {
    await catalog.fail();
    catalog.clock.advance(6 * MINUTE_MS);
    const dueMs = laterMs && catalog.clock.nowMs() + laterMs;
    expect(catalog.failures.dueMs('merge', () => dueMs)).toBe(dueMs);
    expect(new StepFailures(catalog.sql, catalog.clock).failureOf('merge')).toBeUndefined();
  }
});

test.each([
  [20 * MINUTE_MS - 1, 3],
  [20 * MINUTE_MS, 1],
])('pieces that succeed on the way to the one that fails make no new failure of it: %i ms later', async (laterMs, count) => {
  const catalog = new Catalog();
  await catalog.fail();
  await catalog.fail();
  await catalog.succeed();
  catalog.clock.advance(laterMs);
  await catalog.fail();
  expect(catalog.failures.failureOf('merge')!.count).toBe(count);
});

test('a failure that lasts for days stays one', async () => {
  const catalog = new Catalog();
  await catalog.fail();
  catalog.clock.advance(3 * 24 * 60 * MINUTE_MS);
  await catalog.fail();
  expect(catalog.failures.failureOf('merge')!.count).toBe(2);
});

test('a clock that goes back makes nothing wait', async () => {
  const catalog = new Catalog();
  await catalog.fail();
  catalog.clock.advance(-60 * MINUTE_MS);
  expect(catalog.failures.dueMs('merge', () => 7)).toBe(7);
  expect(catalog.failures.failureOf('merge')!.retryAtMs).toBe(-Infinity);
});

test('failures are counted for as long as the catalog lives, of all steps', async () => {
  const catalog = new Catalog();
  await catalog.fail();
  await catalog.succeed();
  await catalog.fail();
  await catalog.fail('no room', 'publish samples');
  expect(catalog.failures.counters).toEqual({ archive_step_failures_total: 3 });
});

test('nothing is written where nothing has failed', async () => {
  const catalog = new Catalog();
  await catalog.succeed();
  expect(catalog.sql.all('SELECT * FROM step_failure')).toEqual([]);
  await catalog.fail();
  await catalog.succeed();
  const before = catalog.sql.rowsWritten();
  await catalog.succeed();
  expect(catalog.sql.rowsWritten()).toBe(before);
});

test('of a message that nobody reads to its end the beginning is kept', async () => {
  const catalog = new Catalog();
  await catalog.fail('x'.repeat(100_000));
  expect(catalog.failures.failureOf('merge')!.message).toBe(`${'x'.repeat(LIMITS.failureMessageCharactersMax)}…`);
});

test('what cannot be noted comes out as it is, and nothing waits', async () => {
  const catalog = new Catalog();
  catalog.sql.run("CREATE TRIGGER unnoted BEFORE INSERT ON step_failure BEGIN SELECT RAISE(ABORT, 'full'); END");
  const error = new Error('the failure itself');
  await expect(catalog.failures.run('merge', () => Promise.reject(error))).rejects.toBe(error);
  expect(catalog.failures.failureOf('merge')).toBeUndefined();
});
