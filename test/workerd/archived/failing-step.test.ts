import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { ask, metric, series, write } from '../client.ts';

/* A catalog whose own storage fails at one step, whenever it tries: the object ends each time, and what it has noted outlives it. */
const nowMs = Math.floor(Date.now() / 60_000) * 60_000;
const oldMs = nowMs - 3 * 24 * 3_600_000;

const catalog = () => env.CATALOG.get(env.CATALOG.idFromName('default/catalog'));

/** Rings for a while, as the platform does, until something is so. */
async function ringUntil(what: string, isSo: (archive: Archive) => boolean): Promise<Archive> {
  for (let tries = 0; tries < 150; tries++) {
    await runDurableObjectAlarm(catalog()).catch(() => undefined);
    const archive = await status().catch(() => undefined);
    if (archive !== undefined && isSo(archive)) return archive;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`waited in vain until ${what}`);
}

interface Archive {
  readonly tables: readonly { readonly table: string; readonly iceberg: { readonly unpublishedFiles: number; readonly snapshots: number } }[];
  readonly upkeep: readonly { readonly task: string; readonly failure: { readonly count: number; readonly message: string } | null }[];
}

async function status(): Promise<Archive> {
  return ((await (await ask('/api/v1/status/tiers')).json()) as { readonly data: { readonly archive: Archive } }).data.archive;
}

const publishing = ({ upkeep }: Archive) => upkeep.find(({ task }) => task === 'publish samples');

test('a step that fails in the catalog waits, is named, and lets the others go on', { timeout: 60_000 }, async () => {
  await write(series({ __name__: 'pressure', room: 'kitchen' }, [nowMs - 60_000, 50]));
  await runInDurableObject(catalog(), (_instance, { storage }) => {
    storage.sql.exec("CREATE TRIGGER broken BEFORE UPDATE OF metadata ON archive_table WHEN new.name = 'samples' BEGIN SELECT RAISE(ABORT, 'string or blob too big'); END");
  });
  const lines = Array.from({ length: 10 }, (_, k) => `pressure{room="kitchen"} ${k} ${oldMs + k * 60_000}`);
  expect((await ask('/api/v1/import/prometheus', { method: 'POST', body: `${lines.join('\n')}\n` })).status).toBeLessThan(300);
  for (let tries = 0; tries < 100 && (await metric('varve_shard_late_samples')) !== 0; tries++) await runDurableObjectAlarm(env.SHARD.get(env.SHARD.idFromName('default/shard/1/0')));

  const failed = await ringUntil('it has failed', (archive) => (publishing(archive)?.failure?.count ?? 0) > 0);
  expect(publishing(failed)!.failure!.message).toMatch(/string or blob too big/);
  expect(await metric('varve_catalog_archive_step_failures_total')).toBeGreaterThan(0);
  // What comes behind it has its turn all the same: metadata is written, which is of the upkeep, and its snapshot.
  expect((await ask('/api/v1/import/prometheus', { method: 'POST', body: '# HELP pressure Of the air.\n# TYPE pressure gauge\n' })).status).toBeLessThan(300);
  const others = await ringUntil('others have gone on', ({ tables }) => tables.some(({ table, iceberg }) => table === 'metadata' && iceberg.snapshots > 0));
  expect(publishing(others)!.failure).not.toBeNull();

  await runInDurableObject(catalog(), (_instance, { storage }) => {
    storage.sql.exec('DROP TRIGGER broken');
  });
  const mended = await ringUntil('it has published', ({ tables }) => tables.every(({ iceberg }) => iceberg.unpublishedFiles === 0));
  expect(publishing(mended)).toBeUndefined();
});
