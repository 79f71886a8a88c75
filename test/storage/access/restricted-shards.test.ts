import { describe, expect, test } from 'vitest';
import { RESTRICTED_METHODS, restrictShards } from '../../../storage/access/restricted-shards.ts';
import { labelsFrom } from '../../../storage/model/labels.ts';
import type { Matcher } from '../../../storage/model/matcher.ts';
import { ShardRouter, type TenantShards } from '../../../storage/shard-router.ts';
import { readSelectPage } from '../../../storage/shard/select/select-page.ts';
import type { ShardApi } from '../../../storage/shard/shard-api.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { MemoryShards } from '../../fakes/memory-shards.ts';

const NOON = Date.UTC(2024, 0, 14, 12);
const teamA: Matcher[] = [{ name: 'team', type: '=', value: 'a' }];
const allTime = { version: 1, startMs: 0, endMs: NOON * 2 };

/** Two teams and a series of none, on one shard. */
async function system(): Promise<{ whole: TenantShards; shards: MemoryShards }> {
  const shards = new MemoryShards();
  const whole = await new ShardRouter(shards, 1, new FixedClock(0)).tenant('t');
  await whole.call(0, (stub) => stub.stats());
  const store = shards.storeOf(shards.shardNames[0]!);
  for (const labels of [{ __name__: 'm', team: 'a' }, { __name__: 'm', team: 'b', hidden: 'x' }, { __name__: 'alone' }]) {
    store.appendLocal([{ labels: labelsFrom(labels), timestampsMs: [NOON], values: Float64Array.of(1) }]);
  }
  return { whole, shards };
}

async function selected(shards: TenantShards, matchers: readonly Matcher[]): Promise<unknown[]> {
  const answer = await shards.call(0, (stub) => stub.select({ ...allTime, matchers, after: undefined, samplesMax: 100 }));
  if (answer.status === 'refused') throw new Error(answer.message);
  return [...readSelectPage(answer.page)].map(({ labels }) => labels);
}

