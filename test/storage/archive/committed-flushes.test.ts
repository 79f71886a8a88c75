import { expect, test } from 'vitest';
import { ArchiveFiles } from '../../../storage/catalog/archive-files.ts';
import { CATALOG_RPC_VERSION } from '../../../storage/catalog/catalog-api.ts';
import { migrateCatalog } from '../../../storage/catalog/catalog-schema.ts';
import { COMMITTED_PROPERTY, decodeCommitted, encodeCommitted } from '../../../storage/catalog/recovery/committed-flushes.ts';
import { RecoveryState } from '../../../storage/catalog/recovery/recovery-state.ts';
import { Tombstones } from '../../../storage/catalog/tombstones.ts';
import { METRIC_NAME } from '../../../storage/model/labels.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { FaultyObjectStore } from '../../fakes/faulty-object-store.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import '../../fakes/remembered-zstd.ts';
import { HOUR_MS } from './flush/flush-world.ts';
import { RecoveryWorld } from './recovery-world.ts';

const DAY_MS = 24 * HOUR_MS;

/**
 * A catalog whose shard is silent: all flushes are merged, the snapshots that did it have expired, and the objects are still there, since the
 * store removes nothing. One series of them is deleted, in all that is left.
 */
async function livedWithoutRemoving(): Promise<RecoveryWorld> {
  const world = new RecoveryWorld();
  const store = new FaultyObjectStore(world.objects);
  store.delete = async () => Promise.reject(new Error('no deletes today'));
  world.store = store;
  world.wakeCatalog();
  await world.live(2 * DAY_MS, () => world.writeHour());
  await world.live(4 * DAY_MS);
  const deletion = { version: 1, selectors: [[{ name: METRIC_NAME, type: '=' as const, value: 'metric_1' }]], startMs: 0, endMs: 1e15, flushes: { '1/0': 1000 } };
  expect(world.tombstones.add(deletion, world.clock.nowMs())).toBeUndefined();
  for (const line of world.expected()) if (line.startsWith('metric_1{')) world.acknowledged.delete(line);
  await world.live(4 * DAY_MS);
  return world;
}

test('a flush that has left the table, and is in no snapshot any more, is not found again though its object is there', { timeout: 60_000 }, async () => {
  const world = await livedWithoutRemoving();
  expect(await world.query()).toEqual(world.expected());
  const before = world.liveKeys();
  expect((await world.keys('/samples/data/')).length).toBeGreaterThan(before.length + 24);
  const { archivedUntilMs } = world.status();
  world.beginAnew();
  await world.recover();
  expect(world.liveKeys()).toEqual(before);
  expect(await world.query()).toEqual(world.expected());
  // Behind its last sample as well: no shard has to say it again.
  expect(world.status().archivedUntilMs).toEqual(archivedUntilMs);
});

test('nor where a table of its shards’ exemplars is behind, and the look began again on the way', { timeout: 60_000 }, async () => {
  const world = await livedWithoutRemoving();
  const before = world.liveKeys();
  world.beginAnew();
  await world.recovery.step();
  expect(decodeCommitted(world.tables.get('samples')!.current()!.metadata.properties[COMMITTED_PROPERTY]!, 'x')[0]!.flush).toBeGreaterThan(40);
  // As the table of exemplars would leave it, that were sent for the first hours alone.
  world.catalogSql.run("INSERT INTO lost_flush (shard, after_flush, times) VALUES ('1/0', 3, 1) ON CONFLICT (shard) DO UPDATE SET after_flush = 3");
  world.wakeCatalog();
  await world.recover();
  expect(world.liveKeys()).toEqual(before);
  expect(await world.query()).toEqual(world.expected());
});

test('what a table says of a shard stays as it was while files of later commits are not in it', () => {
  const sql = new NodeSql();
  migrateCatalog(sql);
  const files = new ArchiveFiles(sql, LIMITS);
  const file = (key: string) => ({ table: 'samples' as const, key, sizeBytes: 1, tailBytes: 1, rowCount: 1, minTimeMs: 0, maxTimeMs: 0, firstMetric: 'a', lastMetric: 'a', columns: [] });
  const commit = (shard: string, sequence: number, archivedUntilMs: number | undefined, keys: readonly string[]) =>
    expect(files.commit({ version: CATALOG_RPC_VERSION, shard, sequence, files: keys.map(file), archivedUntilMs }, 0)).toEqual({ status: 'committed' });
  commit('1/0', 1, 1000, ['a']);
  commit('1/1', 1, undefined, ['b']);
  commit('1/0', 2, 2000, ['c']);
  expect(encodeCommitted(sql, 'samples', 1, undefined)).toBe('{}');
  const before = encodeCommitted(sql, 'samples', 2, '{"1/0":[1,1000]}');
  expect(before).toBe('{"1/0":[1,1000],"1/1":[1,null]}');
  // One without files brings nothing that could be missing.
  commit('1/1', 2, 3000, []);
  expect(decodeCommitted(encodeCommitted(sql, 'samples', 3, before), 'x')).toEqual([
    { shard: '1/0', flush: 2, archivedUntilMs: 2000 },
    { shard: '1/1', flush: 2, archivedUntilMs: 3000 },
  ]);
  // Nor while some of its flushes are missing, of which it may have had files in another table alone.
  commit('1/1', 5, 4000, []);
  const missing = encodeCommitted(sql, 'samples', 3, before);
  expect(missing).toBe('{"1/0":[2,2000],"1/1":[1,null]}');
  new RecoveryState(sql).finish(new RecoveryState(sql).lost(), 0, 1e6);
  expect(encodeCommitted(sql, 'samples', 3, missing)).toBe('{"1/0":[2,2000],"1/1":[5,4000]}');
});

