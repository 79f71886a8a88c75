import { evictAllDurableObjects, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { crc32 } from 'node:zlib';
import { beforeAll, expect, test } from 'vitest';
import { encodeWriteRequest } from '../../proto/encode-write-request.ts';
import { snappyEncode } from '../../proto/snappy.ts';
import { CATALOG_RPC_VERSION } from '../../storage/catalog/catalog-api.ts';
import { ask, getJson, instant, list, metric, postWrite, series, write } from './client.ts';

/*
 * From one shard to four, through the Worker, the catalog and the shards' SQLite. A change takes effect more than half an hour after it was asked
 * for: here the catalog is told that this was some hours ago, before the Worker has asked it anything.
 */
const HOUR_MS = 3_600_000;
const nowMs = Math.floor(Date.now() / 60_000) * 60_000;
/** At least half an hour ago, so that what is newer needs no other hour. */
const fromMs = Math.floor((nowMs - HOUR_MS / 2) / HOUR_MS) * HOUR_MS + 1;
const SERIES = 40;
const STEP_MS = 15_000;
/** On both sides of the change: forty to a series. */
const timesMs = Array.from({ length: 40 }, (_, n) => fromMs + (n - 20) * STEP_MS);

const all = (of: (i: number) => readonly (readonly [number, number])[]) => Array.from({ length: SERIES }, (_, i) => series({ __name__: 'moved', i: String(i) }, ...of(i)));

/** Rows of the log of each shard. */
function rows(): Promise<number[]> {
  return Promise.all(
    ['1/0', '2/0', '2/1', '2/2', '2/3'].map((name) =>
      runInDurableObject(env.SHARD.get(env.SHARD.idFromName(`default/shard/${name}`)), (_, { storage }) => storage.sql.exec('SELECT count(*) AS n FROM wal').one()['n'] as number),
    ),
  );
}

beforeAll(async () => {
  const catalog = env.CATALOG.get(env.CATALOG.idFromName('default/catalog'));
  const { seriesHashKey } = await catalog.routing(1);
  expect(await catalog.addShardMap({ version: CATALOG_RPC_VERSION, shardCount: 4, timestampAheadMs: 0 })).toMatchObject({ status: 'added', shardMaps: [{ epoch: 1 }, { epoch: 2, shardCount: 4 }] });
  await runInDurableObject(catalog, (_, { storage }) => {
    storage.sql.exec('UPDATE shard_map SET from_ms = ? WHERE epoch = 2', fromMs);
    storage.sql.exec('UPDATE tenant SET routing_check = ?', crc32(`1 0 1\n2 ${fromMs} 4\n`, crc32(seriesHashKey)));
  });
  await evictAllDurableObjects();
});

test('writes that straddle the change, side by side, each sent twice', async () => {
  const requests = [0, 1, 2, 3].map((part) => snappyEncode(encodeWriteRequest(all((i) => timesMs.filter((_, n) => n % 4 === part).map((timeMs) => [timeMs, i + (timeMs - fromMs) / STEP_MS])))));
  const send = async (body: Uint8Array): Promise<number> => (await postWrite(body)).status;
  expect(await Promise.all(requests.map(send))).toEqual([204, 204, 204, 204]);
  expect(Math.min(...(await rows()))).toBeGreaterThan(0);
  await evictAllDurableObjects();
  expect(await Promise.all(requests.map(send))).toEqual([204, 204, 204, 204]);
});

test('what was written is read as one, also after every object was evicted', async () => {
  for (let times = 0; times < 2; times++) {
    const result = (await instant('moved[30m]', timesMs.at(-1)!)) as { metric: { i: string }; values: [number, string][] }[];
    expect(result.length).toBe(SERIES);
    for (const { metric: { i }, values } of result) expect(values).toEqual(timesMs.map((timeMs) => [timeMs / 1000, String(Number(i) + (timeMs - fromMs) / STEP_MS)]));
    expect(await instant('sum(count_over_time(moved[30m]))', timesMs.at(-1)!)).toEqual([{ metric: {}, value: [timesMs.at(-1)! / 1000, String(SERIES * 40)] }]);
    expect(await instant('sum(changes(moved[2m]))', fromMs + 60_000)).toEqual([{ metric: {}, value: [(fromMs + 60_000) / 1000, String(SERIES * 7)] }]);
    expect(await list('/api/v1/label/i/values', { 'match[]': 'moved' })).toHaveLength(SERIES);
    expect(await list('/api/v1/series', { 'match[]': 'moved' })).toHaveLength(SERIES);
    await evictAllDurableObjects();
  }
});

test('all five shards are there, by their numbers', async () => {
  expect(await metric('varve_shard_up')).toBe(5);
  const text = await (await ask('/metrics')).text();
  expect([...text.matchAll(/^varve_shard_up\{shard="(\d)"\} 1$/gm)].map(([, shard]) => shard)).toEqual(['0', '1', '2', '3', '4']);
  expect((await ask('/-/ready')).status).toBe(200);
});

test('the change feed has all of it', async () => {
  const text = await (await ask('/api/v1/cdc?live=false&cursor=oldest')).text();
  const points = [...text.matchAll(/^data: (.*)$/gm)].flatMap(([, data]) => {
    const event = JSON.parse(data!) as { key: string; timestamp: string; points?: { timestamp: string }[] };
    return (event.points ?? [event]).map(({ timestamp }) => `${event.key} ${timestamp}`);
  });
  // What was sent twice was written twice to the log.
  expect(points.length).toBe(2 * SERIES * 40);
  expect(new Set(points).size).toBe(SERIES * 40);
});

test('samples are deleted on both sides of it', async () => {
  const deletion = `match[]=moved{i="7"}&start=${timesMs[18]! / 1000}&end=${timesMs[22]! / 1000}`;
  expect((await ask(`/api/v1/admin/tsdb/delete_series?${deletion}`, { method: 'POST' })).status).toBe(204);
  expect(await instant('sum(count_over_time(moved[30m]))', timesMs.at(-1)!)).toEqual([{ metric: {}, value: [timesMs.at(-1)! / 1000, String(SERIES * 40 - 5)] }]);
});

test('another change is announced, and what is written goes on where it belongs', async () => {
  const post = (shardCount: number): Promise<Response> => ask('/api/v1/admin/shards', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ shardCount }) });
  const announced = (await (await post(2)).json()) as { data: { maps: { state: string; from: string }[] } };
  expect(announced.data.maps).toMatchObject([{ state: 'old' }, { state: 'current', from: new Date(fromMs).toISOString() }, { state: 'to come', shardCount: 2, firstShard: 5 }]);
  expect(Date.parse(announced.data.maps[2]!.from) % HOUR_MS).toBe(1);
  expect((await post(3)).status).toBe(422);
  await evictAllDurableObjects();
  expect((await getJson('/api/v1/admin/shards')).json.data).toEqual(announced.data);
  const [old, ...current] = await rows();
  await write(...all((i) => [[nowMs, i]]));
  const [stillOld, ...grown] = await rows();
  expect(stillOld).toBe(old);
  for (const [i, count] of grown.entries()) expect(count).toBeGreaterThan(current[i]!);
  expect(await instant('count(moved)', nowMs)).toEqual([{ metric: {}, value: [nowMs / 1000, String(SERIES)] }]);
});
