import { runDurableObjectAlarm } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { ask, instant, list, metric, series, write } from '../client.ts';
import { until } from './until.ts';

/*
 * The archive in the real runtime: samples of any age are imported, go through a shard's late queue into files in R2 and
 * into the Iceberg table, and are answered along with what the shard holds. Only old samples can show it: a window is closed after a day.
 */
const nowMs = Math.floor(Date.now() / 60_000) * 60_000;
const oldMs = nowMs - 3 * 24 * 3_600_000;

const keys = async (): Promise<string[]> => (await env.ARCHIVE.list({ prefix: 'default/archive/samples/' })).objects.map(({ key }) => key);

test('old samples are imported, archived, and read together with new ones', { timeout: 60_000 }, async () => {
  await write(series({ __name__: 'temperature', room: 'kitchen' }, [nowMs - 60_000, 21]));
  const lines = ['kitchen', 'cellar'].flatMap((room, i) => Array.from({ length: 10 }, (_, k) => `temperature{room="${room}"} ${10 * i + k} ${oldMs + k * 60_000}`));
  const imported = await ask('/api/v1/import/prometheus', { method: 'POST', body: `${lines.join('\n')}\n` });
  expect(imported.status, await imported.text()).toBeLessThan(300);
  const shard = env.SHARD.get(env.SHARD.idFromName('default/shard/1/0'));
  await until('the late samples are archived', async () => {
    await runDurableObjectAlarm(shard);
    return (await metric('varve_shard_late_samples')) === 0;
  });
  expect((await keys()).filter((key) => key.endsWith('.parquet')).length).toBeGreaterThan(0);
  expect(await instant('temperature', oldMs + 9 * 60_000)).toMatchObject([
    { metric: { room: 'cellar' }, value: [expect.anything(), '19'] },
    { metric: { room: 'kitchen' }, value: [expect.anything(), '9'] },
  ]);
  // One series out of files and shard.
  expect(await instant('count_over_time(temperature{room="kitchen"}[4d])', nowMs)).toMatchObject([{ value: [expect.anything(), '11'] }]);
  expect(await list('/api/v1/label/room/values', { start: String(oldMs / 1000), end: String(nowMs / 1000) })).toEqual(['cellar', 'kitchen']);

  // What is in files is deleted like what is not: from the answer on nobody reads it.
  const deletion = (selector: string, start: string) => ask(`/api/v1/admin/tsdb/delete_series?match[]=${encodeURIComponent(selector)}${start}`, { method: 'POST' });
  expect((await deletion('temperature{room="kitchen"}', `&end=${(oldMs + 60_000) / 1000}`)).status).toBe(204);
  expect(await instant('count_over_time(temperature{room="kitchen"}[4d])', nowMs)).toMatchObject([{ value: [expect.anything(), '9'] }]);
  expect((await deletion('temperature', `&start=${nowMs / 1000 - 3600}`)).status).toBe(204);
  expect(await instant('count_over_time(temperature{room="kitchen"}[4d])', nowMs)).toMatchObject([{ value: [expect.anything(), '8'] }]);
  expect((await ask('/api/v1/admin/tsdb/clean_tombstones', { method: 'POST' })).status).toBe(204);
  expect((await keys()).filter((key) => key.includes('-rewritten-')).length).toBeGreaterThan(0);
  expect(await instant('count_over_time(temperature{room="kitchen"}[4d])', nowMs)).toMatchObject([{ value: [expect.anything(), '8'] }]);

  const catalog = env.CATALOG.get(env.CATALOG.idFromName('default/catalog'));
  await until('the Iceberg table has a snapshot', async () => {
    await runDurableObjectAlarm(catalog);
    const metadataKey = (await keys()).filter((key) => key.endsWith('.metadata.json')).at(-1);
    if (metadataKey === undefined) return false;
    const { snapshots } = await (await env.ARCHIVE.get(metadataKey))!.json<{ readonly snapshots: readonly { readonly summary: Record<string, string> }[] }>();
    return snapshots.at(-1)!.summary['total-records'] === '18';
  });
  const metadataKey = (await keys()).filter((key) => key.endsWith('.metadata.json')).at(-1)!;
  const metadata = await (await env.ARCHIVE.get(metadataKey))!.json<{ readonly snapshots: readonly { readonly summary: Record<string, string> }[] }>();
  expect(metadata.snapshots.at(-1)!.summary['total-records']).toBe('18');

  // The same as the server says it.
  const { archive, hot } = (await list('/api/v1/status/tiers')) as { archive: { tables: unknown[] }; hot: { shards: { flush: unknown }[] } };
  const day = new Date(oldMs).toISOString().slice(0, 10);
  expect(archive.tables).toMatchObject([{ table: 'samples', samples: 18, days: expect.arrayContaining([expect.objectContaining({ day })]), iceberg: { unpublishedFiles: 0, metadata: metadataKey } }]);
  expect(hot.shards).toMatchObject([{ shard: '1/0', lateSamples: 0, flush: { archivedUntil: expect.any(String), begun: null, failure: null } }]);
});
