import { beforeAll, describe, expect, test } from 'vitest';
import { snappyEncode } from '../../proto/snappy.ts';
import { HOUR_MS, MINUTE_MS } from '../../storage/runtime/units.ts';
import { changeShards } from '../fakes/changed-shards.ts';
import { nodeApp, type NodeApp } from '../fakes/node-app.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { v2Request, type V2Series } from '../proto/v2-request.ts';

/* Whoever reads over a change of the number of shards is to see what he would have seen without one. */

const NOON = Date.UTC(2024, 0, 14, 12);
const FROM_MS = NOON + HOUR_MS + 1;
const ADMIN_KEY = 'an-operator-chose-this-at-random-0123456789';
const SERIES = 12;
const STEP_MS = 15_000;

class System {
  readonly node: NodeApp = nodeApp({ VARVE_ADMIN_KEY: ADMIN_KEY, VARVE_SHARDS: '2', VARVE_ARCHIVE: 'off' }, undefined, NOON);
  key = ADMIN_KEY;

  async call(path: string, init: RequestInit = {}, key = this.key): Promise<{ status: number; text: string; bytes: Uint8Array }> {
    const answer = await this.node.app.request(path, { ...init, headers: { authorization: `Bearer ${key}`, ...init.headers } });
    const bytes = new Uint8Array(await answer.arrayBuffer());
    return { status: answer.status, text: new TextDecoder().decode(bytes), bytes };
  }

  async data(path: string, init: RequestInit = {}, key = this.key): Promise<unknown> {
    const { status, text } = await this.call(path, init, key);
    if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
    return (JSON.parse(text) as { data: unknown }).data;
  }

  async send(...series: readonly V2Series[]): Promise<void> {
    const headers = { 'content-type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request', 'content-encoding': 'snappy' };
    const { status, text } = await this.call('/api/v1/write', { method: 'POST', headers, body: snappyEncode(v2Request(...series)) as BodyInit });
    if (status !== 204) throw new Error(`${status} ${text}`);
  }

  /** All series at each time, a request a time; the times may be on both sides of a change. */
  async scrape(startMs: number, endMs: number): Promise<void> {
    const random = new SeededRandom(7);
    const counters = new Float64Array(SERIES);
    const timesMs: number[] = [];
    for (let timeMs = startMs; timeMs <= endMs; timeMs += STEP_MS) timesMs.push(timeMs);
    for (const timestamp of timesMs) {
      const n = Math.round((timestamp - FROM_MS) / STEP_MS);
      await this.send(
        ...Array.from({ length: SERIES }, (_, i): V2Series => {
          counters[i] = random.oneIn(40) ? 0 : counters[i]! + random.below(100);
          const exemplars = n % 20 === i ? [{ labels: ['trace_id', `t${n}`], value: i, timestamp }] : [];
          return { labels: ['__name__', 'requests_total', 'i', String(i), 'team', i % 2 === 0 ? 'x' : 'y'], samples: [{ value: counters[i]!, timestamp }], exemplars };
        }),
        { labels: ['__name__', 'native', 'team', 'x'], histograms: [{ timestamp, schema: 0, countInt: 3 + n + 1000, sum: n, positiveSpans: [{ offset: 0, length: 1 }], positiveDeltas: [3 + n + 1000], zeroCountInt: 0 }] },
        // One that ends before the change, and one that begins behind it.
        ...(n < -10 ? [{ labels: ['__name__', 'ended', 'team', 'y'], samples: [{ value: n, timestamp }] }] : []),
        ...(n > 10 ? [{ labels: ['__name__', 'began', 'team', 'x'], samples: [{ value: n, timestamp }] }] : []),
      );
    }
  }
}

const [START_MS, END_MS] = [FROM_MS - 20 * MINUTE_MS, FROM_MS + 5 * MINUTE_MS];

async function twins(after: number): Promise<{ readonly moved: System; readonly still: System }> {
  const [moved, still] = [new System(), new System()];
  expect(await changeShards(moved.node, after)).toBe(FROM_MS);
  still.node.clock.advance(moved.node.clock.nowMs() - still.node.clock.nowMs());
  for (const system of [moved, still]) await system.scrape(START_MS, END_MS);
  return { moved, still };
}

const at = (ms: number): number => ms / 1000;
const range = (query: string): string => `/api/v1/query_range?query=${encodeURIComponent(query)}&start=${at(START_MS)}&end=${at(END_MS)}&step=20`;
const instant = (query: string, timeMs = END_MS): string => `/api/v1/query?query=${encodeURIComponent(query)}&time=${at(timeMs)}`;
const window = `start=${at(START_MS)}&end=${at(END_MS)}`;

