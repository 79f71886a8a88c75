import { beforeAll, describe, expect, test } from 'vitest';
import { encodeWriteRequest, type WriteRequestSeries } from '../../../proto/encode-write-request.ts';
import { snappyEncode, snappyJsDecoder } from '../../../proto/snappy.ts';
import { routeRule } from '../../../query/access/route-scopes.ts';
import { labelsFrom } from '../../../storage/model/labels.ts';
import { ShardRouter } from '../../../storage/shard-router.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { nodeApp, type NodeApp } from '../../fakes/node-app.ts';
import { bytesField, varintField } from '../../proto/protobuf-fields.ts';
import { RandomQuery } from '../../promql/random-query.ts';

/*
 * One tenant, and one team within a tenant, against everything that the others have: every route that reads, with whatever might make it
 * tell too much. What a restricted reader gets is compared byte by byte with what a tenant gets that has nothing but those series.
 *
 * Tenants: `a` has the series of team x and those of team y; `b` has what nobody else may see; `c` has the series of team x and no others.
 * Whatever x must not see has MARK in its name, labels or help.
 */
const NOON = Date.UTC(2024, 0, 14, 12);
const ADMIN_KEY = 'an-operator-chose-this-at-random-0123456789';
const MARK = 'zzsecret';

type Who = 'operator' | 'a' | 'b' | 'c' | 'x' | 'everywhereX';

let system: NodeApp;
const keys = { operator: ADMIN_KEY } as Record<Who, string>;

function series(labels: Record<string, string>, value: number): WriteRequestSeries {
  const timestampsMs = Array.from({ length: 20 }, (_, i) => NOON - 300_000 + i * 15_000);
  return { labels: labelsFrom(labels), timestampsMs, values: timestampsMs.map((_, i) => value + i * value) };
}

const OF_X = [
  series({ __name__: 'a_total', team: 'x', x: '1', y: '1' }, 1),
  series({ __name__: 'a_total', team: 'x', x: '2', y: '1' }, 3),
  series({ __name__: 'b', team: 'x', x: '1' }, -2),
  series({ __name__: 'h', team: 'x', x: '1' }, 0.5),
  series({ __name__: 'c_bucket', team: 'x', le: '1', x: '1' }, 1),
  series({ __name__: 'c_bucket', team: 'x', le: '+Inf', x: '1' }, 4),
];
const HIDDEN = [
  series({ __name__: 'a_total', team: 'y', x: '1', y: '1' }, 100),
  series({ __name__: 'a_total', team: 'y', x: '1', y: '2' }, 100),
  series({ __name__: 'a_total', x: '3', y: '1' }, 100),
  series({ __name__: 'b', team: 'xx', x: '1' }, 100),
  series({ __name__: 'h', team: `${MARK}_team`, x: '9' }, 100),
  series({ __name__: `${MARK}_metric`, team: 'y', [`${MARK}_label`]: `${MARK}_value` }, 100),
];

async function call(who: Who | undefined, path: string, init: RequestInit = {}): Promise<{ status: number; text: string }> {
  const authorization = who === undefined ? {} : { authorization: `Bearer ${keys[who]}` };
  const answer = await system.app.request(path, { ...init, headers: { ...authorization, ...init.headers } });
  if (answer.headers.get('content-encoding') !== 'snappy') return { status: answer.status, text: await answer.text() };
  return { status: answer.status, text: Buffer.from(unpacked(new Uint8Array(await answer.arrayBuffer()))).toString('latin1') };
}

const unpacked = snappyJsDecoder(1e8);

async function makeKey(fields: unknown): Promise<string> {
  const { status, text } = await call('operator', '/api/v1/admin/keys', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(fields) });
  expect(status, text).toBe(200);
  return (JSON.parse(text) as { data: { secret: string } }).data.secret;
}

