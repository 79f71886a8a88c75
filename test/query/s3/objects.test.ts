import { beforeAll, describe, expect, test, vi } from 'vitest';
import { UPLOADED_MS } from '../../fakes/memory-object-reader.ts';
import { ADMIN_KEY, BASE, s3System, type S3System } from './system.ts';

let system: S3System;
let key: string;

beforeAll(async () => {
  system = await s3System();
  key = await system.makeKey({ scopes: ['read'], tenant: 'team-a' });
});

const BUCKET = `${BASE}/varve-archive`;
const OBJECT = `${BUCKET}/team-a/archive/samples/data/timestamp_day=2024-01-01/0.parquet`;

function get(url: string, headers: Record<string, string> = {}, by = key, method = 'GET'): Promise<Response> {
  return Promise.resolve(system.app.request(url, { method, headers: { authorization: `Bearer ${by}`, ...headers } }));
}

async function textOf(answer: Response): Promise<string> {
  return answer.text();
}

const all = (text: string, name: string): string[] => [...text.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map(([, value]) => value!);

describe('an object', () => {
  test('comes whole, with what a reader may want to know of it', async () => {
    const answer = await get(OBJECT);
    const body = new Uint8Array(await answer.arrayBuffer());
    expect([answer.status, body.length, body[3]]).toEqual([200, 100, 21]);
    const { headers } = answer;
    expect([headers.get('content-length'), headers.get('accept-ranges'), headers.get('content-range')]).toEqual(['100', 'bytes', null]);
    expect(headers.get('etag')).toMatch(/^"[0-9a-f]{32}"$/);
    expect(headers.get('last-modified')).toBe('Sun, 14 Jan 2024 11:30:15 GMT');
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f]{32}$/);
  });

  test('comes in part', async () => {
    for (const [range, from, to] of [['bytes=10-19', 10, 19], ['bytes=95-', 95, 99], ['bytes=-8', 92, 99], ['bytes=90-100000', 90, 99]] as const) {
      const answer = await get(OBJECT, { range });
      const body = [...new Uint8Array(await answer.arrayBuffer())];
      expect([answer.status, answer.headers.get('content-range'), answer.headers.get('content-length')]).toEqual([206, `bytes ${from}-${to}/100`, String(to - from + 1)]);
      expect(body).toEqual(Array.from({ length: to - from + 1 }, (_, i) => ((from + i) * 7) & 255));
    }
    const behind = await get(OBJECT, { range: 'bytes=100-' });
    expect([behind.status, behind.headers.get('content-range'), all(await textOf(behind), 'Code')]).toEqual([416, 'bytes */100', ['InvalidRange']]);
  });

  test('comes whole where the part that a client has is of another object', async () => {
    const etag = (await get(OBJECT)).headers.get('etag')!;
    const uploaded = new Date(UPLOADED_MS).toUTCString();
    for (const [ifRange, status] of [[etag, 206], [uploaded, 206], ['"x"', 200], [`W/${etag}`, 200], [new Date(UPLOADED_MS - 2000).toUTCString(), 200], ['', 200]] as const) {
      expect((await get(OBJECT, { range: 'bytes=0-4', 'if-range': ifRange })).status, ifRange).toBe(status);
    }
  });

  test('costs one read of its bytes, and one look the first time', async () => {
    const system = await s3System();
    const ask = (range: string) => system.app.request(OBJECT, { headers: { authorization: `Bearer ${ADMIN_KEY}`, range } });
    const before = { ...system.store.counts };
    for (let i = 0; i < 9; i++) await (await ask(`bytes=${i}-${i}`)).arrayBuffer();
    expect([system.store.counts.head - before.head, system.store.counts.get - before.get, system.store.bytesRead]).toEqual([1, 9, 9]);
    const metrics = await (await system.app.request('/metrics', { headers: { authorization: `Bearer ${ADMIN_KEY}` } })).text();
    expect(metrics).toContain('\nvarve_object_bytes_total 9\n');
    await (await ask('bytes=100-')).text();
    expect(system.store.counts.get - before.get).toBe(9);
  });

  test('that is gone is gone, also where it was known', async () => {
    const system = await s3System();
    const ask = (method: string) => system.app.request(OBJECT, { method, headers: { authorization: `Bearer ${ADMIN_KEY}` } });
    expect((await ask('GET')).status).toBe(200);
    await system.store.delete([OBJECT.slice(BUCKET.length + 1)]);
    expect([(await ask('GET')).status, (await ask('HEAD')).status, (await ask('GET')).status]).toEqual([404, 404, 404]);
  });

  test('is not compressed on the way', async () => {
    const big = `${BUCKET}/team-a/archive/samples/data/big`;
    await system.store.create('team-a/archive/samples/data/big', new Uint8Array(100_000));
    const answer = await get(big, { 'accept-encoding': 'gzip' });
    expect([answer.headers.get('content-encoding'), answer.headers.get('content-length'), (await answer.arrayBuffer()).byteLength]).toEqual([null, '100000', 100_000]);
    await system.store.delete(['team-a/archive/samples/data/big']);
  });

  test('HEAD says the same without the body', async () => {
    const answer = await get(OBJECT, {}, key, 'HEAD');
    expect([answer.status, answer.headers.get('content-length'), await textOf(answer)]).toEqual([200, '100', '']);
    const part = await get(OBJECT, { range: 'bytes=-8' }, key, 'HEAD');
    expect([part.status, part.headers.get('content-range'), part.headers.get('content-length')]).toEqual([206, 'bytes 92-99/100', '8']);
    expect((await get(`${OBJECT}x`, {}, key, 'HEAD')).status).toBe(404);
  });

  test('conditions', async () => {
    const etag = (await get(OBJECT)).headers.get('etag')!;
    const uploaded = new Date(UPLOADED_MS).toUTCString();
    const earlier = new Date(UPLOADED_MS - 2000).toUTCString();
    const cases: [Record<string, string>, number][] = [
      [{ 'if-none-match': etag }, 304], [{ 'if-none-match': '*' }, 304], [{ 'if-none-match': '"x"' }, 200], [{ 'if-none-match': `"x", W/${etag}` }, 304],
      [{ 'if-match': etag }, 200], [{ 'if-match': etag.slice(1, -1) }, 200], [{ 'if-match': '"x"' }, 412],
      [{ 'if-modified-since': uploaded }, 304], [{ 'if-modified-since': earlier }, 200], [{ 'if-modified-since': 'yesterday' }, 200],
      [{ 'if-unmodified-since': uploaded }, 200], [{ 'if-unmodified-since': earlier }, 412],
      [{ 'if-none-match': '"x"', 'if-modified-since': uploaded }, 200], [{ 'if-match': etag, 'if-unmodified-since': earlier }, 200],
    ];
    for (const [headers, status] of cases) expect((await get(OBJECT, headers)).status, JSON.stringify(headers)).toBe(status);
  });
});