test.each(['{', '[', '3', '{"1/0": 5}', '{"1/0": [5]}', '{"1/0": [1.5, null]}', '{"a": [5, null]}', '{"1/0": ["5", null]}'])('text that says something else is refused, with where it is: %s', (text) => {
  expect(() => decodeCommitted(text, 'the metadata')).toThrow('the metadata: ');
});

test('a deletion that is carried out before forgotten files are looked for is of them too, and is kept no longer than that', { timeout: 60_000 }, async () => {
  const world = new RecoveryWorld();
  world.wakeCatalog();
  await world.live(3 * DAY_MS, () => world.writeHour());
  // All is in files by now, and those of the third day are not merged yet.
  await world.live(25 * HOUR_MS);
  const earlier = world.catalogSql.copy();
  const before = world.liveKeys();
  await world.live(3 * HOUR_MS);
  expect(world.liveKeys().length).toBeLessThan(before.length);
  world.goBackTo(earlier);
  // Nothing says that it has gone back, and it looks in six hours.
  world.catalogSql.run('UPDATE archive_state SET next_look_ms = ? WHERE id = 1', world.clock.nowMs() + LIMITS.archiveLookPeriodMs);
  const deletion = { version: 1, selectors: [[{ name: METRIC_NAME, type: '=' as const, value: 'metric_1' }]], startMs: 0, endMs: 1e15, flushes: { '1/0': world.hot.archive.mark.flushesBegun } };
  expect(world.tombstones.add(deletion, world.clock.nowMs())).toBeUndefined();
  for (const line of world.expected()) if (line.startsWith('metric_1{')) world.acknowledged.delete(line);
  for (let calls = 0; await world.upkeep.cleanTombstones(); calls++) if (calls > 500) throw new Error('no end');
  expect([world.recovery.isDue, world.tombstones.pending(), world.status().deletions!.waiting]).toEqual([false, [], 0]);
  world.clock.advance(LIMITS.archiveLookPeriodMs);
  await world.recover();
  expect(world.status().adopted!.fileCount).toBeGreaterThan(0);
  expect(world.tombstones.pending()).toHaveLength(1);
  expect(await world.query()).toEqual(world.expected());
  await world.live(DAY_MS);
  expect(await world.query()).toEqual(world.expected());
  expect(world.catalogSql.all('SELECT 1 FROM tombstone')).toEqual([]);
});

test('deletions that wait for the look alone are not more than may wait at all: it comes before', () => {
  const sql = new NodeSql();
  migrateCatalog(sql);
  const tombstones = new Tombstones(sql, { ...LIMITS, archiveTombstonesMax: 3 });
  const state = new RecoveryState(sql);
  state.finish([], 0, 1e6);
  for (let round = 0; round < 4; round++) {
    expect(state.nextLookMs).toBe(1e6);
    expect(tombstones.add({ version: 1, selectors: [], startMs: 0, endMs: 1, flushes: {} }, 1000)).toBeUndefined();
    expect(tombstones.finish(1000)).toBe(false);
  }
  expect(state.nextLookMs).toBeUndefined();
  // One that is done while it looks waits for the next.
  state.finish([], 1000, 2e6);
  expect(sql.all('SELECT 1 FROM tombstone')).toHaveLength(4);
  state.finish([], 1001, 2e6);
  expect(sql.all('SELECT 1 FROM tombstone')).toEqual([]);
  // Nor does one stay for ever that is done by a clock that is ahead.
  expect(tombstones.add({ version: 1, selectors: [], startMs: 0, endMs: 1, flushes: {} }, 9e6)).toBeUndefined();
  expect(tombstones.finish(9e6)).toBe(false);
  state.finish([], 1002, 2e6);
  expect(sql.all('SELECT 1 FROM tombstone')).toEqual([]);
});