describe('a restricted reader', () => {
  const all: Matcher = { name: '__name__', type: '=~', value: '.*' };
  const m: Matcher = { name: '__name__', type: '=', value: 'm' };
  const ofA = ['__name__', 'm', 'team', 'a'];

  test('selects only what it may see, whatever it asks for', async () => {
    const { whole } = await system();
    const a = restrictShards(whole, teamA);
    expect(await selected(whole, [all])).toHaveLength(3);
    expect(await selected(a, [all])).toEqual([ofA]);
    expect(await selected(a, [m])).toEqual([ofA]);
    expect(await selected(a, [{ name: 'team', type: '!=', value: 'a' }, m])).toEqual([]);
    expect(await selected(a, [{ name: 'team', type: '=', value: 'b' }])).toEqual([]);
    expect(await selected(a, [{ name: 'team', type: '=~', value: 'a|b' }])).toEqual([ofA]);
    expect(await selected(a, [])).toEqual([ofA]);
  });

  test('sees only names, values and series of its own; no selector means all of those', async () => {
    const { whole } = await system();
    const a = restrictShards(whole, teamA);
    for (const selectors of [[], [[all]], [[m], [{ name: 'team', type: '=', value: 'b' } as const]]]) {
      const request = { ...allTime, selectors, limit: 0 };
      expect(await a.call(0, (stub) => stub.labelNames(request))).toMatchObject({ values: ['__name__', 'team'], truncated: false });
      expect(await a.call(0, (stub) => stub.labelValues('team', request))).toMatchObject({ values: ['a'] });
      expect(await a.call(0, (stub) => stub.labelValues('hidden', request))).toMatchObject({ values: [] });
      expect(await a.call(0, (stub) => stub.labelValues('__name__', request))).toMatchObject({ values: ['m'] });
      expect(await a.call(0, (stub) => stub.series(request))).toMatchObject({ series: [ofA] });
    }
  });

  test('follows only its own changes', async () => {
    const { whole } = await system();
    const follow = (shards: TenantShards) =>
      shards.call(0, async (stub) => {
        const oldest = await stub.changes({ version: 1, cursor: 'oldest', rowsMax: 10, selectors: [] });
        const cursor = oldest.status === 'changes' ? oldest.cursor : expect.fail(oldest.status);
        const answer = await stub.changes({ version: 1, cursor, rowsMax: 10, selectors: [] });
        return answer.status === 'changes' ? answer.batches.flatMap(({ series }) => series.map(({ labels }) => labels)) : [];
      });
    expect(await follow(whole)).toHaveLength(3);
    expect(await follow(restrictShards(whole, teamA))).toEqual([ofA]);
  });

  test('may call no other method of a shard, and the shard never hears of it', async () => {
    const { whole, shards } = await system();
    const a = restrictShards(whole, teamA);
    const methods = Object.keys(shards.shard('t/shard/1/0'));
    expect(methods).toEqual(expect.arrayContaining([...RESTRICTED_METHODS, 'append', 'stats']));
    const calls = [...shards.calls];
    for (const method of methods) {
      if (RESTRICTED_METHODS.has(method)) continue;
      const call = a.call(0, (stub) => (stub[method as keyof ShardApi] as () => Promise<unknown>)());
      await expect(call, method).rejects.toMatchObject({ kind: 'forbidden', message: expect.stringContaining(`${method} cannot be restricted`) as unknown });
    }
    expect([...shards.calls]).toEqual(calls);
  });

  test('may call no method of the catalog but for metadata', async () => {
    const { whole, shards } = await system();
    const methods = Object.keys(shards.catalog('t/catalog'));
    expect(methods).toEqual(expect.arrayContaining(['routing', 'metadata', 'noteMetadata']));
    const calls = [...shards.calls];
    for (const method of methods) {
      if (method === 'metadata') continue;
      const call = restrictShards(whole, teamA).catalog((stub) => (stub[method as keyof typeof stub] as () => Promise<unknown>)());
      await expect(call, method).rejects.toMatchObject({ kind: 'forbidden' });
    }
    expect([...shards.calls]).toEqual(calls);
  });

  test('sees the metadata of metrics that have a series for it, and of each as many as there are', async () => {
    const { whole, shards } = await system();
    const entries = ['alone', 'hidden', 'm', 'zz'].flatMap((metric) => [1, 2].map((i) => ({ metric, type: 'gauge' as const, help: `${metric} ${i}`, unit: '' })));
    await whole.catalog((stub) => stub.noteMetadata({ version: 1, entries }));
    const store = shards.storeOf(shards.shardNames[0]!);
    store.appendLocal([{ labels: labelsFrom({ __name__: 'zz_bucket', team: 'a', le: '1' }), timestampsMs: [NOON], values: Float64Array.of(1) }]);
    const metadata = async (metricsMax: number, after = '', metric?: string): Promise<[string[], boolean]> => {
      const request = { version: 1, metric, after, metricsMax, perMetricMax: Infinity };
      const answer = await restrictShards(whole, teamA).catalog((stub) => stub.metadata(request));
      return [answer.entries.map(({ help }) => help).sort(), answer.more];
    };
    expect(await metadata(Infinity)).toEqual([['m 1', 'm 2', 'zz 1', 'zz 2'], false]);
    expect(await metadata(1)).toEqual([['m 1', 'm 2'], true]);
    expect(await metadata(1, 'm')).toEqual([['zz 1', 'zz 2'], false]);
    expect(await metadata(Infinity, 'zz')).toEqual([[], false]);
    expect(await metadata(Infinity, '', 'hidden')).toEqual([[], false]);
    expect(await metadata(Infinity, '', 'm')).toEqual([['m 1', 'm 2'], false]);
  });

  test('asks for nothing without its matchers, by any method', async () => {
    const asked: unknown[][] = [];
    const recording = new Proxy({}, { get: (_, name) => (...args: unknown[]) => Promise.resolve(asked.push([name, ...args])) }) as ShardApi;
    const { whole } = await system();
    const a = restrictShards({ ...whole, call: (_, body) => body(recording) }, teamA);
    const other: Matcher[] = [{ name: 'x', type: '=', value: 'y' }];
    for (const method of RESTRICTED_METHODS) {
      for (const selectors of [[], [other], [other, []]]) {
        const request = { selectors, matchers: selectors[0] ?? [] };
        const args = method === 'labelValues' ? ['name', request] : [request];
        await a.call(0, (stub) => (stub[method as keyof ShardApi] as (...given: unknown[]) => Promise<unknown>)(...args));
        const sent = asked.pop()!;
        expect(sent[0]).toBe(method);
        const { selectors: sentSelectors, matchers } = sent.at(-1) as { selectors: Matcher[][]; matchers: Matcher[] };
        const all = method === 'select' || method === 'evaluate' ? [matchers] : sentSelectors;
        expect(all.length).toBeGreaterThan(0);
        for (const selector of all) expect(selector).toEqual(expect.arrayContaining(teamA));
      }
    }
  });

  test('may not call what shards do not offer', async () => {
    const { whole } = await system();
    for (const name of ['storeOf', 'toString', '__proto__', 'constructor', 'hasOwnProperty']) {
      const call = restrictShards(whole, teamA).call(0, (stub) => (stub as unknown as Record<string, () => Promise<unknown>>)[name]!());
      await expect(call, name).rejects.toMatchObject({ kind: 'forbidden' });
    }
  });

  test('without matchers is nobody special', async () => {
    const { whole } = await system();
    expect(restrictShards(whole, [])).toBe(whole);
  });
});
