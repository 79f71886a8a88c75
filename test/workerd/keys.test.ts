import { beforeAll, expect, test } from 'vitest';
import { encodeWriteRequest, type WriteRequestSeries } from '../../proto/encode-write-request.ts';
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

/** Everything that reads series, asked for all that there is. */
const READS = [
  'query?query={M}&time=T', 'query_range?query={M}&start=S&end=T&step=60', 'series?match[]={M}', 'labels', 'labels?match[]={M}', 'label/__name__/values', 'label/team/values', 'metadata',
  'query_exemplars?query={M}&start=S&end=T', 'search/metric_names', 'search/label_names', 'search/label_values?label=team', 'status/tsdb', 'status/tsdb/blocks', 'status/runtimeinfo',
  'status/self_metrics', 'targets', 'targets/metadata', 'rules', 'alerts', 'cdc?cursor=oldest&live=false', '../../federate?match[]={M}', '../../metrics',
].map((path) =>
  new URL(`http://x/api/v1/${path.replace('{M}', encodeURIComponent('{__name__=~".+"}')).replace('S', String(nowMs / 1000 - 600)).replace('T', String(nowMs / 1000 + 1))}`),
).map(({ pathname, search }) => pathname + search);

test('nothing that reads tells one tenant of another, or a team of another team', async () => {
  const secret = series({ __name__: 'zzsecret_metric', team: 'zzsecret_team', zzsecret_label: 'v' }, [nowMs, 4]);
  expect(await write(b, secret)).toBe(204);
  const told = async (key: Key, path: string, headers: Record<string, string> = {}): Promise<[number, boolean]> => {
    const answer = await ask(path, { headers: { ...bearer(key), ...headers } });
    return [answer.status, new TextDecoder().decode(await answer.arrayBuffer()).includes('zzsecret')];
  };
  let seenByOwner = 0;
  for (const path of READS) {
    const [status, isTold] = await told(b, path);
    expect(status, path).toBe(200);
    if (isTold) seenByOwner++;
    expect(await told(a, path), path).toEqual([200, false]);
    expect((await told(a, path, { 'x-scope-orgid': 'team-b' }))[0], path).toBe(403);
  }
  expect(seenByOwner).toBeGreaterThan(9);
  // The same series in the tenant of the restricted reader.
  expect(await write(a, secret)).toBe(204);
  for (const path of READS) {
    const [status, isTold] = await told(restricted, path);
    expect([[200, 403].includes(status), isTold], `${path}: ${status}`).toEqual([true, false]);
  }
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
