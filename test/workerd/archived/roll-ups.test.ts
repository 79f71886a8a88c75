import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { ask, getJson, metric, series, write } from '../client.ts';

/* Roll-ups in the real runtime: the catalog's alarm makes them of what is archived, and queries over whole buckets read them. */
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const nowMs = Math.floor(Date.now() / 60_000) * 60_000;
const dayStartMs = Math.floor(nowMs / DAY_MS) * DAY_MS - 4 * DAY_MS;

test('a day is rolled up, read, and made again when late samples come', { timeout: 120_000 }, async () => {
  await write(series({ __name__: 'pressure', room: 'kitchen' }, [nowMs - 60_000, 50]));
  const shard = env.SHARD.get(env.SHARD.idFromName('default/shard/1/0'));
  const catalog = env.CATALOG.get(env.CATALOG.idFromName('default/catalog'));
  const bring = async (lines: readonly string[]): Promise<void> => {
    expect((await ask('/api/v1/import/prometheus', { method: 'POST', body: `${lines.join('\n')}\n` })).status).toBeLessThan(300);
    for (let tries = 0; (await metric('varve_shard_late_samples')) > 0; tries++) {
      expect(tries, 'rings until the late samples are archived').toBeLessThan(100);
      await runDurableObjectAlarm(shard);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const rollUp = async (): Promise<void> => {
    // Late samples are waited for, by a clock that cannot be set here.
    const pending = (): Promise<number> =>
      runInDurableObject(catalog, (_, state) => {
        state.storage.sql.exec('UPDATE rollup_source SET changed_ms = 0');
        const [row] = state.storage.sql
          .exec("SELECT (SELECT count(*) FROM rollup_plan) + count(*) AS count FROM rollup_source LEFT JOIN (SELECT * FROM rollup_day WHERE table_name = 'rollup_1h') USING (shard, day) WHERE ifnull(through_file, 0) < newest_file")
          .toArray();
        return row!['count'] as number;
      });
    for (let tries = 0; (await pending()) > 0; tries++) {
      expect(tries, 'rings until the days are rolled up').toBeLessThan(100);
      await runInDurableObject(catalog, (_, state) => state.storage.setAlarm(Date.now() + DAY_MS));
      await runDurableObjectAlarm(catalog);
    }
  };
  const samples = Array.from({ length: 3 * 24 }, (_, i) => `pressure{room="kitchen"} ${i % 7} ${dayStartMs + i * (HOUR_MS / 3) + 5000}`);
  await bring(samples);
  await rollUp();
  const query = { query: 'sum(max_over_time(pressure[1h])) + sum(count_over_time(pressure[1h]))', start: dayStartMs / 1000 + 3600, end: dayStartMs / 1000 + 20 * 3600, step: 3600, stats: 'all' };
  const expected = Array.from({ length: 20 }, (_, hour) => String(Math.max(...[0, 1, 2].map((i) => (hour * 3 + i) % 7)) + 3));
  type Matrix = { readonly values: readonly (readonly [number, string])[] }[];
  const read = async (more: Record<string, string> = {}) => {
    const { json } = await getJson('/api/v1/query_range', { ...query, ...more });
    const { result, stats } = json.data as { result: Matrix; stats: { sources: { tiers: string[] } } };
    return { values: result[0]!.values.map(([, value]) => value), tiers: stats.sources.tiers, infos: (json as { infos?: string[] }).infos };
  };
  expect(await read()).toEqual({ values: expected, tiers: ['warm'], infos: ['the answer is made from roll-ups of 1h, and is the same as from samples'] });
  expect(await read({ max_source_resolution: '0s' })).toEqual({ values: expected, tiers: ['cold'], infos: undefined });

  await bring([`pressure{room="kitchen"} 100 ${dayStartMs + 30 * 60_000}`]);
  const late = ['104', ...expected.slice(1)];
  expect(await read()).toMatchObject({ values: late, tiers: ['cold'] });
  await rollUp();
  expect(await read()).toMatchObject({ values: late, tiers: ['warm'] });
  const tables = (await env.ARCHIVE.list({ prefix: 'default/archive/rollup_' })).objects.map(({ key }) => key.split('/')[2]);
  expect([...new Set(tables)]).toEqual(['rollup_1h', 'rollup_5m']);
});
