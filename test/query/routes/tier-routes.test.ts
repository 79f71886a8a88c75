import { expect, test } from 'vitest';
import type { FlushStatus } from '../../../storage/shard/shard-api.ts';
import { memoryApi, NOON } from '../api.ts';
import { archivedDays, DAY_MS } from '../archived-days.ts';

const HOUR_MS = 3_600_000;

test('each tier with what it holds: segments and log, files by day', async () => {
  const { api, objects } = await archivedDays();
  api.shards.storeOf('default/shard/1/0').seal();
  api.write(0, { __name__: 'm', series: 'c' }, [7]);
  const sizes = await Promise.all([0, 1].map(async (day) => (await objects.head(`default/archive/samples/data/day-${day}.parquet`))!.sizeBytes));
  expect(await api.data('/api/v1/status/tiers')).toEqual({
    time: '2024-01-14T12:00:00.000Z',
    missing: [],
    shardMaps: [{ epoch: 1, shardCount: 1, firstShard: 0, from: null, until: null, state: 'current' }],
    hot: {
      segments: 1,
      samples: 3,
      bytes: expect.any(Number),
      shards: [{ shard: '1/0', series: 2, segments: 1, samples: 3, bytes: expect.any(Number), minTime: '2024-01-14T11:59:00.000Z', maxTime: '2024-01-14T11:59:01.000Z', lateSamples: 0, flush: null }],
    },
    archive: {
      windowSeconds: 3600,
      graceSeconds: 87_300,
      archivedUntil: { '1/0': new Date(NOON - DAY_MS).toISOString() },
      commitsLost: null,
      adopted: null,
      tables: [
        {
          table: 'samples',
          tier: 'cold',
          files: 2,
          samples: 20,
          bytes: sizes[0]! + sizes[1]!,
          minTime: '2024-01-11T12:00:00.000Z',
          maxTime: '2024-01-12T12:04:00.000Z',
          iceberg: { unpublishedFiles: 2, snapshots: 0, snapshotId: null, snapshotTime: null, metadata: null },
          days: [
            { day: '2024-01-11', files: 1, samples: 10, bytes: sizes[0] },
            { day: '2024-01-12', files: 1, samples: 10, bytes: sizes[1] },
          ],
        },
      ],
      deletions: { waiting: 0, files: 0 },
      upkeep: [],
    },
  });
});

test('what the archive does by itself: what is begun, what comes next, and what has failed', async () => {
  const { api } = await archivedDays();
  const day = Math.floor(NOON / DAY_MS);
  api.shards.upkeepStatus = [
    { task: 'publish samples', dueMs: NOON + 60_000, begun: undefined, next: undefined, failure: { count: 2, message: 'the object store does not answer', retryAtMs: NOON + 60_000 } },
    { task: 'merge', dueMs: -Infinity, begun: { table: 'samples', day: day - 3, shard: '1/0', fileCount: 24, written: { fileCount: 2, rowCount: 500, bytes: 1234 } }, next: { table: 'samples', day: day - 2, shard: '1/0' }, failure: undefined },
    { task: 'expire partitions', dueMs: NOON + 9 * DAY_MS, begun: undefined, next: { table: 'samples', day: day - 3 }, failure: undefined },
    { task: 'roll up', dueMs: undefined, begun: undefined, next: undefined, failure: undefined },
  ];
  await api.shards.catalog('default/catalog').archiveDelete({ version: 1, selectors: [[{ name: 'series', type: '=', value: 'a' }]], startMs: 0, endMs: NOON - 2 * DAY_MS - 1, flushes: {} });
  const { archive } = (await api.data('/api/v1/status/tiers')) as { archive: Record<string, unknown> };
  expect(archive['deletions']).toEqual({ waiting: 1, files: 1 });
  expect(archive['upkeep']).toEqual([
    { task: 'publish samples', due: '2024-01-14T12:01:00.000Z', begun: null, next: null, failure: { count: 2, message: 'the object store does not answer', retryAt: '2024-01-14T12:01:00.000Z' } },
    { task: 'merge', due: '2024-01-14T12:00:00.000Z', begun: { table: 'samples', day: '2024-01-11', shard: '1/0', files: 24, written: { files: 2, rows: 500, bytes: 1234 } }, next: { table: 'samples', day: '2024-01-12', shard: '1/0' }, failure: null },
    { task: 'expire partitions', due: '2024-01-23T12:00:00.000Z', begun: null, next: { table: 'samples', day: '2024-01-11', shard: null }, failure: null },
    { task: 'roll up', due: null, begun: null, next: null, failure: null },
  ]);
});

