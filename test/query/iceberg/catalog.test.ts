import { beforeAll, describe, expect, test } from 'vitest';
import { tableDefinition } from '../../../storage/catalog/iceberg/table-definitions.ts';
import { newTable, withSnapshot } from '../../../storage/catalog/iceberg/table-metadata.ts';
import { s3KeyOf } from '../s3/sign.ts';
import { ADMIN_KEY, NOON, s3System, type S3System } from '../s3/system.ts';

const URI = 'https://varve.example/iceberg';
const LOCATION = 's3://varve-archive/team-a/archive/samples';
let system: S3System;
let key: string;

function metadata(snapshots: number): string {
  let table = newTable(tableDefinition('samples'), '6d0e5e0c-7a1f-4a40-8a55-07f1d1b1a5a1', LOCATION, NOON);
  for (let i = 1; i <= snapshots; i++) {
    const added = { files: 1, rows: 10, bytes: 1000 };
    const removed = { files: 0, rows: 0, bytes: 0 };
    const snapshot = { snapshotId: i * 1e15, operation: 'append' as const, manifestList: `${LOCATION}/metadata/snap-${i}.avro`, added, removed, nowMs: NOON + i, previousMetadata: undefined };
    table = withSnapshot(table, { ...snapshot, snapshotsMax: 100, expireThroughMs: 0 });
  }
  return JSON.stringify(table);
}

beforeAll(async () => {
  system = await s3System();
  key = await system.makeKey({ scopes: ['read'], tenant: 'team-a' });
  publish('team-a', 3);
  publish('default', 1);
});

function publish(tenant: string, snapshots: number): void {
  const table = { metadataLocation: `s3://varve-archive/${tenant}/archive/samples/metadata/0000${snapshots}-x.metadata.json`, metadata: metadata(snapshots) };
  system.shards.tables.set(`${tenant}/catalog`, new Map([['samples', table], ['rollup_1h', table]]));
}

async function ask(path: string, headers: Record<string, string> = {}, method = 'GET', by = key): Promise<{ status: number; json: unknown; headers: Headers; text: string }> {
  const answer = await system.app.request(`${URI}${path}`, { method, headers: { authorization: `Bearer ${by}`, ...headers } });
  const text = await answer.text();
  return { status: answer.status, json: text.startsWith('{') ? JSON.parse(text) : undefined, headers: answer.headers, text };
}

const errorOf = async (path: string, method = 'GET', by = key): Promise<unknown> => (await ask(path, {}, method, by)).json;
const error = (type: string, code: number) => ({ error: { message: expect.any(String) as unknown, type, code } });

describe('config', () => {
  test('says where objects are and what can be called', async () => {
    const { status, json } = await ask('/v1/config?warehouse=team-a');
    expect(status).toBe(200);
    expect(json).toMatchObject({ defaults: { 's3.endpoint': 'https://varve.example/objects', 's3.path-style-access': 'true', 's3.region': 'auto' }, overrides: {} });
    expect((json as { endpoints: string[] }).endpoints).toContain('GET /v1/{prefix}/namespaces/{namespace}/tables/{table}');
  });

  test('every endpoint that it names is served', async () => {
    const { endpoints } = (await ask('/v1/config')).json as { endpoints: string[] };
    for (const endpoint of endpoints) {
      const [method, path] = endpoint.split(' ') as [string, string];
      const { status } = await ask(path.replace('{prefix}', 'team-a').replace('{namespace}', 'metrics').replace('{table}', 'samples'), {}, method);
      expect([200, 204], endpoint).toContain(status);
    }
  });

  test('the warehouse is the tenant: the key’s, or any for a key of all', async () => {
    expect(await errorOf('/v1/config?warehouse=default')).toEqual(error('ForbiddenException', 403));
    expect(await errorOf('/v1/config?warehouse=a/b')).toEqual(error('BadRequestException', 400));
    expect((await ask('/v1/config?warehouse=team-a', {}, 'GET', ADMIN_KEY)).json).toMatchObject({ overrides: { prefix: 'team-a' } });
    for (const warehouse of ['', '?warehouse=', '?warehouse=default']) expect((await ask(`/v1/config${warehouse}`, {}, 'GET', ADMIN_KEY)).json).toMatchObject({ overrides: {} });
    expect((await ask('/v1/config?warehouse=team-a', { 'x-scope-orgid': 'default' }, 'GET', ADMIN_KEY)).status).toBe(400);
  });

  test('another endpoint is given as it is configured, and no credentials for it', async () => {
    const endpoint = 'https://0123456789abcdef.r2.cloudflarestorage.com';
    const other = await s3System({ VARVE_ADMIN_KEY: ADMIN_KEY, VARVE_ARCHIVE_S3_ENDPOINT: endpoint });
    other.shards.tables.set('default/catalog', new Map([['samples', { metadataLocation: `${LOCATION}/metadata/1.metadata.json`, metadata: metadata(1) }]]));
    const get = async (path: string) => (await other.app.request(`${URI}${path}`, { headers: { authorization: `Bearer ${ADMIN_KEY}`, 'x-iceberg-access-delegation': 'vended-credentials' } })).json();
    expect(await get('/v1/config')).toMatchObject({ defaults: { 's3.endpoint': endpoint } });
    expect(await get('/v1/namespaces/metrics/tables/samples')).toMatchObject({ config: {} });
    expect(await get('/v1/namespaces/metrics/tables/samples/credentials')).toEqual({ 'storage-credentials': [] });
  });
});

