import { evictAllDurableObjects, listDurableObjectIds, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { writeStale } from '../../storage/model/sample.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { instant, metric, series, write } from './client.ts';

const nowMs = Math.floor(Date.now() / 60_000) * 60_000 - 3_600_000;

test('a full log is sealed into segments, and answers stay the same', { timeout: 30_000 }, async () => {
  const seriesCount = 64;
  const perSeries = LIMITS.batchSamplesMax / seriesCount;
  const startMs = nowMs - 4 * 3_600_000;
  // The log has room for one more such batch, but not beside the samples of another series.
  const batches = LIMITS.logEntriesMax / LIMITS.batchSamplesMax - 1;
  const fill = async (batch: number): Promise<void> => {
    const timestampsMs = Float64Array.from({ length: perSeries }, (_, k) => startMs + (batch * perSeries + k) * 1000);
    await write(...Array.from({ length: seriesCount }, (_, i) => {
      const values = timestampsMs.map((_time, k) => (k % 7) * (i + 1) + batch);
      // One marker at the end of each series' batch: it goes WAL, seal, segment, select.
      writeStale(values, perSeries - 1);
      return { labels: ['__name__', 'full', 'i', String(i)], timestampsMs, values };
    }));
  };
  const questions: [string, number][] = [
    ['full{i="63"}[5m]', startMs + 600_000],
    ['sum by (i) (count_over_time(full[3h]))', startMs + 9_300_000],
    // The last sample before the end of a batch, and the marker.
    ['count(full)', startMs + (perSeries - 2) * 1000],
    ['count(full) or vector(0)', startMs + (perSeries - 1) * 1000],
    ['other[5m]', nowMs + 60_000],
  ];
  const answers = (): Promise<unknown[]> => Promise.all(questions.map(([query, timeMs]) => instant(query, timeMs)));

  await write(series({ __name__: 'other' }, [nowMs, 1], [nowMs + 15_000, NaN], [nowMs + 7500, 3]));
  for (let batch = 0; batch < batches; batch++) await fill(batch);
  expect(await metric('varve_shard_seals_total')).toBe(0);
  const before = await answers();
  expect((before[2] as { value: unknown[] }[])[0]!.value[1]).toBe('64');
  expect((before[3] as { value: unknown[] }[])[0]!.value[1]).toBe('0');
  // The first of these begins the seal, and those behind it carry it through, with queries between its steps.
  let behind = 0;
  for (; (await metric('varve_shard_seals_total')) === 0; behind++) {
    expect(behind).toBeLessThan(5);
    const far = Float64Array.from({ length: LIMITS.batchSamplesMax }, (_, k) => nowMs + 120_000 + behind * LIMITS.batchSamplesMax + k);
    const written = write({ labels: ['__name__', 'far'], timestampsMs: far, values: far });
    expect(await answers()).toEqual(before);
    await written;
  }
  expect(await metric('varve_shard_seals_total')).toBe(1);
  expect(await metric('varve_shard_log_entries')).toBe(behind * LIMITS.batchSamplesMax);
  expect(await answers()).toEqual(before);
  await evictAllDurableObjects();
  expect(await answers()).toEqual(before);
  const [id] = await listDurableObjectIds(env.SHARD);
  const segments = await runInDurableObject(env.SHARD.get(id!), (_, { storage }) => storage.sql.exec('SELECT count(*) AS n, max(length(samples)) AS bytes FROM segment').one());
  expect(segments['n']).toBeGreaterThan(0);
  expect(segments['bytes']).toBeLessThan(LIMITS.sqlRowBytesMax);
});
