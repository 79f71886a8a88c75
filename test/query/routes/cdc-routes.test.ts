import { describe, expect, test } from 'vitest';
import type { ChangeStreamLimits } from '../../../query/change-stream-slots.ts';
import { cdcRoutes } from '../../../query/routes/cdc-routes.ts';
import { labelsFrom } from '../../../storage/model/labels.ts';
import { writeStale } from '../../../storage/model/sample.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { Counters } from '../../../storage/runtime/metrics.ts';
import { ShardRouter } from '../../../storage/shard-router.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { granted } from '../../fakes/granted.ts';
import { MemoryShards } from '../../fakes/memory-shards.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';

const NOON = Date.UTC(2024, 0, 14, 12);

interface Sent {
  readonly id: string;
  readonly event: string | undefined;
  readonly data: Record<string, unknown> | undefined;
}

async function system(shardCount: number, limits?: ChangeStreamLimits) {
  const shards = new MemoryShards();
  const router = new ShardRouter(shards, shardCount, new FixedClock(0));
  const tenant = await router.tenant('default');
  for (let shard = 0; shard < shardCount; shard++) await tenant.call(shard, (stub) => stub.stats());
  const clock = new FixedClock(NOON);
  const counters = new Counters();
  const routes = granted(cdcRoutes({ router, clock, random: new SeededRandom(1), counters }, limits));
  const write = (shard: number, labels: Record<string, string>, ...values: number[]): void => {
    const timestampsMs = values.map((_, i) => NOON + i * 1000);
    shards.storeOf(shards.shardNames[shard]!).appendLocal([{ labels: labelsFrom(labels), timestampsMs, values: Float64Array.from(values) }]);
  };
  const ask = (query: string, headers: Record<string, string> = {}, signal?: AbortSignal) => routes.request(new Request(`http://127.0.0.1/cdc?${query}`, { headers, signal: signal ?? null }));
  const events = async (query: string, headers: Record<string, string> = {}): Promise<Sent[]> => {
    const answer = await ask(`live=false&${query}`, headers);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    return parse(await answer.text()).filter(({ data }) => data !== undefined);
  };
  return { shards, clock, counters, write, ask, events, routes };
}

function parse(text: string): Sent[] {
  return text.split('\n\n').filter((block) => block.includes('id: ')).map((block) => {
    const field = (name: string): string | undefined => block.split('\n').find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
    const data = field('data');
    return { id: field('id')!, event: field('event'), data: data === undefined ? undefined : (JSON.parse(data) as Record<string, unknown>) };
  });
}

