import { beforeEach, expect, test } from 'vitest';
import { TimeSeriesStore, type TimeSeriesStoreOptions } from '../../storage/index.ts';
import { SKETCH_ERROR } from '../../storage/model/quantile-sketch.ts';
import { FixedClock } from '../fakes/fixed-clock.ts';
import { MemoryObjectStore } from '../fakes/memory-object-store.ts';
import { NodeSql } from '../fakes/node-sql.ts';

/* Percentiles of days out of roll-ups of minutes, when the values are gone. (At random: time-series/rolled-up-answers.test.ts.) */
const MIDNIGHT = Date.UTC(2024, 0, 15);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const OF_MINUTES = { olderThan: '1h', bucket: '1m' } as const;

let clock: FixedClock;
let sql: NodeSql;

beforeEach(() => {
  clock = new FixedClock(MIDNIGHT + DAY + 2 * HOUR);
  sql = new NodeSql();
});

/** As the next instance finds it. */
function open(options: TimeSeriesStoreOptions = {}): TimeSeriesStore<unknown> {
  sql = new NodeSql(sql.database);
  return new TimeSeriesStore<unknown>({ sql, clock, ...options });
}

function everyHalfMinute(valueOf: (i: number) => unknown, fromMs = MIDNIGHT, count = 2880): { key: string; value: unknown; timestamp: number }[] {
  return Array.from({ length: count }, (_, i) => ({ key: 'k', value: valueOf(i), timestamp: fromMs + i * 30_000 }));
}

const near = (exact: number): unknown => expect.toSatisfy((value: number) => Math.abs(value - exact) <= SKETCH_ERROR * Math.abs(exact) + 1e-9, `within 1 % of ${exact}`);

async function ofDay(options: TimeSeriesStoreOptions = {}): Promise<unknown> {
  return open(options).aggregate('k', { start: MIDNIGHT, end: MIDNIGHT + DAY - 1, bucket: '1d', metrics: ['p0', 'p50', 'p99', 'count'] });
}

test('the values may be of any sign and size, NaN or documents among them', async () => {
  const values = [-1e300, -5, 0, 7, 1e-300, Infinity, NaN, { not: 'a number' }];
  await open().putBatch(everyHalfMinute((i) => values[i % 8]));
  await open().rollup({ ...OF_MINUTES, aggregates: ['p99'] });
  expect(await open().prune({ olderThan: '1h' })).toBe(2880);
  expect(await ofDay()).toEqual([{ timestamp: MIDNIGHT, source: 'rollup', p0: near(-1e300), p50: near(1e-300), p99: Infinity, count: 2880 }]);
});

test('a bucket that is made anew with fewer values apart is what it is now', async () => {
  await open().putBatch(everyHalfMinute((i) => i));
  await open().rollup({ ...OF_MINUTES, aggregates: ['p50'] });
  await open().putBatch(everyHalfMinute(() => 3));
  await open().rollup({ ...OF_MINUTES, aggregates: ['p50'] });
  await open().prune({ olderThan: '1h' });
  expect(await ofDay()).toEqual([{ timestamp: MIDNIGHT, source: 'rollup', p0: near(3), p50: near(3), p99: near(3), count: 2880 }]);
});

test('roll-ups of a kind that was made before there were sketches are made anew while the values are there', async () => {
  await open().putBatch(everyHalfMinute((i) => i));
  await open().rollup({ ...OF_MINUTES, aggregates: ['max'] });
  expect(await open().rollup({ ...OF_MINUTES, aggregates: ['max', 'p99'] })).toMatchObject({ buckets: 1440 });
  expect(await open().rollup({ ...OF_MINUTES, aggregates: ['max', 'p99'] })).toMatchObject({ buckets: 0 });
});

test('an exact percentile is not given up for one that is near', async () => {
  await open().putBatch(everyHalfMinute((i) => i));
  await open().rollup({ ...OF_MINUTES, aggregates: ['p50', 'sum'] });
  await open().rollup({ olderThan: '1h', bucket: '1d', aggregates: ['p50', 'p99', 'sum'] });
  await open().prune({ olderThan: '1h' });
  expect(await open().rollup({ olderThan: '1h', bucket: '1d', aggregates: ['p50', 'p99', 'sum'] })).toMatchObject({ buckets: 0 });
  expect(await open().aggregate('k', { end: MIDNIGHT + DAY - 1, bucket: '1d', metrics: ['p50', 'p99'] })).toEqual([{ timestamp: MIDNIGHT, source: 'rollup', p50: 1439.5, p99: 2850.21 }]);
});

test('change events tell the percentiles that were asked for, and nothing of the sketches', async () => {
  await open().putBatch(everyHalfMinute((i) => i, MIDNIGHT, 2));
  await open().rollup({ ...OF_MINUTES, aggregates: ['p50', 'max'] });
  const events: unknown[] = [];
  for await (const event of open().cdc({ cursor: '1' })) events.push(event);
  expect(events).toEqual([
    { type: 'cdc.rollup', op: 'r', store: 'timeseries', table: 'metrics', key: 'k', bucket: '1m', partition: 'dt=2024-01-15/hour=00', count: 2, aggregates: { max: 1, p50: 0.5 }, cursor: '2' },
  ]);
});

test('in an archive that keeps roll-ups for longer than values, with what came late', async () => {
  const options = { retention: { hot: '1h', warm: '60d', cold: '3d' }, archive: new MemoryObjectStore() };
  await open(options).putBatch(everyHalfMinute((i) => i));
  await open(options).maintain();
  // A minute of the day that has moved.
  await open(options).putBatch(everyHalfMinute(() => 100_000, MIDNIGHT + 10_000, 120));
  clock.advance(HOUR);
  await open(options).maintain();
  clock.advance(10 * DAY);
  for (let i = 0; i < 20; i++) await open(options).maintain();
  const left: unknown[] = [];
  for await (const point of open(options).range('k')) left.push(point);
  expect(left).toEqual([]);
  expect(await ofDay(options)).toEqual([{ timestamp: MIDNIGHT, source: 'rollup', p0: 0, p50: near(1499.5), p99: near(100_000), count: 3000 }]);
});
