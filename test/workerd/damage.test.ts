import { evictAllDurableObjects, listDurableObjectIds, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { ask, series, write } from './client.ts';

test('a shard that cannot open is told from one that is away, by those who ask and by those who write', async () => {
  await write(series({ __name__: 'm' }, [Date.now(), 1]));
  const [id] = await listDurableObjectIds(env.SHARD);
  await runInDurableObject(env.SHARD.get(id!), (_, { storage }) => void storage.sql.exec("UPDATE wal SET samples = x'00'"));
  await evictAllDurableObjects();
  const answer = await ask('/api/v1/query?query=m');
  expect([answer.status, ((await answer.json()) as { error: string }).error]).toEqual([503, expect.stringMatching(/^shard 0 cannot answer: .*damaged storage: wal 0: WAL slot 0: 1 bytes is no WAL row; nothing is lost by trying again/)]);
  const metrics = await (await ask('/metrics')).text();
  expect(metrics).toContain('\nvarve_shard_up{shard="0"} 0\n');
  expect(metrics).toContain('\nvarve_shard_damaged_rows{shard="0"} 1\n');
});
