import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { ask, instant, metric, series, write } from '../client.ts';
import { until } from './until.ts';

/* The storage of a catalog in the real runtime begins anew, beside a bucket that is full: what it had is found again. */
const nowMs = Math.floor(Date.now() / 60_000) * 60_000;
const oldMs = nowMs - 3 * 24 * 3_600_000;

const catalog = () => env.CATALOG.get(env.CATALOG.idFromName('default/catalog'));

interface Tiers {
  readonly archive: {
    readonly adopted: { readonly files: number } | null;
    readonly commitsLost: string | null;
    readonly tables: readonly { readonly files: number; readonly iceberg: { readonly unpublishedFiles: number; readonly snapshots: number } }[];
  };
}

const tiers = async (): Promise<Tiers> => ((await (await ask('/api/v1/status/tiers')).json()) as { readonly data: Tiers }).data;

test('a catalog that has lost its storage finds its files again', { timeout: 60_000 }, async () => {
  await write(series({ __name__: 'pressure', room: 'kitchen' }, [nowMs - 60_000, 50]));
  const imported = async (name: string): Promise<void> => {
    const lines = Array.from({ length: 10 }, (_, k) => `${name}{room="kitchen"} ${k} ${oldMs + k * 60_000}`);
    expect((await ask('/api/v1/import/prometheus', { method: 'POST', body: `${lines.join('\n')}\n` })).status).toBeLessThan(300);
    await until('the late samples are archived', async () => {
      await runDurableObjectAlarm(env.SHARD.get(env.SHARD.idFromName('default/shard/1/0')));
      return (await metric('varve_shard_late_samples')) === 0;
    });
  };
  await imported('pressure');
  await until('there is a snapshot', async () => {
    await runDurableObjectAlarm(catalog());
    return (await tiers()).archive.tables[0]!.iceberg.unpublishedFiles === 0;
  });
  const [before] = (await tiers()).archive.tables;
  expect(before!.iceberg.snapshots).toBeGreaterThan(0);
  // One more, that no snapshot has.
  await imported('humidity');

  await runInDurableObject(catalog(), async (_instance, state) => {
    await state.storage.deleteAll();
    state.abort('its storage is gone');
  }).catch(() => undefined);
  await until('it has looked', async () => {
    await runDurableObjectAlarm(catalog()).catch(() => undefined);
    return (await tiers()).archive.adopted !== null;
  });
  await until('all is published', async () => {
    await runDurableObjectAlarm(catalog());
    return (await tiers()).archive.tables[0]!.iceberg.unpublishedFiles === 0;
  });
  const { archive } = await tiers();
  expect(archive).toMatchObject({ commitsLost: null, adopted: { files: before!.files + 1 }, tables: [{ files: before!.files + 1 }] });
  for (const name of ['pressure', 'humidity']) expect(await instant(`${name}{room="kitchen"}`, oldMs + 9 * 60_000)).toMatchObject([{ value: [expect.anything(), '9'] }]);
  expect(await instant('count_over_time(pressure[4d])', nowMs)).toMatchObject([{ value: [expect.anything(), '11'] }]);
});
