import { expect, test } from 'vitest';
import { TimeSeriesStore } from '../../storage/index.ts';
import { FixedClock } from '../fakes/fixed-clock.ts';
import { NodeSql } from '../fakes/node-sql.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';

/*
 * The store against a map of maps, over seeded random operations: puts in any order of time, numbers and documents over each other, reads,
 * prune, compact, snapshots and restores, and new instances over the same database. The seed is the bug report.
 */
type Model = Map<string, Map<number, unknown>>;

const KEYS = ['a', 'b', 'ключ'];
const START = Date.UTC(2024, 0, 15);

function randomValue(random: SeededRandom): unknown {
  switch (random.below(6)) {
    case 0:
      return { n: random.below(3), list: [null, 'x'.repeat(random.below(20))] };
    case 1:
      return random.pick(['text', '', true, null, NaN, Infinity, -0]);
    default:
      return random.below(1000) / 8;
  }
}

function sorted(points: ReadonlyMap<number, unknown> | undefined): [number, unknown][] {
  return [...(points ?? [])].sort(([a], [b]) => a - b);
}

async function read(store: TimeSeriesStore<unknown>, key: string, start?: number, end?: number): Promise<[number, unknown][]> {
  const points: [number, unknown][] = [];
  for await (const { timestamp, value } of store.range(key, { start, end })) points.push([timestamp, value]);
  return points;
}

function copyOf(model: Model): Model {
  return new Map([...model].map(([key, points]) => [key, new Map(points)]));
}

test.each(Array.from({ length: 25 }, (_, seed) => seed))('seed %i', { timeout: 60_000 }, async (seed) => {
  const random = new SeededRandom(seed);
  let sql = new NodeSql();
  // Half of the times are still to come.
  const clock = new FixedClock(START + 25_000);
  const open = (): TimeSeriesStore<unknown> => new TimeSeriesStore<unknown>({ sql, clock });
  let store = open();
  let model: Model = new Map(KEYS.map((key) => [key, new Map()]));
  let floorMs = -Infinity;
  const snapshots = new Map<string, { model: Model; floorMs: number }>();
  const randomTime = (): number => START + random.below(50) * 1000;
  const put = async (): Promise<void> => {
    const entries = Array.from({ length: random.between(1, 8) }, () => ({ key: random.pick(KEYS), timestamp: randomTime(), value: randomValue(random) }));
    if (entries.some(({ timestamp }) => timestamp < floorMs)) await expect(store.putBatch(entries)).rejects.toThrow('everything was pruned');
    else {
      void store.putBatch(entries);
      for (const { key, timestamp, value } of entries) model.get(key)!.set(timestamp, value);
    }
  };
  const actions: (() => Promise<void> | void)[] = [
    put,
    put,
    put,
    put,
    async () => {
      const key = random.pick(KEYS);
      const points = sorted(model.get(key));
      const time = randomTime() + random.below(3) - 1;
      expect(await store.getAsOf(key, time)).toEqual(points.findLast(([timestamp]) => timestamp <= time)?.[1]);
      expect(await store.get(key)).toEqual(points.at(-1)?.[1]);
    },
    async () => {
      const [start, end] = [randomTime(), randomTime()].sort((a, b) => a - b) as [number, number];
      const key = random.pick(KEYS);
      const inRange = sorted(model.get(key)).filter(([timestamp]) => timestamp >= start && timestamp <= end);
      expect(await read(store, key, start, end)).toEqual(inRange);
      const [all] = await store.aggregate(key, { start, end, bucket: '1d', metrics: ['count', 'max'] });
      expect(all?.count ?? 0).toBe(inRange.length);
      const numbers = inRange.map(([, value]) => value).filter((value) => typeof value === 'number' && !Number.isNaN(value)) as number[];
      if (all !== undefined) expect(all.max + 0).toEqual(numbers.length === 0 ? NaN : numbers.reduce((most, value) => Math.max(most, value)) + 0);
    },
    () => {
      sql = new NodeSql(sql.database);
      store = open();
    },
    () => {
      if (snapshots.size < 5) snapshots.set(store.createSnapshot(), { model: copyOf(model), floorMs });
    },
    async () => {
      if (snapshots.size === 0) return;
      const id = random.pick([...snapshots.keys()]);
      if (random.oneIn(3)) {
        await store.deleteSnapshot(id);
        snapshots.delete(id);
        return;
      }
      await store.restoreSnapshot(id);
      ({ model, floorMs } = snapshots.get(id)!);
      model = copyOf(model);
    },
    async () => {
      if (!random.oneIn(4)) return;
      const before = START + random.below(40) * 1000;
      await store.prune({ before });
      floorMs = Math.max(floorMs, Math.min(before, clock.nowMs()));
      for (const points of model.values()) for (const timestamp of [...points.keys()]) if (timestamp < before) points.delete(timestamp);
    },
    async () => {
      const versions = random.between(3, 30);
      await store.compact({ maxVersionsPerKey: versions });
      for (const points of model.values()) for (const [timestamp] of sorted(points).slice(0, -versions)) points.delete(timestamp);
    },
  ];
  for (let step = 0; step < 120; step++) await random.pick(actions)();
  for (const key of KEYS) expect(await read(store, key)).toEqual(sorted(model.get(key)));
  if (snapshots.size === 0) {
    // Nothing is kept that nothing stands for, but what was overwritten since the last compaction.
    await store.compact({ maxVersionsPerKey: 1000 });
    const documents = [...model.values()].flatMap((points) => [...points.values()]).filter((value) => typeof value !== 'number');
    expect(sql.all('SELECT 1 AS one FROM timeseries_document')).toHaveLength(documents.length);
  }
});