describe.each(['/v1', '/v1/team-a'])('%s', (base) => {
  test('namespaces', async () => {
    expect((await ask(`${base}/namespaces`)).json).toEqual({ namespaces: [['metrics']] });
    expect((await ask(`${base}/namespaces?parent=&pageToken=&pageSize=1`)).json).toEqual({ namespaces: [['metrics']] });
    expect((await ask(`${base}/namespaces?parent=metrics`)).json).toEqual({ namespaces: [] });
    expect(await errorOf(`${base}/namespaces?parent=other`)).toEqual(error('NoSuchNamespaceException', 404));
    expect((await ask(`${base}/namespaces/metrics`)).json).toMatchObject({ namespace: ['metrics'] });
    expect((await ask(`${base}/namespaces/metrics`, {}, 'HEAD'))).toMatchObject({ status: 204, text: '' });
    for (const other of ['other', 'metrics%1Fx', 'METRICS', '%00']) {
      expect(await errorOf(`${base}/namespaces/${other}`)).toEqual(error('NoSuchNamespaceException', 404));
      expect(await errorOf(`${base}/namespaces/${other}/tables`)).toEqual(error('NoSuchNamespaceException', 404));
      expect((await ask(`${base}/namespaces/${other}`, {}, 'HEAD')).status).toBe(404);
    }
  });

  test('tables and views', async () => {
    expect((await ask(`${base}/namespaces/metrics/tables`)).json).toEqual({ identifiers: ['samples', 'rollup_1h'].map((name) => ({ namespace: ['metrics'], name })) });
    expect((await ask(`${base}/namespaces/metrics/views`)).json).toEqual({ identifiers: [] });
    expect(await errorOf(`${base}/namespaces/metrics/views/x`)).toEqual(error('NoSuchViewException', 404));
    const table = `${base}/namespaces/metrics/tables/samples`;
    expect((await ask(table, {}, 'HEAD'))).toMatchObject({ status: 204, text: '' });
    expect((await ask(`${table}x`, {}, 'HEAD')).status).toBe(404);
    for (const name of ['other', 'SAMPLES', '__proto__', 'constructor', '..%2Fsamples']) expect(await errorOf(`${base}/namespaces/metrics/tables/${name}`), name).toEqual(error('NoSuchTableException', 404));
    // Clients that look for a table's metadata tables need this one, and not that the namespace is unknown.
    for (const namespace of ['other', 'metrics%1Fsamples']) expect(await errorOf(`${base}/namespaces/${namespace}/tables/snapshots`)).toEqual(error('NoSuchTableException', 404));
  });

  test('a table with all its snapshots, or those that are referred to', async () => {
    const table = `${base}/namespaces/metrics/tables/samples`;
    const { json, headers } = await ask(table);
    expect(headers.get('content-type')).toBe('application/json');
    expect(json).toEqual({ 'metadata-location': 's3://varve-archive/team-a/archive/samples/metadata/00003-x.metadata.json', metadata: JSON.parse(metadata(3)), config: {} });
    expect((await ask(`${table}?snapshots=all`)).json).toEqual(json);
    const { json: refs } = await ask(`${table}?snapshots=refs`);
    expect((refs as { metadata: { snapshots: { 'snapshot-id': number }[] } }).metadata.snapshots.map((snapshot) => snapshot['snapshot-id'])).toEqual([3e15]);
    expect(await errorOf(`${table}?snapshots=some`)).toEqual(error('BadRequestException', 400));
  });

  test('a table that has not changed is not sent again', async () => {
    const table = `${base}/namespaces/metrics/tables/samples`;
    const etag = (await ask(table)).headers.get('etag')!;
    expect(await ask(table, { 'if-none-match': etag })).toMatchObject({ status: 304, text: '' });
    expect((await ask(table, { 'if-none-match': `"x", ${etag.replace('W/', '')}` })).status).toBe(304);
    expect((await ask(`${table}?snapshots=refs`, { 'if-none-match': etag })).status).toBe(200);
    publish('team-a', 4);
    const newer = await ask(table, { 'if-none-match': etag });
    publish('team-a', 3);
    expect([newer.status, newer.headers.get('etag') === etag]).toEqual([200, false]);
  });

  test('credentials for those who ask: the S3 form of their own key', async () => {
    const { accessKeyId, secretAccessKey } = s3KeyOf(key);
    const properties = { 's3.endpoint': 'https://varve.example/objects', 's3.access-key-id': accessKeyId, 's3.secret-access-key': secretAccessKey };
    const { json, headers } = await ask(`${base}/namespaces/metrics/tables/samples`, { 'x-iceberg-access-delegation': 'remote-signing, vended-credentials' });
    // What holds a secret stays in no cache.
    expect(headers.get('cache-control')).toBe('no-store');
    expect((await ask(`${base}/namespaces/metrics/tables/samples`)).headers.get('cache-control')).toBe('private, no-cache');
    expect(json).toMatchObject({ config: properties, 'storage-credentials': [{ prefix: LOCATION, config: properties }] });
    const alone = await ask(`${base}/namespaces/metrics/tables/samples/credentials`);
    expect(alone.headers.get('cache-control')).toBe('no-store');
    expect(alone.json).toMatchObject({ 'storage-credentials': [{ prefix: LOCATION, config: properties }] });
  });

  test('a report of a scan is taken and thrown away', async () => {
    const report = (table: string, body: string) => system.app.request(`${URI}${base}/namespaces/metrics/tables/${table}/metrics`, { method: 'POST', body, headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' } });
    expect((await report('samples', '{"report-type":"scan-report"}')).status).toBe(204);
    expect((await report('samples', 'x'.repeat(200_000))).status).toBe(204);
    expect((await report('other', '{}')).status).toBe(404);
  });

  test('nothing can be changed', async () => {
    const writes: [string, string][] = [
      ['POST', '/namespaces'], ['DELETE', '/namespaces/metrics'], ['POST', '/namespaces/metrics/properties'], ['POST', '/namespaces/metrics/tables'], ['POST', '/namespaces/metrics/register'], ['POST', '/namespaces/metrics/tables/samples'],
      ['DELETE', '/namespaces/metrics/tables/samples?purgeRequested=true'], ['POST', '/tables/rename'], ['POST', '/transactions/commit'], ['POST', '/namespaces/metrics/views'], ['POST', '/namespaces/metrics/tables/samples/plan'],
    ];
    for (const [method, path] of writes) {
      for (const by of [key, ADMIN_KEY]) expect(await errorOf(`${base}${path}`, method, by), path).toEqual({ error: { type: 'UnsupportedOperationException', code: 406, message: expect.stringContaining('read-only') as unknown } });
    }
    expect((await ask(`${base}/namespaces/metrics/tables/samples`)).status).toBe(200);
  });
});

describe('who may', () => {
  test('a key of one tenant sees no other’s, in whatever spelling', async () => {
    for (const prefix of ['default', 'team-ab', 'team-A', 'team%2Da%2F..%2Fdefault', 'namespaces']) {
      const { status, text } = await ask(`/v1/${prefix}/namespaces/metrics/tables/samples`);
      expect([400, 403, 404], prefix).toContain(status);
      expect(text).not.toContain('metadata-location');
    }
    expect((await ask('/v1/default/namespaces/metrics/tables/samples', {}, 'GET', ADMIN_KEY)).json).toMatchObject({ 'metadata-location': expect.stringContaining('/default/archive/') as unknown });
    expect((await ask('/v1/namespaces/metrics/tables/samples', { 'x-scope-orgid': 'team-a' }, 'GET', ADMIN_KEY)).json).toMatchObject({ 'metadata-location': expect.stringContaining('/team-a/archive/') as unknown });
  });

  test('keys that write, or see only some series, may not; nobody neither', async () => {
    for (const fields of [{ scopes: ['write'], tenant: 'team-a' }, { scopes: ['read'], tenant: 'team-a', match: '{team="a"}' }]) {
      const other = await system.makeKey(fields);
      for (const path of ['/v1/config', '/v1/namespaces', '/v1/team-a/namespaces/metrics/tables/samples']) expect(await errorOf(path, 'GET', other)).toEqual(error('ForbiddenException', 403));
    }
    const answer = await system.app.request(`${URI}/v1/config`);
    expect([answer.status, answer.headers.has('www-authenticate'), await answer.json()]).toEqual([401, true, error('NotAuthorizedException', 401)]);
    expect(await errorOf('/v1/config', 'GET', 'x')).toEqual(error('NotAuthorizedException', 401));
    expect(await errorOf('/v1/nothing')).toEqual(error('NotFoundException', 404));
  });

  test('an open server gives credentials that anything stands for', async () => {
    const open = await s3System({ VARVE_OPEN: 'loopback' });
    open.shards.tables.set('default/catalog', new Map([['samples', { metadataLocation: `${LOCATION}/metadata/1.metadata.json`, metadata: metadata(1) }]]));
    for (const authorization of [undefined, 'Bearer x', 'nonsense']) {
      const headers = { 'x-iceberg-access-delegation': 'vended-credentials', ...(authorization === undefined ? {} : { authorization }) };
      const answer = await open.app.request('http://127.0.0.1:8787/iceberg/v1/namespaces/metrics/tables/samples', { headers });
      expect([answer.status, await answer.json()]).toEqual([200, expect.objectContaining({ config: expect.objectContaining({ 's3.endpoint': 'http://127.0.0.1:8787/objects', 's3.access-key-id': expect.any(String) as unknown }) as unknown })]);
    }
  });
});

describe('access tokens', () => {
  const token = async (fields: Record<string, string>, headers: Record<string, string> = {}): Promise<[number, unknown]> => {
    const answer = await system.app.request(`${URI}/v1/oauth/tokens`, { method: 'POST', body: new URLSearchParams(fields), headers });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    return [answer.status, await answer.json()];
  };
  const granted = () => [200, { access_token: key, token_type: 'bearer', issued_token_type: 'urn:ietf:params:oauth:token-type:access_token' }];
  const exchange = 'urn:ietf:params:oauth:grant-type:token-exchange';

  test('are keys, given back', async () => {
    expect(await token({ grant_type: 'client_credentials', client_id: 'anybody', client_secret: key, scope: 'catalog' })).toEqual(granted());
    expect(await token({ grant_type: 'client_credentials', scope: 'catalog' }, { authorization: `Basic ${btoa(`x:${key}`)}` })).toEqual(granted());
    expect(await token({ grant_type: exchange, subject_token: key, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token' }, { authorization: `Bearer ${key}` })).toEqual(granted());
  });

  test('are not given for anything else', async () => {
    const refused = (error: string, status: number) => [status, { error, error_description: expect.any(String) as unknown }];
    for (const secret of ['x', `${key.slice(0, -1)}0`, 'a b', 'x\r\ny: z', '', 'a,b', '\u00ff']) expect(await token({ grant_type: 'client_credentials', client_secret: secret }), secret).toEqual(refused('invalid_client', 401));
    expect(await token({ grant_type: 'client_credentials' })).toEqual(refused('invalid_request', 400));
    expect(await token({ grant_type: 'password', client_secret: key })).toEqual(refused('unsupported_grant_type', 400));
    expect(await token({ grant_type: 'client_credentials', client_secret: key, scope: 'x'.repeat(100_000) })).toEqual(refused('invalid_request', 400));
  });
});