describe('the change feed over HTTP', () => {
  test('an event is what the library gives, with labels beside the key', async () => {
    const { write, events } = await system(1);
    write(0, { __name__: 'cpu_usage', job: 'x' }, 0.75);
    write(0, { __name__: 'odd' }, NaN, Infinity, -Infinity, -0, 0);
    const [first, second] = await events('cursor=oldest');
    expect(first).toEqual({
      id: '0',
      event: 'cdc.insert',
      data: {
        type: 'cdc.insert', op: 'c', store: 'timeseries', table: 'metrics', key: 'cpu_usage{job="x"}', labels: { __name__: 'cpu_usage', job: 'x' },
        timestamp: '2024-01-14T12:00:00Z', after: { value: 0.75 },
      },
    });
    expect(second!.data).toMatchObject({ after: { value: 0 }, points: [{ value: 'NaN' }, { value: '+Inf' }, { value: '-Inf' }, { value: '-0' }, { value: 0 }] });
    expect((await events('cursor=oldest&per_sample=true')).map(({ data }) => (data!['after'] as { value: unknown }).value)).toEqual([0.75, 'NaN', '+Inf', '-Inf', '-0', 0]);
  });

  test('many samples of one series are several events, of one place', async () => {
    const { write, events } = await system(1);
    const values = Array.from({ length: 600 }, (_, i) => i);
    write(0, { __name__: 'm' }, ...values);
    const found = await events('cursor=oldest');
    expect(found.map(({ id, data }) => [id, (data!['points'] as unknown[]).length])).toEqual([['0', 256], ['0', 256], ['0', 88]]);
    expect(found.flatMap(({ data }) => (data!['points'] as { value: number }[]).map(({ value }) => value))).toEqual(values);
  });

  test('stale markers are told from other NaNs', async () => {
    const { shards, events } = await system(1);
    const values = new Float64Array(1);
    writeStale(values, 0);
    shards.storeOf(shards.shardNames[0]!).appendLocal([{ labels: ['__name__', 'gone'], timestampsMs: [NOON], values }]);
    expect((await events('cursor=oldest'))[0]!.data).toMatchObject({ after: { value: 'StaleNaN' } });
  });

  test('all shards, some series, and on from the last event', async () => {
    const { write, events, shards } = await system(3);
    for (let i = 0; i < 12; i++) write(i % 3, { __name__: i % 2 === 0 ? 'even' : 'odd', i: String(i) }, i);
    const all = await events('cursor=oldest');
    expect(all.map(({ data }) => (data!['labels'] as { i: string }).i)).toEqual(['0', '3', '6', '9', '1', '4', '7', '10', '2', '5', '8', '11']);
    const even = await events(`cursor=oldest&${new URLSearchParams({ 'match[]': '{__name__="even"}' })}`);
    expect(even.map(({ data }) => (data!['labels'] as { i: string }).i)).toEqual(['0', '6', '4', '10', '2', '8']);
    shards.evictAll();
    // From an event's id on, it comes again, and everything behind it.
    for (const [i, { id }] of all.entries()) expect(await events('cursor=latest', { 'last-event-id': id })).toEqual(all.slice(i));
    expect(await events('')).toEqual([]);
  });

  test('an empty id is none, and switches may be said in any way that Prometheus takes', async () => {
    const { write, events, ask } = await system(1);
    write(0, { __name__: 'a' }, 1, 2);
    expect(await events('cursor=oldest', { 'last-event-id': '' })).toHaveLength(1);
    expect(await events('cursor=')).toEqual([]);
    expect(await events('cursor=oldest&per_sample=1')).toHaveLength(2);
    expect(await events('cursor=oldest&per_sample=F')).toHaveLength(1);
    expect(await (await ask('live=0&cursor=oldest')).text()).toContain('"value":2');
  });

  test('the place at the end is told without an event', async () => {
    const { write, ask } = await system(2);
    write(1, { __name__: 'a' }, 1);
    const text = await (await ask('live=false&cursor=oldest&match[]=b')).text();
    expect(text).toBe('retry: 1000\nid: 0,0\n\nid: 0,1\n\n');
  });

  test('who is too far behind hears of it', async () => {
    const { write, events, shards } = await system(2);
    for (let i = 0; i < 3; i++) write(0, { __name__: 'a' }, i);
    const store = shards.storeOf(shards.shardNames[0]!);
    store.restoreSnapshot(store.createSnapshot());
    const sent = await events('cursor=1,0');
    expect(sent).toEqual([{ id: '4,0', event: 'cdc.resync', data: { type: 'cdc.resync', op: 's', store: 'timeseries', table: 'metrics', shard: 0 } }]);
  });

  test('a live stream waits, and ends when nobody reads it', async () => {
    const { write, ask, clock } = await system(1);
    const reader = (await ask('cursor=oldest')).body!.getReader();
    const decoder = new TextDecoder();
    const next = async (): Promise<string> => decoder.decode((await reader.read()).value);
    expect(await next()).toBe('retry: 1000\nid: 0\n\n');
    expect(await next()).toBe(': waiting\n\n');
    write(0, { __name__: 'a' }, 1);
    expect(await next()).toContain('"after":{"value":1}');
    expect(await next()).toBe('id: 1\n\n');
    expect(clock.nowMs()).toBeGreaterThan(NOON);
    await reader.cancel();
  });

  test('so many streams are open and no more, until one ends or its client is gone', async () => {
    const { ask, counters, routes } = await system(1);
    const { changeStreamsOfTenantMax } = LIMITS;
    expect((await ask('cursor=x')).status).toBe(400);
    const hangUp = new AbortController();
    const open = [await ask('', {}, hangUp.signal)];
    while (open.length < changeStreamsOfTenantMax) open.push(await ask(''));
    expect(open.map(({ status }) => status)).toEqual(Array(changeStreamsOfTenantMax).fill(200));
    const refused = await ask('');
    expect([refused.status, refused.headers.get('retry-after'), await refused.json()]).toEqual([503, '5', {
      status: 'error', errorType: 'unavailable',
      error: `${changeStreamsOfTenantMax} of the tenant's streams of the change feed are open, the limit changeStreamsOfTenantMax is ${changeStreamsOfTenantMax}; try again in 5 s`,
    }]);
    expect(counters.samples()).toContainEqual(expect.objectContaining({ name: 'varve_cdc_refused_streams_total', value: 1 }));
    const head = await routes.request('/cdc', { method: 'HEAD' });
    expect([head.status, head.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    hangUp.abort();
    await (await ask('live=false')).text();
    const again = await ask('');
    expect([again.status, (await ask('')).status]).toEqual([200, 503]);
    await again.body!.cancel();
    expect((await ask('')).status).toBe(200);
  });

  test('a client that stands still loses its stream, and its place is free', async () => {
    const { ask } = await system(1, { ...LIMITS, changeStreamsOfTenantMax: 1, changeStreamMsMax: 20 });
    const reader = (await ask('')).body!.getReader();
    await reader.read();
    expect((await ask('')).status).toBe(503);
    await expect.poll(async () => (await ask('')).status).toBe(200);
    await expect(reader.read()).rejects.toThrow('changeStreamMsMax (20 ms)');
  });

  test('a stream ends before it has made too many calls', async () => {
    const { ask } = await system(4);
    const text = await (await ask('cursor=oldest')).text();
    expect(text.split(': waiting').length).toBeLessThanOrEqual(200);
  });

  test('a shard that does not answer is an error, before the stream and in it', async () => {
    const { shards, write, ask } = await system(2, { ...LIMITS, changeStreamsOfTenantMax: 1 });
    write(0, { __name__: 'a' }, 1);
    for (const query of ['cursor=oldest', 'cursor=0,0', 'live=false']) {
      shards.faults.push(...Array<'lose-request'>(4).fill('lose-request'));
      const answer = await ask(query);
      expect([answer.status, await answer.json()]).toEqual([503, { status: 'error', errorType: 'unavailable', error: expect.stringMatching(/^shard [01] cannot be reached; try again later/) }]);
      shards.faults.length = 0;
    }
    // The two calls before the stream pass, and the first one in it.
    const losing = async (query: string): Promise<Response> => {
      shards.faults.push(undefined, undefined, undefined, 'lose-request', 'lose-request');
      return ask(query);
    };
    const live = await losing('cursor=0,0');
    expect([live.status, await live.text()]).toEqual([200, expect.stringMatching(/"after":\{"value":1\}\}\n\n: shard 1 cannot be reached; try again later[^\n]*\n\n$/)]);
    await expect((await losing('cursor=0,0&live=false')).text()).rejects.toThrow('shard 1 cannot be reached');
  });

  test('what cannot be followed is refused', async () => {
    const { ask } = await system(2);
    const refused = async (query: string, message: string): Promise<void> => {
      const answer = await ask(query);
      expect([answer.status, await answer.json()]).toEqual([400, { status: 'error', errorType: 'bad_data', error: expect.stringContaining(message) }]);
    };
    await refused('cursor=x', 'invalid parameter "cursor": "x" is not the id of an event of 2 shards');
    await refused('cursor=1', 'of 2 shards');
    await refused('live=no', 'invalid parameter "live"');
    await refused('per_sample=yes', 'invalid parameter "per_sample"');
    await refused('match[]=%7B', '');
    await refused(`match[]=${encodeURIComponent('{a=""}')}`, 'match[] must contain at least one non-empty matcher');
  });
});