async function write(who: Who, all: readonly WriteRequestSeries[]): Promise<void> {
  const headers = { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' };
  const { status, text } = await call(who, '/api/v1/write', { method: 'POST', headers, body: snappyEncode(encodeWriteRequest(all)) });
  expect([status, text]).toEqual([204, '']);
}

beforeAll(async () => {
  system = nodeApp({ VARVE_ADMIN_KEY: ADMIN_KEY, VARVE_SHARDS: '2' }, undefined, NOON);
  for (const tenant of ['a', 'b', 'c'] as const) keys[tenant] = await makeKey({ scopes: ['read', 'write', 'admin'], tenant });
  keys.x = await makeKey({ scopes: ['read'], tenant: 'a', match: '{team="x"}' });
  keys.everywhereX = await makeKey({ scopes: ['read'], all_tenants: true, match: '{team=~"x"}' });
  await write('a', [...OF_X, ...HIDDEN]);
  await write('b', HIDDEN);
  await write('c', OF_X);
  // Metadata by the same doors as the exposition's.
  const router = new ShardRouter(system.shards, 2, new FixedClock(0));
  const entry = (metric: string, help: string) => ({ metric, type: 'gauge' as const, help, unit: '' });
  const ofX = [entry('a_total', 'all of them'), entry('c', 'a histogram')];
  const hidden = [entry(`${MARK}_metric`, `${MARK} help`), entry(`${MARK}_gone`, 'has no series')];
  for (const [tenant, entries] of [['a', [...ofX, ...hidden]], ['b', hidden], ['c', ofX]] as const) {
    await (await router.tenant(tenant)).catalog((stub) => stub.noteMetadata({ version: 1, entries }));
  }
});

interface ReadRequest {
  readonly pattern: string;
  /** Method, path and parameters, as far as they are text: to tell what an answer repeats, and requests apart. */
  readonly about: string;
  readonly path: string;
  readonly init: RequestInit;
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

/** Remote read of everything, in both forms of its answer. */
function remoteReads(): RequestInit[] {
  const anything = [...varintField(1, 2), ...bytesField(2, '__name__'), ...bytesField(3, '.*')];
  const query = bytesField(1, [...varintField(1, NOON - 3_600_000), ...varintField(2, NOON), ...bytesField(3, anything)]);
  return [0, 1].map((responseType) => ({ method: 'POST', body: snappyEncode(Uint8Array.from([...query, ...varintField(2, responseType)])) as BodyInit }));
}

/** Requests of routes that only take a body of their own. A route that is added must be added here. */
const BODIES: Readonly<Record<string, () => RequestInit[]>> = { '/api/v1/read': remoteReads };

/** Every route that only needs the scope read, with every method, and with parameters that ask for as much as can be had. */
function readRequests(): ReadRequest[] {
  const everything = encodeURIComponent('{__name__=~".+"}');
  const everyLabel = encodeURIComponent('{team!=""}');
  const times = `time=${NOON / 1000}&start=${(NOON - 3_600_000) / 1000}&end=${NOON / 1000}&step=60&stats=all&live=false`;
  const parameters = [
    `query=${everything}&match[]=${everything}&match=${everything}&cursor=oldest&limit=40000&${times}`,
    `query=${everyLabel}&match[]=${everyLabel}&match[]=${encodeURIComponent('{team="y"}')}&cursor=oldest&per_sample=true&${times}`,
    `query=${encodeURIComponent(`count({__name__=~"${MARK}.*"}) or count by (team) ({team=~".*"}) or info(a_total)`)}&cursor=latest&${times}`,
    `query=${encodeURIComponent(`label_replace(${MARK}_metric, "q", "$1", "team", "(.*)") or absent(${MARK}_metric)`)}&${times}`,
    `metric=${MARK}_metric&match_target={}&scrapePool=varve&labels=${encodeURIComponent('{}')}&search[]=${MARK}&search[]=t&include_metadata=true&include_score=true&label=team&name=${MARK}_label&prefix=z&${times}`,
    times,
  ];
  const names = ['team', '__name__', `${MARK}_label`, 'x'];
  const requests = new Map<string, ReadRequest>();
  const add = (method: string, pattern: string, path: string, query: string, init: RequestInit): void => {
    const about = `${method} ${path}?${query}`;
    requests.set(about, { pattern, about, path, init: { method, ...init } });
  };
  for (const { method, path: pattern } of system.app.routes) {
    if (!READ_RULES.has(routeRule(pattern) ?? '')) continue;
    for (const name of names) {
      const path = pattern.replace(/:\w+(?:\{[^}]*\})?/g, name).replace('*', name);
      const bodies = BODIES[pattern]?.();
      if (bodies !== undefined) bodies.forEach((init, i) => add(method, pattern, path, `body=${i}`, init));
      else if (method === 'GET' || method === 'ALL' || method === 'HEAD') for (const query of parameters) add(method === 'ALL' ? 'GET' : method, pattern, `${path}?${query}`, '', {});
      else for (const query of parameters) add(method, pattern, path, query, { headers: FORM, body: query });
    }
  }
  return [...requests.values()];
}

const READ_RULES: ReadonlySet<string> = new Set(['read', 'read-whole-tenant', 'read-objects']);

/** Routes that have nothing to answer here, whoever asks, and why. */
const FRUITLESS: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/^\/api\/v1\/scrape_pools\/config$/, 'nothing scrapes'],
  [/^\/(?:iceberg|objects)(?:\/|$)/, 'nothing is archived; test/query/iceberg and test/query/s3 have archives'],
];