test('how far a shard is, how late, what it has begun and what comes next', async () => {
  const api = await memoryApi();
  const status: FlushStatus = {
    archivedUntilMs: NOON - 48 * HOUR_MS,
    closedUntilMs: NOON - 47 * HOUR_MS,
    lagSeconds: 172_740,
    overdueSeconds: 81_900,
    begun: { task: { kind: 'window', startMs: NOON - 48 * HOUR_MS, endMs: NOON - 47 * HOUR_MS }, fileCount: 2, rowCount: 500, bytes: 1234 },
    next: { task: { kind: 'late', batchCount: 3 }, dueMs: -Infinity },
    failure: { count: 4, message: 'the object store does not answer', retryAtMs: NOON + 60_000 },
  };
  const flushOf = async (given: FlushStatus): Promise<unknown> => {
    api.shards.flushStatus = given;
    const { hot } = (await api.data('/api/v1/status/tiers')) as { hot: { shards: { flush: unknown }[] } };
    return hot.shards[0]!.flush;
  };
  expect(await flushOf(status)).toEqual({
    archivedUntil: '2024-01-12T12:00:00.000Z',
    closedUntil: '2024-01-12T13:00:00.000Z',
    lagSeconds: 172_740,
    overdueSeconds: 81_900,
    begun: { kind: 'window', start: '2024-01-12T12:00:00.000Z', end: '2024-01-12T13:00:00.000Z', files: 2, samples: 500, bytes: 1234 },
    next: { kind: 'late', batches: 3, due: '2024-01-14T12:00:00.000Z' },
    failure: { count: 4, message: 'the object store does not answer', retryAt: '2024-01-14T12:01:00.000Z' },
  });
  expect(await flushOf({ archivedUntilMs: -Infinity, closedUntilMs: -Infinity, lagSeconds: 0, overdueSeconds: 0, begun: undefined, next: undefined, failure: undefined })).toEqual({
    archivedUntil: null, closedUntil: null, lagSeconds: 0, overdueSeconds: 0, begun: null, next: null, failure: null,
  });
});

test('where nothing is archived there is no archive', async () => {
  const api = await memoryApi({ shardCount: 2 });
  api.write(1, { __name__: 'm' }, [1, 2]);
  expect(await api.data('/api/v1/status/tiers')).toMatchObject({ hot: { samples: 2, shards: [{ shard: '0', samples: 0 }, { shard: '1', samples: 2 }] }, archive: null });
});

test('a shard that does not answer is named, and why, beside what the others say', async () => {
  const api = await memoryApi({ shardCount: 3 });
  for (const shard of [0, 1, 2]) api.write(shard, { __name__: 'm' }, [1, 2]);
  api.shards.damage('default/shard/1/1', "UPDATE wal SET samples = x'00'");
  expect(await api.data('/api/v1/status/tiers')).toMatchObject({
    missing: [{ part: 'shard 1', reason: expect.stringMatching(/^shard 1 cannot answer: damaged storage: wal 0: WAL slot 0: 1 bytes is no WAL row/) }],
    hot: { samples: 4, shards: [{ shard: '0', samples: 2 }, { shard: '2', samples: 2 }] },
  });
});

test('where no shard answers, the catalog does, and the other way round', async () => {
  const { api } = await archivedDays();
  api.shards.faults.push(...Array<'lose-request'>(12).fill('lose-request'));
  expect(await api.data('/api/v1/status/tiers')).toMatchObject({ missing: [{ part: 'shard 1/0' }], hot: { samples: 0, shards: [] }, archive: { tables: [{ samples: 20 }] } });
  api.shards.faults.length = 0;
  api.shards.catalogsAreDown = true;
  expect(await api.data('/api/v1/status/tiers')).toMatchObject({ missing: [{ part: 'catalog', reason: expect.stringContaining('catalog of default cannot be reached') }], hot: { shards: [{ shard: '1/0' }] }, archive: null });
});