const PATHS = [
  instant('requests_total'),
  instant('requests_total', FROM_MS),
  instant('requests_total', FROM_MS - 1),
  instant('requests_total[30m]'),
  instant('native[30m]'),
  instant('count({__name__=~".+"})'),
  instant('sum by (team) (rate(requests_total[10m]))'),
  instant('sum(increase(requests_total[25m]))', END_MS),
  instant('requests_total offset 6m'),
  instant('changes(requests_total[20m]) + resets(requests_total[20m])'),
  instant('histogram_quantile(0.5, rate(native[10m]))'),
  instant('topk(3, requests_total)'),
  instant('absent(ended)'),
  instant('last_over_time(ended[30m])'),
  range('requests_total'),
  range('rate(requests_total[1m])'),
  range('sum(rate(requests_total[5m]))'),
  range('increase(native[3m])'),
  range('max_over_time(requests_total[5m])'),
  range('quantile_over_time(0.9, requests_total[5m])'),
  range('ended or began'),
  `/api/v1/labels?${window}`,
  '/api/v1/labels',
  `/api/v1/label/i/values?${window}`,
  '/api/v1/label/__name__/values',
  '/api/v1/label/i/values?limit=5',
  '/api/v1/series?match[]={__name__=~".%2B"}',
  `/api/v1/series?match[]=requests_total&${window}&limit=5`,
  `/api/v1/query_exemplars?query=requests_total&${window}`,
  '/api/v1/search/metric_names',
  '/api/v1/status/tsdb?limit=100',
];

describe.each([1, 3, 5])('from 2 shards to %i', (after) => {
  let moved: System;
  let still: System;
  beforeAll(async () => ({ moved, still } = await twins(after)));

  test('the samples are on the shards of both maps', () => {
    const epochs = moved.node.shards.shardNames.map((name) => [name.split('/')[2], moved.node.shards.storeOf(name).stats().gauges['log_entries']! > 0]);
    for (const epoch of ['1', '2']) expect(epochs).toContainEqual([epoch, true]);
  });

  test.each(PATHS)('%s', async (path) => {
    const [got, want] = [await moved.call(path), await still.call(path)];
    expect(want.status).toBe(200);
    expect(comparable(got.text)).toEqual(comparable(want.text));
  });

  test('federation and remote read', async () => {
    const federate = '/federate?match[]={__name__=~".%2B"}';
    const sorted = ({ text }: { text: string }): string[] => text.split('\n').sort();
    expect(sorted(await moved.call(federate))).toEqual(sorted(await still.call(federate)));
    // A matcher of all names, over all times.
    const matcher = [0x1a, 0x10, 0x08, 0x02, 0x12, 0x08, ...new TextEncoder().encode('__name__'), 0x1a, 0x02, 0x2e, 0x2b];
    const query = [0x08, 0x00, 0x10, ...varint(END_MS), ...matcher];
    for (const types of [[], [0x12, 0x01, 0x01]]) {
      const init = { method: 'POST', headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' }, body: snappyEncode(Uint8Array.from([0x0a, query.length, ...query, ...types])) as BodyInit };
      const [got, want] = [await moved.call('/api/v1/read', init), await still.call('/api/v1/read', init)];
      expect([got.status, want.status]).toEqual([200, 200]);
      expect(want.bytes.length).toBeGreaterThan(1000);
      expect(got.bytes).toEqual(want.bytes);
    }
  });

  test('a restricted key sees its series of both maps, and no others', async () => {
    for (const system of [moved, still]) {
      const made = await system.data('/api/v1/admin/keys', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ scopes: ['read'], tenant: 'default', match: '{team="x"}' }) });
      system.key = (made as { secret: string }).secret;
    }
    try {
      for (const path of PATHS) expect(comparable((await moved.call(path)).text), path).toEqual(comparable((await still.call(path)).text));
    } finally {
      for (const system of [moved, still]) system.key = ADMIN_KEY;
    }
  });

  test('a deletion reaches all shards, those to come too', async () => {
    for (const system of [moved, still]) {
      const { status, text } = await system.call(`/api/v1/admin/tsdb/delete_series?match[]=requests_total{i="3"}&match[]=native&start=${at(FROM_MS - 5 * MINUTE_MS)}&end=${at(FROM_MS + 60_000)}`, { method: 'POST' });
      expect([status, text]).toEqual([204, '']);
    }
    for (const path of PATHS) if (!path.includes('exemplars') && !path.includes('tsdb')) expect(comparable((await moved.call(path)).text), path).toEqual(comparable((await still.call(path)).text));
    const left = (await moved.data(instant('count_over_time(requests_total{i=~"3|4"}[30m])'))) as { result: { value: [number, string] }[] };
    const [all, third] = [1 + (END_MS - START_MS) / STEP_MS, 1 + Math.floor((6 * MINUTE_MS) / STEP_MS)];
    expect(left.result.map(({ value }) => Number(value[1])).sort((a, b) => a - b)).toEqual([all - third, all]);
  });
});

