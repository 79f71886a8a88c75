import { beforeEach, describe, expect, test } from 'vitest';
import { TimeSeriesStore } from '../../../storage/index.ts';
import type { ObjectStore } from '../../../storage/object-store.ts';
import { PortFailure } from '../../../storage/runtime/port-failure.ts';
import { ArchiveOwner } from '../../../storage/time-series/archive-owner.ts';
import { FaultyObjectStore } from '../../fakes/faulty-object-store.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { MemoryObjectStore } from '../../fakes/memory-object-store.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';

const down = (): Promise<never> => Promise.reject(new Error('the bucket does not answer'));
const DOWN: ObjectStore = { head: down, get: down, create: down, delete: down, list: down };

const DAY_MS = 86_400_000;

let seed = 1;
let objects: MemoryObjectStore;
let sql: NodeSql;

beforeEach(() => {
  objects = new MemoryObjectStore(1000);
  sql = new NodeSql();
});

/** As the store finds it when it is opened. */
function opened(options: { readonly sql?: NodeSql; readonly store?: ObjectStore; readonly isShared?: boolean } = {}): ArchiveOwner {
  return new ArchiveOwner({ sql, store: objects, random: new SeededRandom(seed++), prefix: 'p', isShared: true, ...options });
}

const keys = async (): Promise<string[]> => (await objects.list('')).objects.map(({ key }) => key);

describe('a prefix that was chosen', () => {
  test('is the first store’s, and no other’s', async () => {
    await opened().claim();
    expect(await keys()).toEqual(['p/owner']);
    const other = opened({ sql: new NodeSql() });
    for (const _ of [1, 2]) await expect(other.claim()).rejects.toThrow('the archive\'s prefix "p" is another store\'s');
  });

  test('is claimed once in the life of the store: the bucket is not asked again', async () => {
    const store = new FaultyObjectStore(objects);
    const owner = opened({ store });
    await owner.claim();
    store.isDown = true;
    await owner.claim();
    await opened({ store }).claim();
  });

  test('is claimed later where the bucket does not answer', async () => {
    const waiting = opened({ store: DOWN });
    for (const _ of [1, 2]) await expect(waiting.claim()).rejects.toThrow(PortFailure);
    await opened().claim();
    expect(await keys()).toEqual(['p/owner']);
  });

  test('is claimed by the same store again that died behind the object', async () => {
    await opened().claim();
    sql.run('UPDATE archive_owner SET is_claimed = 0');
    await opened().claim();
    await opened({ store: DOWN }).claim();
  });

  test('is claimed at once by a store whose clock has been set back since it tried', async () => {
    const clock = new FixedClock(Date.UTC(2024, 0, 15));
    const bucket = new FaultyObjectStore(objects);
    const store = new TimeSeriesStore({ sql, clock, archive: { bucket, prefix: 'p' } });
    await store.put('k', 1, clock.nowMs() - 2 * DAY_MS);
    bucket.isDown = true;
    await store.maintain();
    bucket.isDown = false;
    clock.advance(-DAY_MS);
    await store.maintain();
    expect(await keys()).toContain('p/owner');
  });
});

test('one that is random is nobody else’s, and need not be claimed', async () => {
  await opened({ isShared: false, store: DOWN }).claim();
  expect(await keys()).toEqual([]);
});
