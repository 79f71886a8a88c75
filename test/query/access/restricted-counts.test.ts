import { beforeEach, describe, expect, test } from 'vitest';
import { encodeWriteRequest } from '../../../proto/encode-write-request.ts';
import { snappyEncode } from '../../../proto/snappy.ts';
import { labelsFrom } from '../../../storage/model/labels.ts';
import { nodeApp, type NodeApp } from '../../fakes/node-app.ts';

/* What others write must not be countable by who may only read some series. */
const NOON = Date.UTC(2024, 0, 14, 12);
const ADMIN_KEY = 'an-operator-chose-this-at-random-0123456789';

let system: NodeApp;
let restricted = '';

async function call(key: string, path: string, init: RequestInit = {}): Promise<{ status: number; text: string }> {
  const answer = await system.app.request(path, { ...init, headers: { authorization: `Bearer ${key}`, ...init.headers } });
  return { status: answer.status, text: await answer.text() };
}

async function write(team: string, timestampMs: number): Promise<void> {
  const headers = { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' };
  const body = snappyEncode(encodeWriteRequest([{ labels: labelsFrom({ __name__: 'm', team }), timestampsMs: [timestampMs], values: [timestampMs - NOON] }]));
  const { status, text } = await call(ADMIN_KEY, '/api/v1/write', { method: 'POST', headers, body });
  expect([status, text]).toEqual([204, '']);
}

beforeEach(async () => {
  system = nodeApp({ VARVE_ADMIN_KEY: ADMIN_KEY }, undefined, NOON);
  const body = JSON.stringify({ scopes: ['read'], tenant: 'default', match: '{team="x"}' });
  const { text } = await call(ADMIN_KEY, '/api/v1/admin/keys', { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  restricted = (JSON.parse(text) as { data: { secret: string } }).data.secret;
});

test('status/tsdb tells a restricted reader of its series, and not from when to when the shard has samples, nor in how many segments', async () => {
  await write('y', NOON - 3_600_000);
  await write('x', NOON - 60_000);
  for (const name of system.shards.shardNames) system.shards.storeOf(name).seal();
  const headStats = async (key: string): Promise<unknown> => (JSON.parse((await call(key, '/api/v1/status/tsdb')).text) as { data: { headStats: unknown } }).data.headStats;
  expect(await headStats(ADMIN_KEY)).toEqual({ numSeries: 2, numLabelPairs: 3, chunkCount: 1, minTime: NOON - 3_600_000, maxTime: NOON - 60_000 });
  expect(await headStats(restricted)).toEqual({ numSeries: 1, numLabelPairs: 2, chunkCount: 0, minTime: 0, maxTime: 0 });
});

describe('the change feed of a restricted reader', () => {
  const feed = (cursor: string) => call(restricted, `/api/v1/cdc?live=false&cursor=${cursor}`);
  const ids = (text: string): string[] => [...text.matchAll(/^id: (.*)$/gm)].map(([, id]) => id!);
  const valuesOf = (text: string): number[] => [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => (JSON.parse(data!) as { after: { value: number } }).after.value);

  test('goes on from any of its ids, which say nothing', async () => {
    for (let i = 0; i < 6; i++) await write(i % 2 === 0 ? 'x' : 'y', NOON - 60_000 + i);
    const whole = await feed('oldest');
    expect(valuesOf(whole.text)).toEqual([-60_000, -59_998, -59_996]);
    const all = ids(whole.text);
    expect(new Set(all.map((id) => id.length)).size).toBe(1);
    expect(new Set(all).size).toBe(all.length);
    for (const id of all) expect(id).toMatch(/^[\w-]{48}$/);
    expect(valuesOf((await feed(all.at(-1)!)).text)).toEqual([]);
    expect(valuesOf((await feed(all[2]!)).text)).toEqual([-59_998, -59_996]);
    await write('x', NOON);
    expect(valuesOf((await feed(all.at(-1)!)).text)).toEqual([0]);
  });

  test('looks the same however much others write', async () => {
    const shape = async (): Promise<string> => (await feed('oldest')).text.replace(/^id: .*$/gm, 'id');
    await write('x', NOON - 60_000);
    const before = await shape();
    for (let i = 0; i < 200; i++) await write('y', NOON - 60_000 + i);
    expect(await shape()).toBe(before);
  });

  test('takes no place that was not told: neither a number, nor a changed one, nor another tenant’s', async () => {
    await write('x', NOON);
    const [, id = ''] = ids((await feed('oldest')).text);
    const changed = `${id.slice(0, 20)}${id[20] === 'A' ? 'B' : 'A'}${id.slice(21)}`;
    for (const cursor of ['0', '1', changed, id.slice(1), `${id}A`, '='.repeat(48)]) {
      const { status, text } = await feed(encodeURIComponent(cursor));
      expect([status, text], cursor).toEqual([400, expect.stringContaining('is not the id of an event')]);
    }
    // Whoever sees everything has numbers, and cannot use the others.
    expect((await call(ADMIN_KEY, `/api/v1/cdc?live=false&cursor=${id}`)).status).toBe(400);
    expect(ids((await call(ADMIN_KEY, '/api/v1/cdc?live=false&cursor=oldest')).text)).toEqual(['0', '0', '1']);
  });
});
