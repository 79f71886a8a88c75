import { expect, test } from 'vitest';
import { TimeSeriesStore } from '../../storage/index.ts';
import { FixedClock } from '../fakes/fixed-clock.ts';
import { MemoryObjectStore } from '../fakes/memory-object-store.ts';
import { NodeSql } from '../fakes/node-sql.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';

/*
 * A store with a bucket against a map of maps, over seeded random operations: values and documents over each other, into windows that are
 * open and into those that have moved, time that goes on, moves, merges, new instances, snapshots that are restored at once. All of it reads
 * as if nothing had ever moved.
 */
const KEYS = ['a', 'b', 'ключ'];
const START = Date.UTC(2024, 0, 14, 22);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function randomValue(random: SeededRandom): unknown {
  switch (random.below(5)) {
    case 0:
      return { n: random.below(3), list: [null, 'x'.repeat(random.below(2000))] };
    case 1:
      return random.pick(['text', '', true, null, NaN, Infinity, -0]);
    default:
      return random.below(1000) / 8;
  }
}

const sorted = (points: ReadonlyMap<number, unknown>): [number, unknown][] => [...points].sort(([a], [b]) => a - b);

test.each(Array.from({ length: 12 }, (_, seed) => seed))('seed %i', { timeout: 60_000 }, async (seed) => {
  const random = new SeededRandom(seed);
  const clock = new FixedClock(START);
  const archive = new MemoryObjectStore();
  let sql = new NodeSql();
  const open = (): TimeSeriesStore<unknown> => new TimeSeriesStore<unknown>({ sql, clock, archive, retention: { hot: '1h', warm: '7d', cold: '365d' } });
  let store = open();
  let model = new Map<string, Map<number, unknown>>(KEYS.map((key) => [key, new Map()]));
  const randomTime = (): number => START - HOUR + random.below(clock.nowMs() - START + 2 * HOUR);
  const read = async (key: string, start?: number, end?: number): Promise<[number, unknown][]> => {
    const points: [number, unknown][] = [];
    for await (const { timestamp, value } of store.range(key, { start, end })) points.push([timestamp, value]);
    return points;
  };
  const put = async (): Promise<void> => {
    // Windows that end an hour ago may have moved: some of what comes is late.
    const fromMs = random.below(2) === 0 ? START - HOUR : Math.floor((clock.nowMs() - HOUR) / HOUR) * HOUR;
    // On few times, so that values are overwritten.
    const entries = Array.from({ length: random.between(1, 12) }, () => ({ key: random.pick(KEYS), timestamp: fromMs + random.below((clock.nowMs() - fromMs) / 20_000 + 1) * 20_000, value: randomValue(random) }));
    await store.putBatch(entries);
    for (const { key, timestamp, value } of entries) model.get(key)!.set(timestamp, value);
  };
  const actions: (() => Promise<void> | void)[] = [
    put,
    put,
    put,
    () => clock.advance(random.below(60 * MINUTE)),
    async () => void (await store.maintain()),
    async () => {
      const key = random.pick(KEYS);
      const [start, end] = [randomTime(), randomTime()].sort((a, b) => a - b) as [number, number];
      const inRange = sorted(model.get(key)!).filter(([timestamp]) => timestamp >= start && timestamp <= end);
      expect(await read(key, start, end)).toStrictEqual(inRange);
      const [all] = await store.aggregate(key, { start, end, bucket: '365d', metrics: ['count', 'max', 'sum'] });
      expect(all?.count ?? 0).toBe(inRange.length);
    },
    async () => {
      const key = random.pick(KEYS);
      const time = randomTime();
      const points = sorted(model.get(key)!);
      expect(await store.getAsOf(key, time)).toStrictEqual(points.findLast(([timestamp]) => timestamp <= time)?.[1]);
      expect(await store.get(key)).toStrictEqual(points.at(-1)?.[1]);
    },
    async () => {
      // An object that goes takes its work along: what it does beside a write has an end before the next one begins.
      for (let turn = 0; turn < 40; turn++) await new Promise((done) => setImmediate(done));
      sql = new NodeSql(sql.database);
      store = open();
    },
    async () => {
      const id = store.createSnapshot();
      const before = new Map([...model].map(([key, points]) => [key, new Map(points)]));
      await put();
      try {
        await store.restoreSnapshot(id);
        model = before;
      } catch (error) {
        // The write has closed a window, or late values have moved beside it.
        expect(String(error)).toContain('have moved into the archive since');
      }
      await store.deleteSnapshot(id);
    },
  ];
  for (let step = 0; step < 150; step++) await random.pick(actions)();
  await store.maintain();
  for (const key of KEYS) expect(await read(key)).toStrictEqual(sorted(model.get(key)!));
  expect((await archive.list('')).objects.filter(({ key }) => key.includes('/data/')).length).toBeGreaterThan(1);
  // When all of it has moved and is merged, it still reads the same.
  for (let step = 0; step < 4; step++) {
    clock.advance(10 * HOUR);
    await store.maintain();
  }
  expect(sql.all("SELECT 1 AS one FROM timeseries_late_batch WHERE length(batch) > 0")).toEqual([]);
  expect(sql.all('SELECT 1 AS one FROM timeseries_late_document')).toEqual([]);
  expect(sql.all("SELECT 1 AS one FROM timeseries_catalog_data_file WHERE description LIKE '%-merged-%'")).not.toEqual([]);
  store = open();
  for (const key of KEYS) expect(await read(key)).toStrictEqual(sorted(model.get(key)!));
});
