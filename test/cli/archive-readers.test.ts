import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetReadObjects } from 'hyparquet';
import { zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { presigned, s3KeyOf, signedHeadersOf } from '../query/s3/sign.ts';
import { freePort } from '../processes/free-port.ts';
import { killAll, VarveProcess } from './varve-process.ts';

/*
 * What reads the archive from outside, against a Varve that was started as a user starts it: old samples are imported by two tenants, and then the
 * way of every Iceberg client is gone, with signatures and with what a hostile client sends over a bare socket.
 */
const ADMIN_KEY = 'the-operator-of-this-test-0123456789abc';
const DAY_MS = 86_400_000;
const NOON_MS = (Math.floor(Date.now() / DAY_MS) - 5) * DAY_MS + DAY_MS / 2;
const SAMPLES = 40;

let folder: string;
let varve: VarveProcess;
const keys: Record<string, string> = {};
let dataFile: string;

interface LoadedTable {
  readonly 'metadata-location': string;
  readonly metadata: { readonly snapshots: readonly { readonly 'manifest-list': string; readonly summary: Readonly<Record<string, string>> }[] };
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'varve-readers-'));
  varve = await new VarveProcess({ PORT: String(await freePort()), DATA_DIR: folder, VARVE_ADMIN_KEY: ADMIN_KEY }).ready();
  for (const tenant of ['team-a', 'team-b']) {
    const made = await call('/api/v1/admin/keys', ADMIN_KEY, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ tenant, scopes: ['read', 'write'] }) });
    keys[tenant] = ((await made.json()) as { data: { secret: string } }).data.secret;
    const lines = Array.from({ length: SAMPLES }, (_, i) => `old_metric{tenant="${tenant}",i="${i % 4}"} ${i + 0.5} ${NOON_MS + i * 15_000}`);
    expect((await call('/api/v1/import/prometheus', keys[tenant]!, { method: 'POST', body: lines.join('\n') })).status).toBe(204);
  }
  for (const tenant of Object.keys(keys)) await published(tenant);
  const list = await (await call('/objects/varve-archive?list-type=2&prefix=team-a/archive/samples/data/', keys['team-a']!)).text();
  dataFile = /<Key>([^<]+\.parquet)<\/Key>/.exec(list)![1]!;
}, 90_000);

afterAll(() => {
  killAll();
  rmSync(folder, { recursive: true, force: true });
});

function call(path: string, key: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${varve.baseUrl}${path}`, { ...init, headers: { authorization: `Bearer ${key}`, ...(init.headers as Record<string, string> | undefined) } });
}

async function published(tenant: string): Promise<LoadedTable> {
  const deadlineMs = performance.now() + 60_000;
  for (;;) {
    const answer = await call('/iceberg/v1/namespaces/metrics/tables/samples', keys[tenant]!);
    if (answer.ok) return (await answer.json()) as LoadedTable;
    await answer.arrayBuffer();
    if (performance.now() > deadlineMs) throw new Error(`no table after a minute: ${varve.errors}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

const objectUrl = (key: string): string => `${varve.baseUrl}/objects/varve-archive/${key}`;
const signing = (tenant: string) => ({ ...s3KeyOf(keys[tenant]!), timeMs: Date.now() });

async function signedGet(url: string, tenant: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> {
  const { host: _, ...signed } = signedHeadersOf(method, url, { ...signing(tenant), headers });
  return fetch(url, { method, headers: signed });
}

test('from the catalog to rows: metadata, manifest list and Parquet file by the locations that the table names', async () => {
  const { 'metadata-location': location, metadata } = await published('team-a');
  const keyOf = (uri: string): string => /^s3:\/\/varve-archive\/(.*)$/.exec(uri)![1]!;
  expect(await (await signedGet(objectUrl(keyOf(location)), 'team-a')).json()).toEqual(metadata);
  const [snapshot] = metadata.snapshots;
  const list = new Uint8Array(await (await signedGet(objectUrl(keyOf(snapshot!['manifest-list'])), 'team-a')).arrayBuffer());
  expect(new TextDecoder().decode(list.subarray(0, 3))).toBe('Obj');
  expect(snapshot!.summary['total-records']).toBe(String(SAMPLES));
  const file = await (await signedGet(objectUrl(dataFile), 'team-a')).arrayBuffer();
  const rows = (await parquetReadObjects({ file, compressors: { ZSTD: (bytes) => zstdDecompressSync(bytes) } })) as { metric: string; value: number }[];
  const query = async (expression: string): Promise<number> => {
    const body = new URLSearchParams({ query: expression, time: String((NOON_MS + DAY_MS / 4) / 1000) });
    const answer = (await (await call('/api/v1/query', keys['team-a']!, { method: 'POST', body })).json()) as { data: { result: { value: [number, string] }[] } };
    return Number(answer.data.result[0]!.value[1]);
  };
  expect(rows.length).toBe(await query('sum(count_over_time(old_metric[1d]))'));
  expect(rows.reduce((sum, { value }) => sum + value, 0)).toBe(await query('sum(sum_over_time(old_metric[1d]))'));
});

test('bytes, lengths and ranges are exact', async () => {
  const whole = await signedGet(objectUrl(dataFile), 'team-a');
  const bytes = new Uint8Array(await whole.arrayBuffer());
  expect([whole.status, whole.headers.get('content-length'), new TextDecoder().decode(bytes.subarray(-4))]).toEqual([200, String(bytes.length), 'PAR1']);
  const head = await signedGet(objectUrl(dataFile), 'team-a', {}, 'HEAD');
  expect([head.status, head.headers.get('content-length'), head.headers.get('etag')]).toEqual([200, String(bytes.length), whole.headers.get('etag')]);
  for (const [range, from, to] of [['bytes=0-0', 0, 1], ['bytes=7-106', 7, 107], ['bytes=-9', bytes.length - 9, bytes.length], [`bytes=${bytes.length - 3}-99999999999`, bytes.length - 3, bytes.length]] as const) {
    const part = await signedGet(objectUrl(dataFile), 'team-a', { range });
    expect([part.status, part.headers.get('content-length'), part.headers.get('content-range')]).toEqual([206, String(to - from), `bytes ${from}-${to - 1}/${bytes.length}`]);
    expect(new Uint8Array(await part.arrayBuffer())).toEqual(bytes.subarray(from, to));
  }
  expect((await signedGet(objectUrl(dataFile), 'team-a', { range: `bytes=${bytes.length}-` })).status).toBe(416);
  expect((await signedGet(objectUrl(dataFile), 'team-a', { 'if-none-match': whole.headers.get('etag')! })).status).toBe(304);
  expect((await fetch(presigned('GET', objectUrl(dataFile), 60, signing('team-a')))).status).toBe(200);
});

test('a tenant reads nothing of another, signed or not', async () => {
  for (const url of [objectUrl(dataFile), objectUrl('team-a/archive/samples/metadata/00001.metadata.json')]) {
    expect([(await signedGet(url, 'team-b')).status, (await fetch(url)).status]).toEqual([404, 403]);
  }
  const list = await (await signedGet(`${varve.baseUrl}/objects/varve-archive?list-type=2`, 'team-b')).text();
  expect([list.includes('team-b/'), list.includes('team-a/')]).toEqual([true, false]);
  expect((await call('/iceberg/v1/team-a/namespaces/metrics/tables/samples', keys['team-b']!)).status).toBe(403);
  expect((await signedGet(objectUrl(dataFile), 'team-a', { 'x-scope-orgid': 'team-b' })).status).toBe(403);
});

/** What the server answers to a request line exactly as written, which no URL parser has touched. */
function raw(target: string, tenant: string, method = 'GET'): Promise<string> {
  const { hostname, port, host } = new URL(varve.baseUrl);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(`${method} ${target} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${keys[tenant]!}\r\nConnection: close\r\n\r\n`));
    let answer = '';
    socket.setEncoding('latin1').on('data', (text: string) => (answer += text));
    socket.once('end', () => resolve(answer));
    socket.once('error', reject);
  });
}