/** What may differ between a restricted reader's answers and those of a tenant that has nothing else, left out. */
const COMPARABLE: Readonly<Record<string, (text: string) => unknown>> = {
  // Events have their places in the logs of the tenant's shards, and which shard has a series is each tenant's own.
  '/api/v1/cdc': (text) => text.split('\n').filter((line) => line !== '' && !line.startsWith('id: ')).sort(),
  // Times and segments are of whatever a shard holds: a restricted reader is not told them.
  '/api/v1/status/tsdb': (text) => text.replace(/"(?:chunkCount|minTime|maxTime)":-?\d+/g, '""'),
};

/** What a request repeats of itself is no secret: only what is there beside it. */
function leaks(text: string, request: string): boolean {
  const asked = [request, decodeURIComponent(request)].flatMap((url) => url.match(new RegExp(`${MARK}\\w*`, 'g')) ?? []);
  const told = text.match(new RegExp(`${MARK}\\w*`, 'g')) ?? [];
  // Errors quote the query; data would have the value of the hidden series too.
  return told.some((word) => !asked.includes(word)) || /"(?:100|200|2000)"/.test(text) || text.includes('"team":"y"') || text.includes('"team":"xx"');
}

describe('every route that reads', () => {
  test('there are many, and their owner finds the hidden series in most', async () => {
    const requests = readRequests();
    expect(requests.length).toBeGreaterThan(200);
    const telling = new Set<string>();
    for (const { pattern, about, path, init } of requests) {
      const { text } = await call('a', path, init);
      if (leaks(text, about)) telling.add(`${init.method} ${pattern}`);
    }
    for (const path of ['query', 'query_range', 'series', 'labels']) for (const method of ['GET', 'POST']) expect(telling).toContain(`${method} /api/v1/${path}`);
    for (const path of ['GET /api/v1/label/:name/values', 'GET /api/v1/metadata', 'GET /api/v1/cdc', 'POST /api/v1/read', 'GET /federate']) expect(telling).toContain(path);
  });

  test('is asked here for something that its owner gets: a new route needs parameters above, or a reason why not', async () => {
    const answered = new Map<string, boolean>();
    for (const { pattern, path, init } of readRequests()) {
      const key = `${init.method} ${pattern}`;
      if (answered.get(key) === true) continue;
      const { status } = await call('a', path, init);
      answered.set(key, status === 200 || status === 204);
    }
    const unanswered = [...answered].filter(([, isAnswered]) => !isAnswered).map(([key]) => key.split(' ')[1]!);
    expect(unanswered.filter((pattern) => !FRUITLESS.some(([fruitless]) => fruitless.test(pattern)))).toEqual([]);
  });

  test('tells another tenant nothing', async () => {
    for (const { about, path, init } of readRequests()) {
      const { status, text } = await call('c', path, init);
      expect([status < 500, leaks(text, about)], `${about}: ${status} ${text}`).toEqual([true, false]);
    }
  });

  test('tells a restricted reader nothing of others, in one tenant and in all', async () => {
    for (const { about, path, init } of readRequests()) {
      for (const [who, headers] of [['x', {}], ['everywhereX', { 'x-scope-orgid': 'a' }], ['everywhereX', { 'x-scope-orgid': 'b' }]] as const) {
        const { status, text } = await call(who, path, { ...init, headers: { ...init.headers, ...headers } });
        expect([status < 500, leaks(text, about)], `${who} ${about}: ${status} ${text}`).toEqual([true, false]);
      }
    }
  });

  test('answers a restricted reader byte for byte as a tenant that has nothing else, or refuses him', async () => {
    let compared = 0;
    for (const { pattern, about, path, init } of readRequests()) {
      const restricted = await call('x', path, init);
      if (restricted.status === 403) {
        expect(restricted.text).toContain('restricted by label matchers');
        continue;
      }
      const comparable = COMPARABLE[pattern] ?? ((text: string): unknown => text);
      const whole = await call('c', path, init);
      expect([restricted.status, comparable(restricted.text)], about).toEqual([whole.status, comparable(whole.text)]);
      compared++;
    }
    expect(compared).toBeGreaterThan(200);
  });

  test('cannot be talked into another tenant', async () => {
    const objects = system.shards.shardNames;
    const basic = (user: string): string => `Basic ${btoa(`${user}:${keys.c}`)}`;
    const tricks: Record<string, string>[] = [
      { 'x-scope-orgid': 'b' },
      { 'x-scope-orgid': 'c|b' },
      { 'x-scope-orgid': 'c,b' },
      { 'x-scope-orgid': 'b, c' },
      { 'x-scope-orgid': 'c/../b' },
      { 'x-scope-orgid': '' },
      { 'x-scope-orgid': '*' },
      { 'x-scope-orgid': 'C' },
      { x_scope_orgid: 'b' },
      { authorization: basic('b') },
      { authorization: basic('c|b') },
      { authorization: `Bearer ${keys.c}, Bearer ${keys.b}` },
    ];
    for (const { about, path, init } of readRequests().filter((_, i) => i % 3 === 0)) {
      for (const headers of tricks) {
        const { status, text } = await call('c', path, { ...init, headers: { ...init.headers, ...headers } });
        expect([400, 401, 403], `${about} ${JSON.stringify(headers)}: ${text}`).toContain(status);
      }
    }
    expect(system.shards.shardNames).toEqual(objects);
  });
});