test('HEAD of the bucket says where it is, and lists nothing', async () => {
  for (const url of [BUCKET, `${BUCKET}/`]) {
    const before = { ...system.store.counts };
    const answer = await get(url, {}, key, 'HEAD');
    expect([answer.status, answer.headers.get('x-amz-bucket-region'), await textOf(answer), system.store.counts]).toEqual([200, 'auto', '', before]);
  }
});

describe('a list', () => {
  const list = async (query: string, by = key): Promise<string> => textOf(await get(`${BUCKET}?list-type=2&${query}`, {}, by));

  test('shows the tenant’s archive and nothing else, whatever prefix is asked for', async () => {
    for (const prefix of ['', 'team', 'team-a', 'team-a/', 'team-a/archive/samples/data/']) {
      const keys = all(await list(`prefix=${prefix}`), 'Key');
      expect(keys.length).toBe(prefix.endsWith('data/') ? 12 : 13);
      expect(keys.every((found) => found.startsWith('team-a/archive/'))).toBe(true);
    }
    for (const prefix of ['default/', 'team-ab/', 'team-ab/archive/', 'team-a/archive/../../default/', 'team-a/other/', 'z', '/team-a/']) {
      expect(all(await list(`prefix=${encodeURIComponent(prefix)}`), 'Key'), prefix).toEqual([]);
      expect(all(await list(`delimiter=/&prefix=${encodeURIComponent(prefix)}`), 'Prefix').slice(1), prefix).toEqual([]);
    }
  });

  test('with a delimiter walks down to it', async () => {
    const folders = async (prefix: string, by = key): Promise<string[]> => all(await list(`delimiter=/&prefix=${prefix}`, by), 'Prefix').slice(1);
    expect(await folders('')).toEqual(['team-a/']);
    expect(await folders('team-a/')).toEqual(['team-a/archive/']);
    expect(await folders('team-a/archive/')).toEqual(['team-a/archive/samples/']);
    expect(await folders('team-a/archive/samples/data/')).toEqual(['01', '02', '03'].map((day) => `team-a/archive/samples/data/timestamp_day=2024-01-${day}/`));
    expect(await folders('', ADMIN_KEY)).toEqual(['default/', 'team-a/', 'team-ab/']);
  });

  test('comes in pages, with and without a delimiter', async () => {
    for (const [query, whole] of [['', 13], ['delimiter=/&prefix=team-a/archive/samples/data/', 3], ['delimiter=.', 13]] as const) {
      for (const keysMax of [1, 2, 5, 13]) {
        const found: string[] = [];
        let token: string | undefined;
        let pages = 0;
        do {
          const text: string = await list(`${query}&max-keys=${keysMax}${token === undefined ? '' : `&continuation-token=${encodeURIComponent(token)}`}`);
          const names = [...all(text, 'Key'), ...all(text.slice(text.indexOf('<CommonPrefixes>') >>> 0), 'Prefix')];
          expect([all(text, 'KeyCount'), all(text, 'MaxKeys')]).toEqual([[String(names.length)], [String(keysMax)]]);
          found.push(...names);
          token = all(text, 'NextContinuationToken')[0];
          expect(all(text, 'IsTruncated')).toEqual([String(token !== undefined)]);
          expect(++pages).toBeLessThan(30);
        } while (token !== undefined);
        expect([...new Set(found)].length, `${query} ${keysMax}`).toBe(found.length);
        expect(found.length, `${query} ${keysMax}`).toBe(whole);
      }
    }
  });

  test('starts behind a key, and has room for none', async () => {
    const text = await list('start-after=team-a/archive/samples/data/timestamp_day=2024-01-03/');
    expect(all(text, 'Key').length).toBe(5);
    expect(all(text, 'StartAfter')).toEqual(['team-a/archive/samples/data/timestamp_day=2024-01-03/']);
    expect([all(await list('max-keys=0'), 'KeyCount'), all(await list('max-keys=99999999'), 'MaxKeys')]).toEqual([['0'], ['1000']]);
    expect(all(await list('start-after=zzz&delimiter=/'), 'KeyCount')).toEqual(['0']);
  });

  test('of the mount, for clients that take it for the bucket: keys begin with the bucket’s name', async () => {
    const listMount = async (query: string): Promise<string> => textOf(await get(`${BASE}?list-type=2&${query}`));
    const keys = all(await listMount('prefix=varve-archive/team-a/archive/samples/metadata/'), 'Key');
    expect(keys).toEqual(['varve-archive/team-a/archive/samples/metadata/00001-x.metadata.json']);
    expect(all(await listMount('delimiter=/'), 'Prefix').slice(1)).toEqual(['varve-archive/']);
    expect(all(await listMount('prefix=default/'), 'Key')).toEqual([]);
    const first = await listMount('max-keys=5');
    const next = await listMount(`max-keys=100&continuation-token=${encodeURIComponent(all(first, 'NextContinuationToken')[0]!)}`);
    expect(new Set([...all(first, 'Key'), ...all(next, 'Key')]).size).toBe(13);
    expect([all(await listMount('start-after=a'), 'Key').length, all(await listMount('start-after=w'), 'Key').length]).toEqual([13, 0]);
  });

  test('has the form of S3, and escapes what XML must not have', async () => {
    const odd = 'team-a/archive/odd/<&">\u0001 +%é';
    await system.store.create(odd, new Uint8Array(1));
    const plain = await list('prefix=team-a/archive/odd/');
    expect(plain).toMatch(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n<ListBucketResult xmlns="http:\/\/s3\.amazonaws\.com\/doc\/2006-03-01\/"><Name>varve-archive<\/Name>/);
    expect(plain).toContain('<Key>team-a/archive/odd/&lt;&amp;&quot;&gt;\ufffd +%é</Key><LastModified>2024-01-14T11:30:15.250Z</LastModified><ETag>&quot;');
    const encoded = await list('prefix=team-a/archive/odd/&encoding-type=url');
    expect(all(encoded, 'Key').map(decodeURIComponent)).toEqual([odd]);
    expect((await get(`${BUCKET}/${odd.split('/').map(encodeURIComponent).join('/')}`)).status).toBe(200);
    await system.store.delete([odd]);
  });

  test('bad parameters are said', async () => {
    for (const query of ['max-keys=-1', 'max-keys=x', 'encoding-type=base64', 'continuation-token=%E2%82%AC', 'continuation-token=JUUy', `prefix=${'x'.repeat(1025)}`, `start-after=${'é'.repeat(513)}`]) expect(all(await list(query), 'Code'), query).toEqual(['InvalidArgument']);
  });
});