test('no spelling of a path leads out of the tenant’s archive', async () => {
  const own = '/objects/varve-archive/team-b/archive';
  const targets = [
    `${own}/%00`, `${own}/x%0d%0ay`, `${own}/${'x'.repeat(900)}`, `${own}/${'x'.repeat(2000)}`, `${own}/\u007f`, `${own}/%ef%bf%bf`,
    `${own}/../../${dataFile}`, `${own}/%2e%2e/%2e%2e/${dataFile}`, `${own}/..%2f..%2f${dataFile}`, `${own}/%252e%252e/${dataFile}`, `${own}//../..//${dataFile}`, `${own}/..%5c..%5c${dataFile}`, `${own}%2f..%2f..%2f${dataFile}`,
    `/objects/varve-archive/./${dataFile}`, `/objects/varve-archive//${dataFile}`, `/objects//varve-archive/${dataFile}`, `/objects/varve-archive%2f${dataFile}`, `/objects/varve-archive/${dataFile.replace('team-a', 'team%2da')}`,
    `/objects/../objects/varve-archive/${dataFile}`, `/x/../objects/varve-archive/${dataFile}`, `/object%73/varve-archive/${dataFile}`, `//objects/varve-archive/${dataFile}`, `/objects/varve-archive/${dataFile}%00`, `/objects/varve-archive/${dataFile}?x=team-b/archive/`,
    `/objects/varve-archive/%74eam-a${dataFile.slice(6)}`, `/objects/varve-archive/${encodeURIComponent(dataFile)}`, `/objects/varve-archive/%ff%fe`, `http://evil.example/objects/varve-archive/${dataFile}`,
  ];
  for (const target of targets) {
    const answer = await raw(target, 'team-b');
    expect(answer, target).toMatch(/^HTTP\/1\.1 (?:400|403|404) /);
    expect(answer, target).not.toContain('PAR1');
  }
  // The same spellings lead to the object where the key is its tenant's, so it is not the spelling that was refused.
  for (const target of [`/objects/varve-archive/${encodeURIComponent(dataFile)}`, `/object%73/varve-archive/${dataFile}`]) expect(await raw(target, 'team-a')).toMatch(/^HTTP\/1\.1 200 [^]*PAR1$/);
});

test('nothing is written, and nothing is printed that should not be', async () => {
  for (const method of ['PUT', 'POST', 'DELETE']) expect((await call(`/objects/varve-archive/${dataFile}`, keys['team-a']!, { method, ...(method === 'DELETE' ? {} : { body: 'x' }) })).status).toBe(405);
  expect((await call('/iceberg/v1/namespaces/metrics/tables/samples', keys['team-a']!, { method: 'POST', body: '{"requirements":[],"updates":[]}' })).status).toBe(406);
  expect((await signedGet(objectUrl(dataFile), 'team-a')).status).toBe(200);
  for (const key of Object.values(keys)) expect(varve.output + varve.errors).not.toContain(key.slice(-20));
});
