import { runDurableObjectAlarm } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { ask, getJson, metric, series, write } from '../client.ts';

/* An object of the archive is gone from R2: a query that needs it fails, or says what is missing. What it needs not, it does not touch. */
const DAY_MS = 24 * 3_600_000;
const nowMs = Math.floor(Date.now() / 60_000) * 60_000;
const dayOf = (daysAgo: number): number => Math.floor((nowMs - daysAgo * DAY_MS) / DAY_MS) * DAY_MS + DAY_MS / 2;

test('an object that is gone fails a query, and is named in a partial answer', { timeout: 60_000 }, async () => {
  await write(series({ __name__: 'humidity', room: 'kitchen' }, [nowMs - 60_000, 50]));
  const lines = [3, 5].flatMap((day) => Array.from({ length: 10 }, (_, k) => `humidity{room="kitchen"} ${day * 10 + k} ${dayOf(day) + k * 60_000}`));
  expect((await ask('/api/v1/import/prometheus', { method: 'POST', body: `${lines.join('\n')}\n` })).status).toBeLessThan(300);
  const shard = env.SHARD.get(env.SHARD.idFromName('default/shard/1/0'));
  for (let tries = 0; (await metric('varve_shard_late_samples')) > 0; tries++) {
    expect(tries, 'rings until the late samples are archived').toBeLessThan(100);
    await runDurableObjectAlarm(shard);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const count = { query: 'count_over_time(humidity[6d])', time: nowMs / 1000, stats: 'all' };
  const whole = await getJson('/api/v1/query', count);
  expect(whole.json.data).toMatchObject({ result: [{ value: [expect.anything(), '21'] }], stats: { sources: { tiers: ['hot', 'cold'], samples: 21, objects: 2, cold: { requests: 4 } } } });

  const prefix = `default/archive/samples/data/timestamp_day=${new Date(dayOf(5)).toISOString().slice(0, 10)}/`;
  const [gone] = (await env.ARCHIVE.list({ prefix })).objects;
  await env.ARCHIVE.delete(gone!.key);
  const failed = await getJson('/api/v1/query', count);
  expect([failed.status, failed.json]).toEqual([503, expect.objectContaining({ errorType: 'unavailable', error: `archive: object ${gone!.key} is missing` })]);
  const partial = await getJson('/api/v1/query', { ...count, partial_response: 'true' });
  expect(partial.json).toMatchObject({ data: { result: [{ value: [expect.anything(), '11'] }] }, warnings: [expect.stringContaining(`(file ${gone!.key}) are missing`)] });
  const recent = await getJson('/api/v1/query', { query: 'count_over_time(humidity[4d])', time: nowMs / 1000 });
  expect(recent.json).toMatchObject({ status: 'success', data: { result: [{ value: [expect.anything(), '11'] }] } });
});