/** An answer without the counts that shards of two maps have of their own: of rows, and of series, of which some have ended. */
function comparable(text: string): unknown {
  return text.split('\n').map((line) => {
    if (line === '') return line;
    const json = JSON.parse(line) as { data?: { headStats?: { chunkCount?: number; numSeries?: number } } };
    delete json.data?.headStats?.chunkCount;
    delete json.data?.headStats?.numSeries;
    return json;
  });
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = BigInt(value); ; rest >>= 7n) {
    if (rest < 128n) return [...bytes, Number(rest)];
    bytes.push(Number(rest & 127n) | 128);
  }
}

test('where shards of both maps have a sample of the same time, it comes once, and the later map’s counts', async () => {
  const { moved } = await twins(3);
  const labels = ['__name__', 'twice', 'team', 'x'];
  await moved.send({ labels, samples: [0, 1, 2].map((n) => ({ value: n, timestamp: FROM_MS + n * 1000 })) });
  // A Worker that had not heard of the change would have written these.
  const old = moved.node.shards.storeOf('default/shard/1/0');
  old.appendLocal([{ labels, timestampsMs: [1, 3].map((n) => FROM_MS + n * 1000), values: Float64Array.of(10, 30) }]);
  const { result } = (await moved.data(instant('twice[5m]', FROM_MS + MINUTE_MS))) as { result: { values: [number, string][] }[] };
  expect(result.map(({ values }) => values.map(([time, value]) => [time * 1000 - FROM_MS, Number(value)]))).toEqual([[[0, 0], [1000, 1], [2000, 2], [3000, 30]]]);
  expect(await moved.data('/api/v1/series?match[]=twice')).toEqual([{ __name__: 'twice', team: 'x' }]);
});

describe('the change feed', () => {
  const ids = (text: string): string[] => [...text.matchAll(/^id: (.*)$/gm)].map(([, id]) => id!);
  const seen = (text: string): string[] =>
    [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data!) as { key: string; after: { value: number } }).map(({ key, after }) => `${key} ${after.value}`);
  const write = (system: System, value: number, timestamp: number): Promise<void> =>
    system.send(...Array.from({ length: SERIES }, (_, i): V2Series => ({ labels: ['__name__', 'm', 'i', String(i), 'team', i % 2 === 0 ? 'x' : 'y'], samples: [{ value, timestamp }] })));
  const feed = async (system: System, cursor: string): Promise<string> => {
    const { status, text } = await system.call(`/api/v1/cdc?live=false&cursor=${cursor}`);
    expect([status, text.slice(0, 6)]).toEqual([200, 'retry:']);
    return text;
  };
  const values = (text: string): number[] => seen(text).map((line) => Number(line.split(' ').at(-1))).sort((a, b) => a - b);
  const times = (...each: number[]): number[] => each.flatMap((value) => Array.from({ length: SERIES }, () => value));

  test.each(['plain', 'sealed'])('a cursor of before the change goes on from its place, with the new shards from their start: %s', async (kind) => {
    const system = new System();
    const admin = system.key;
    let restricted = admin;
    if (kind === 'sealed') {
      const made = await system.data('/api/v1/admin/keys', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ scopes: ['read'], tenant: 'default', match: '{i=~".+"}' }) });
      restricted = (made as { secret: string }).secret;
    }
    const read = async (cursor: string): Promise<string> => {
      system.key = restricted;
      try {
        return await feed(system, cursor);
      } finally {
        system.key = admin;
      }
    };
    await write(system, 1, NOON);
    await write(system, 2, NOON + 1000);
    const first = await read('oldest');
    expect(values(first)).toEqual(times(1, 2));
    const id = ids(first).at(-1)!;
    await write(system, 3, NOON + 2000);
    await changeShards(system.node, 3);
    // Before anything has been read behind the change.
    await write(system, 4, FROM_MS + 1000);
    await write(system, 5, FROM_MS - 1000);
    const second = await read(id);
    expect(values(second)).toEqual(times(3, 4, 5));
    expect(await read(ids(second).at(-1)!)).not.toContain('cdc.insert');
    await write(system, 6, FROM_MS + 2000);
    expect(values(await read(ids(second).at(-1)!))).toEqual(times(6));
    expect(values(await read('oldest'))).toEqual(times(1, 2, 3, 4, 5, 6));
    expect(await read('latest')).not.toContain('cdc.insert');
    // At least once: each of its ids can be gone on from.
    for (const each of ids(second)) expect(new Set([...values(second), ...values(await read(each))])).toEqual(new Set([3, 4, 5, 6]));
  });

  test('an id of another number of shards is refused', async () => {
    const system = new System();
    await changeShards(system.node, 3);
    for (const cursor of ['1', '1,2,3', '1,2,3,4', '1,2,3,4,5,6']) expect(await system.call(`/api/v1/cdc?live=false&cursor=${cursor}`)).toMatchObject({ status: 400, text: expect.stringContaining('is not the id of an event of 5 shards') as unknown });
  });

  test('shards that are to come are not in its ids yet, and are read from their start when they are', async () => {
    const system = new System();
    const { shards, router, clock } = system.node;
    await changeShards({ shards, router, clock }, 1);
    await write(system, 1, FROM_MS);
    const id = ids(await feed(system, 'latest')).at(-1)!;
    expect(id.split(',').length).toBe(3);
    await changeShards({ shards, router, clock }, 2);
    await write(system, 2, clock.nowMs());
    const { text } = await system.call(`/api/v1/cdc?live=false&cursor=${id}`);
    expect(values(text)).toEqual(times(2));
    expect(ids(text).at(-1)!.split(',').length).toBe(5);
  });

  test('what a drained shard still has is read to its end, and the shard is not asked any more', async () => {
    const system = new System();
    await write(system, 1, NOON);
    const id = ids(await feed(system, 'oldest')).at(-1)!;
    await write(system, 2, NOON + 1000);
    await changeShards(system.node, 1);
    Object.assign(system.node.shards, { isArchived: false });
    system.node.clock.advance(30 * 24 * HOUR_MS);
    system.node.shards.nowMs = system.node.clock.nowMs();
    expect((await system.node.router.tenant('default')).maps.map(({ isDrained }) => isDrained === true)).toEqual([true, false]);
    expect(values(await feed(system, id))).toEqual(times(2));
  });
});