describe('everything else', () => {
  test('buckets, their place, and that they are there', async () => {
    expect(all(await textOf(await get(BASE)), 'Name')).toEqual(['varve-archive']);
    expect(await textOf(await get(`${BUCKET}?location`))).toContain('<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">auto</LocationConstraint>');
    expect((await get(`${BUCKET}/`, {}, key, 'HEAD')).status).toBe(200);
    const other = await get(`${BASE}/other/x`);
    expect([other.status, all(await textOf(other), 'Code')]).toEqual([404, ['NoSuchBucket']]);
  });

  test('other tenants’ objects are not there, in whatever spelling', async () => {
    const rest = 'archive/samples/metadata/00001-x.metadata.json';
    const paths = [
      `default/${rest}`, `team-ab/${rest}`, `team-a/archive/../../default/${rest}`, `team-a/archive/%2e%2e/%2e%2e/default/${rest}`, `team-a/archive/..%2f..%2fdefault/${rest}`, `team-a%2Farchive%2F..%2F..%2Fdefault/${rest}`,
      `team-a/archive//../../default/${rest}`, `./default/${rest}`, `%2e/default/${rest}`, `/default/${rest}`, `team-a/..%5c..%5cdefault/${rest}`, `team-a%00/${rest}`, `TEAM-A/${rest}`, `team-a/archive/%252e%252e/default/${rest}`, `team-a/archive`, `team-a/`, `team-a`,
    ];
    for (const path of paths) {
      const { status } = await get(`${BUCKET}/${path}`);
      expect(status, path).toBe(404);
    }
    expect((await get(`${BUCKET}/team-a/${rest}`)).status).toBe(200);
    expect((await get(`${BUCKET}/team-a/${rest}`, { 'x-scope-orgid': 'default' })).status).toBe(403);
    for (const tenant of ['default', 'team-ab']) {
      expect((await get(`${BUCKET}/${tenant}/${rest}`, {}, ADMIN_KEY)).status).toBe(200);
      expect((await get(`${BUCKET}/${tenant}/${rest}`, { 'x-scope-orgid': tenant }, ADMIN_KEY)).status).toBe(200);
      expect((await get(`${BUCKET}/${tenant}/${rest}`, { 'x-scope-orgid': 'team-a' }, ADMIN_KEY)).status).toBe(404);
      // The user name of Basic authentication names a tenant as the header does.
      const as = (user: string) => ({ authorization: `Basic ${btoa(`${user}:${ADMIN_KEY}`)}` });
      expect((await get(`${BUCKET}/${tenant}/${rest}`, as(tenant))).status).toBe(200);
      expect((await get(`${BUCKET}/${tenant}/${rest}`, as('team-a'))).status).toBe(404);
      const listed = all(await textOf(await get(`${BUCKET}?list-type=2`, as(tenant))), 'Key');
      expect(listed.length).toBeGreaterThan(0);
      expect(listed.every((key) => key.startsWith(`${tenant}/archive/`))).toBe(true);
    }
  });

  test('paths that cannot be read, and keys that are too long', async () => {
    for (const [path, status, code] of [['%ff', 400, 'InvalidURI'], ['%e2%82', 400, 'InvalidURI'], [`team-a/archive/${'é'.repeat(600)}`, 400, 'KeyTooLongError']] as const) {
      const answer = await get(`${BUCKET}/${path}`);
      expect([answer.status, all(await textOf(answer), 'Code')], path).toEqual([status, [code]]);
    }
  });

  test('nothing can be written, and other operations are not there', async () => {
    for (const method of ['PUT', 'POST', 'DELETE']) {
      const answer = await get(OBJECT, {}, ADMIN_KEY, method);
      expect([answer.status, answer.headers.get('allow'), all(await textOf(answer), 'Code')]).toEqual([405, 'GET, HEAD', ['MethodNotAllowed']]);
    }
    for (const query of ['acl', 'tagging', 'uploads', 'uploadId=1', 'versionId=null', 'partNumber=1', 'policy']) {
      const answer = await get(`${OBJECT}?${query}`);
      expect([answer.status, all(await textOf(answer), 'Code')]).toEqual([501, ['NotImplemented']]);
    }
    expect((await get(`${OBJECT}?x-id=GetObject`)).status).toBe(200);
    expect((await get(OBJECT)).status).toBe(200);
  });

  test('a place below the bucket is a part of every key', async () => {
    const system = await s3System({ VARVE_ADMIN_KEY: ADMIN_KEY, VARVE_ARCHIVE_URI: 's3://mine/below/it' });
    const key = await system.makeKey({ scopes: ['read'], tenant: 'team-a' });
    const ask = async (path: string): Promise<[number, string]> => {
      const answer = await system.app.request(`${BASE}${path}`, { headers: { authorization: `Bearer ${key}` } });
      return [answer.status, await answer.text()];
    };
    const object = 'team-a/archive/samples/metadata/00001-x.metadata.json';
    expect([await ask(`/mine/below/it/${object}`), (await ask(`/mine/${object}`))[0], (await ask(`/mine/below/it/${object.replace('team-a', 'default')}`))[0]]).toEqual([[200, '{}'], 404, 404]);
    expect(all((await ask('/mine?list-type=2&delimiter=/'))[1], 'Prefix').slice(1)).toEqual(['below/']);
    expect(all((await ask('/mine?list-type=2&prefix=below/it/team-a/archive/samples/metadata/'))[1], 'Key')).toEqual([`below/it/${object}`]);
    expect(all((await ask('?list-type=2&prefix=mine/below/it/'))[1], 'Key')).toHaveLength(13);
  });

  test('a store that is away is worth trying again, and says nothing of itself', async () => {
    const system = await s3System();
    vi.spyOn(console, 'error').mockImplementation(() => {});
    system.store.head = () => Promise.reject(new Error('secret of the platform'));
    const answer = await system.app.request(OBJECT, { headers: { authorization: `Bearer ${ADMIN_KEY}` } });
    const text = await answer.text();
    expect([answer.status, all(text, 'Code'), text.includes('secret')]).toEqual([503, ['ServiceUnavailable'], false]);
  });
});
