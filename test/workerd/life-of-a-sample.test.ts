import { evictAllDurableObjects, listDurableObjectIds, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, expect, test } from 'vitest';
import { encodeWriteRequest } from '../../proto/encode-write-request.ts';
import { snappyEncode } from '../../proto/snappy.ts';
import { writeStale } from '../../storage/model/sample.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { instant, list, metric, postWrite, series, write } from './client.ts';

/*
 * From the request to the answer, through the Worker, the catalog, the shards and their SQLite: with one shard and with four. Objects are
 * evicted in between, so that what is asked for comes out of storage and not out of memory.
 */
const shardCount = Number(env.VARVE_SHARDS ?? '1');
const nowMs = Math.floor(Date.now() / 60_000) * 60_000 - 3_600_000;

async function shardStubs(): Promise<DurableObjectStub[]> {
  const ids = await listDurableObjectIds(env.SHARD);
  return ids.map((id) => env.SHARD.get(id));
}

async function bothBeforeAndAfterEviction(check: () => Promise<void>): Promise<void> {
  await check();
  await evictAllDurableObjects();
  await check();
}

beforeAll(async () => {
  for (let batch = 0; batch < 5; batch++) {
    const timestampMs = nowMs + batch * 15_000;
    await write(...Array.from({ length: 40 }, (_, i) => series({ __name__: 'life', i: String(i) }, [timestampMs, batch * 100 + i])));
  }
});

test('a write sets the alarm of every shard that it reaches: nobody has to wake it', async () => {
  for (const stub of await shardStubs()) {
    const alarmMs = await runInDurableObject(stub, (_, state) => state.storage.getAlarm());
    expect(alarmMs).not.toBeNull();
    expect(alarmMs).toBeLessThanOrEqual(Date.now() + LIMITS.logAgeMsMax);
  }
});

test('what was written is found, also after every object was evicted', async () => {
  await bothBeforeAndAfterEviction(async () => {
    expect(await instant('sum(life)', nowMs)).toEqual([{ metric: {}, value: [nowMs / 1000, '780'] }]);
    expect(await instant('count(life)', nowMs + 60_000)).toEqual([{ metric: {}, value: [(nowMs + 60_000) / 1000, '40'] }]);
    expect(await instant('life{i="7"}[1m]', nowMs + 45_000)).toEqual([
      { metric: { __name__: 'life', i: '7' }, values: [0, 1, 2, 3].map((batch) => [(nowMs + batch * 15_000) / 1000, String(batch * 100 + 7)]) },
    ]);
    expect(await list('/api/v1/label/i/values', { 'match[]': 'life' })).toHaveLength(40);
  });
});

test('series come back in label order, from however many shards', async () => {
  const result = (await instant('life', nowMs + 60_000)) as { metric: { i: string } }[];
  const order = result.map(({ metric: { i } }) => i);
  expect(order).toEqual([...order].sort());
  const found = (await list('/api/v1/series', { 'match[]': 'life' })) as { i: string }[];
  expect(found.map(({ i }) => i)).toEqual(order);
});

test('every shard has its share', async () => {
  const stubs = await shardStubs();
  expect(stubs).toHaveLength(shardCount);
  const rows = await Promise.all(stubs.map((stub) => runInDurableObject(stub, (_, { storage }) => storage.sql.exec('SELECT count(*) AS n FROM wal').one()['n'] as number)));
  expect(rows.every((count) => count > 0)).toBe(true);
});

test('a request sent again changes nothing', async () => {
  const again = Array.from({ length: 40 }, (_, i) => series({ __name__: 'life', i: String(i) }, [nowMs + 60_000, 400 + i]));
  const before = await metric('varve_shard_samples_appended_total');
  await write(...again);
  await write(...again);
  expect(await metric('varve_shard_samples_appended_total')).toBe(before);
  expect(await instant('sum(count_over_time(life[10m]))', nowMs + 60_000)).toEqual([{ metric: {}, value: [(nowMs + 60_000) / 1000, '200'] }]);
});

test('samples out of order are put in order', async () => {
  const at = (seconds: number): [number, number] => [nowMs + seconds * 1000, seconds];
  await write(series({ __name__: 'late' }, at(30), at(10)));
  await write(series({ __name__: 'late' }, at(20), at(0)));
  await bothBeforeAndAfterEviction(async () => {
    expect(await instant('late[1m]', nowMs + 31_000)).toEqual([
      { metric: { __name__: 'late' }, values: [0, 10, 20, 30].map((seconds) => [nowMs / 1000 + seconds, String(seconds)]) },
    ]);
  });
});

test('a stale marker ends its series and keeps its bits', async () => {
  const values = new Float64Array([1, 0, NaN]);
  writeStale(values, 1);
  const timestampsMs = [nowMs, nowMs + 15_000, nowMs + 30_000];
  const stale = { labels: ['__name__', 'goes'], timestampsMs, values };
  expect((await postWrite(snappyEncode(encodeWriteRequest([stale])))).status).toBe(204);
  await bothBeforeAndAfterEviction(async () => {
    expect(await instant('goes', nowMs + 14_000)).toHaveLength(1);
    expect(await instant('goes', nowMs + 16_000)).toEqual([]);
    expect(await instant('goes', nowMs + 31_000)).toEqual([{ metric: { __name__: 'goes' }, value: [(nowMs + 31_000) / 1000, 'NaN'] }]);
    // The marker is no sample of a range, an ordinary NaN is.
    expect(await instant('goes[1m]', nowMs + 31_000)).toEqual([
      { metric: { __name__: 'goes' }, values: [[nowMs / 1000, '1'], [(nowMs + 30_000) / 1000, 'NaN']] },
    ]);
  });
});

test('the key of series ids is made once and never again', async () => {
  const [id] = await listDurableObjectIds(env.CATALOG);
  const stub = env.CATALOG.get(id!);
  const first = await stub.routing(1);
  expect(new Set(first.seriesHashKey).size).toBeGreaterThan(1);
  await evictAllDurableObjects();
  const second = await env.CATALOG.get(id!).routing(17);
  expect([...second.seriesHashKey]).toEqual([...first.seriesHashKey]);
  expect(second.shardMaps).toEqual([{ epoch: 1, fromMs: 0, shardCount }]);
});

test('an idle shard is not woken: its one alarm is for when its log is old enough to seal', async () => {
  await evictAllDurableObjects();
  await instant('life', nowMs);
  for (const stub of await shardStubs()) {
    // A shard that got nothing has none.
    const alarmMs = (await runInDurableObject(stub, (_, state) => state.storage.getAlarm())) ?? Infinity;
    expect(alarmMs).toBeGreaterThan(nowMs + LIMITS.logAgeMsMax / 2);
  }
});

test('an empty request is stored and wakes nobody up', async () => {
  expect((await postWrite(snappyEncode(new Uint8Array(0)))).status).toBe(204);
});