test('random queries of a restricted reader are what they are without the others', { timeout: 120_000 }, async () => {
  const random = new RandomQuery(Number(process.env['FUZZ_SEED'] ?? 11));
  const count = Number(process.env['FUZZ_COUNT'] ?? 300);
  let withSeries = 0;
  for (let i = 0; i < count; i++) {
    const query = random.next();
    const form = new URLSearchParams({ query, start: String(NOON / 1000 - 240), end: String(NOON / 1000), step: '60' });
    const ask = (who: Who) => call(who, '/api/v1/query_range', { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: form.toString() });
    const [restricted, whole] = [await ask('x'), await ask('c')];
    expect(restricted, query).toEqual(whole);
    if (restricted.text.includes('"metric"')) withSeries++;
  }
  expect(withSeries).toBeGreaterThan(count / 4);
});

describe('every route that writes or administers', () => {
  test('refuses readers, and a write of one tenant is not in another', async () => {
    for (const { method, path } of system.app.routes) {
      const rule = routeRule(path);
      if (rule !== 'write' && rule !== 'admin') continue;
      const target = path.replace(/:\w+(?:\{[^}]*\})?/g, 'team');
      const { status } = await call('x', target, { method: method === 'ALL' ? 'POST' : method });
      expect(status, `${method} ${target}`).toBe(403);
    }
    await write('a', [series({ __name__: 'only_in_a', team: 'y' }, 1)]);
    for (const who of ['b', 'c', 'x'] as const) {
      expect((await call(who, '/api/v1/query?query=only_in_a')).text).toBe('{"status":"success","data":{"resultType":"vector","result":[]}}');
    }
  });
});
