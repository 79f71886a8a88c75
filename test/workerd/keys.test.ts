import { beforeAll, expect, test } from 'vitest';
import { encodeWriteRequest, type WriteRequestSeries } from '../../proto/remote-write-v1.ts';
import { snappyEncode } from '../../proto/snappy.ts';
import { ask, series, WRITE_HEADERS } from './client.ts';

/*
 * Keys in the runtime itself: the keyring object, RPC, and a Worker that is open on loopback until its first key is made.
 */
const nowMs = Math.floor(Date.now() / 1000) * 1000 - 60_000;

interface Key {
  readonly id: string;
  readonly secret: string;
}

const bearer = (key: Key | undefined): Record<string, string> => (key === undefined ? {} : { authorization: `Bearer ${key.secret}` });

async function make(fields: unknown, by?: Key): Promise<Key> {
  const answer = await ask('/api/v1/admin/keys', { method: 'POST', headers: { 'content-type': 'application/json', ...bearer(by) }, body: JSON.stringify(fields) });
  const { data, error } = (await answer.json()) as { data: Key; error?: string };
  expect([answer.status, error]).toEqual([200, undefined]);
  return data;
}

const write = async (key: Key | undefined, ...all: WriteRequestSeries[]): Promise<number> =>
  (await ask('/api/v1/write', { method: 'POST', headers: { ...WRITE_HEADERS, ...bearer(key) }, body: snappyEncode(encodeWriteRequest(all)) })).status;

async function read(path: string, key: Key | undefined, headers: Record<string, string> = {}): Promise<{ status: number; data: unknown }> {
  const answer = await ask(path, { headers: { ...bearer(key), ...headers } });
  return { status: answer.status, data: ((await answer.json()) as { data: unknown }).data };
}

let operator: Key;
let a: Key;
let b: Key;
let restricted: Key;

beforeAll(async () => {
  expect((await read('/api/v1/labels', undefined)).status).toBe(200);
  operator = await make({ scopes: ['read', 'write', 'admin'], all_tenants: true });
  a = await make({ scopes: ['read', 'write'], tenant: 'team-a' }, operator);
  b = await make({ scopes: ['read', 'write'], tenant: 'team-b' }, operator);
  restricted = await make({ scopes: ['read'], tenant: 'team-a', match: '{team="x"}' }, operator);
  expect(await write(a, series({ __name__: 'of_a', team: 'x' }, [nowMs, 1]), series({ __name__: 'of_a', team: 'y' }, [nowMs, 2]))).toBe(204);
  expect(await write(b, series({ __name__: 'of_b', team: 'x' }, [nowMs, 3]))).toBe(204);
});

test('the first key closed the door', async () => {
  expect((await read('/api/v1/labels', undefined)).status).toBe(401);
  expect(await write(undefined, series({ __name__: 'm' }, [nowMs, 1]))).toBe(401);
  expect((await ask('/-/healthy')).status).toBe(200);
});

test('each tenant has its own series', async () => {
  const names = async (key: Key, headers: Record<string, string> = {}): Promise<unknown> => (await read('/api/v1/label/__name__/values', key, headers)).data;
  expect([await names(a), await names(b)]).toEqual([['of_a'], ['of_b']]);
  expect(await names(operator)).toEqual([]);
  expect(await names(operator, { 'x-scope-orgid': 'team-b' })).toEqual(['of_b']);
  expect((await read('/api/v1/labels', a, { 'x-scope-orgid': 'team-b' })).status).toBe(403);
});

test('a restricted reader sees its own series, and may ask for nothing that cannot be restricted', async () => {
  const { data } = await read(`/api/v1/query?query=${encodeURIComponent('of_a or {team="y"}')}&time=${nowMs / 1000}`, restricted);
  expect(data).toMatchObject({ result: [{ metric: { __name__: 'of_a', team: 'x' } }] });
  expect((await read('/api/v1/label/team/values', restricted)).data).toEqual(['x']);
  const metrics = await ask('/metrics', { headers: bearer(restricted) });
  expect([metrics.status, await metrics.text()]).toEqual([403, expect.stringContaining('restricted by label matchers')]);
  expect(await write(restricted, series({ __name__: 'm' }, [nowMs, 1]))).toBe(403);
});

test('a key that is revoked counts no more', async () => {
  const gone = await make({ scopes: ['read'], tenant: 'team-a' }, operator);
  expect((await read('/api/v1/labels', gone)).status).toBe(200);
  expect((await ask(`/api/v1/admin/keys/${gone.id}`, { method: 'DELETE', headers: bearer(operator) })).status).toBe(200);
  expect((await read('/api/v1/labels', gone)).status).toBe(401);
  const list = (await read('/api/v1/admin/keys', operator)).data as { id: string; revoked?: string }[];
  expect(list.find(({ id }) => id === gone.id)!.revoked).toBeDefined();
  expect(JSON.stringify(list)).not.toContain(gone.secret.slice(17, 40));
});