describe('snapshots', () => {
  const path = '/api/v1/admin/tsdb/snapshot';
  test('are of all shards, also those of before; one of before the change can be forgotten behind it', async () => {
    const system = new System();
    await system.scrape(NOON, NOON);
    const before = ((await system.data(path, { method: 'POST' })) as { name: string }).name;
    await changeShards(system.node, 3);
    await system.scrape(FROM_MS - STEP_MS, FROM_MS + STEP_MS);
    const behind = ((await system.data(path, { method: 'POST' })) as { name: string }).name;
    expect([before.split(',').length, behind.split(',').length]).toEqual([2, 5]);
    const listed = async (): Promise<number[]> => ((await system.data(path)) as { shards: { ids: string[] }[] }).shards.map(({ ids }) => ids.length);
    expect(await listed()).toEqual([2, 2, 1, 1, 1]);
    expect((await system.call(`${path}?name=${before}`, { method: 'DELETE' })).status).toBe(204);
    expect(await listed()).toEqual([1, 1, 1, 1, 1]);
    expect((await system.call(`${path}?name=1,2,3`, { method: 'DELETE' })).status).toBe(400);
    expect((await system.call(`${path}?name=${behind}`, { method: 'DELETE' })).status).toBe(204);
    expect(await listed()).toEqual([0, 0, 0, 0, 0]);
  });
});

test('shards that have drained are not asked, but by what must reach them', async () => {
  const system = new System();
  await system.scrape(NOON, NOON);
  await changeShards(system.node, 1);
  Object.assign(system.node.shards, { isArchived: false });
  system.node.clock.advance(30 * 24 * HOUR_MS);
  system.node.shards.nowMs = system.node.clock.nowMs();
  const called = async (method: Parameters<typeof system.node.shards.callsOf>[0], path: string, init: RequestInit = {}): Promise<number> => {
    const before = system.node.shards.callsOf(method);
    expect((await system.call(path, init)).status).toBeLessThan(300);
    return system.node.shards.callsOf(method) - before;
  };
  expect(await called('labelNames', '/api/v1/labels')).toBe(1);
  expect(await called('series', '/api/v1/series?match[]=m')).toBe(1);
  expect(await called('stats', '/metrics')).toBe(1);
  expect(await called('stats', '/-/ready')).toBe(1);
  expect(await called('cardinality', '/api/v1/status/tsdb')).toBe(1);
  // One shard has all there is: it evaluates.
  expect(await called('evaluate', instant('m', system.node.clock.nowMs()))).toBe(1);
  expect(await called('select', '/federate?match[]=m')).toBe(1);
  expect(await called('deleteSeries', '/api/v1/admin/tsdb/delete_series?match[]=m', { method: 'POST' })).toBe(3);
});
