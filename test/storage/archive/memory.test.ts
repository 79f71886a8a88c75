import { expect, test } from 'vitest';
import { TenantArchive } from '../../../storage/archive/tenant-archive.ts';
import type { Labels } from '../../../storage/model/labels.ts';
import { LruCache } from '../../../storage/runtime/lru-cache.ts';
import { liveBytes } from '../../fakes/live-bytes.ts';
import { MemoryObjectStore } from '../../fakes/memory-object-store.ts';
import { WeighingObjectStore } from '../../fakes/weighing-object-store.ts';
import { FlushWorld, HOUR_MS, START_MS } from './flush/flush-world.ts';

/*
 * What a flush and a read of files hold beside the shard, whatever the window's size: V8's own count of what is alive behind full collections,
 * taken where the work waits for the object store and for its turn.
 */
const MEGABYTE = 1e6;
const ASKED_BYTES = 64 * MEGABYTE;

/** An hour of some series, a sample every `stepMs`, sealed; its flush is due. */
function filled(seriesCount: number, stepMs: number, keepsBodies: boolean): { readonly world: FlushWorld; readonly store: WeighingObjectStore; readonly samples: number } {
  const world = new FlushWorld();
  const store = new WeighingObjectStore(new MemoryObjectStore(), keepsBodies);
  world.store = store;
  world.wake();
  const count = HOUR_MS / stepMs;
  const timestampsMs = Float64Array.from({ length: count }, (_, i) => START_MS + i * stepMs);
  for (let series = 0; series < seriesCount; series++) {
    const labels: Labels = ['__name__', `metric_${String(series % 10)}`, 'pod', `pod-${String(series).padStart(5, '0')}`, 'team', `team-${series % 7}`];
    const values = Float64Array.from({ length: count }, (_, i) => Math.round(Math.sin(i * series) * 1000) / 10);
    const answer = world.hot.appendLocal([{ labels, timestampsMs, values }]);
    if (answer.samplesRefused > 0) throw new Error(answer.refusal ?? 'refused');
    world.clock.advance(1000);
    while ((world.hot.nextDueMs() ?? Infinity) <= world.clock.nowMs()) world.hot.maintain();
  }
  world.hot.seal();
  world.clock.advance(HOUR_MS + world.limits.archiveGraceMs);
  return { world, store, samples: seriesCount * count };
}

async function flushBytes(seriesCount: number, stepMs: number): Promise<{ readonly bytes: number; readonly samples: number }> {
  const { world, store, samples } = filled(seriesCount, stepMs, false);
  const baseBytes = liveBytes();
  await world.settle();
  expect(world.flusher.counters.archived_samples_total).toBe(samples);
  return { bytes: store.mostBytes - baseBytes, samples };
}

test('a flush holds less than 64 MB, and no more of it for a larger window', { timeout: 120_000 }, async () => {
  const small = await flushBytes(100, 15_000);
  const many = await flushBytes(4000, 15_000);
  const dense = await flushBytes(100, 500);
  expect([many.samples / small.samples, dense.samples / small.samples]).toEqual([40, 30]);
  for (const { bytes } of [small, many, dense]) {
    expect(bytes).toBeGreaterThan(MEGABYTE / 10);
    expect(bytes).toBeLessThan(ASKED_BYTES);
  }
  // A file of 262,144 rows and the row group in the making: the shape of the window does not matter.
  expect(Math.max(many.bytes, dense.bytes)).toBeLessThan(30 * MEGABYTE);
});

test('a read of files holds a batch of series, not what it reads in all', { timeout: 120_000 }, async () => {
  const { world, store, samples } = filled(2000, 15_000, true);
  await world.settle();
  store.mostBytes = 0;
  const archive = new TenantArchive({ store, cache: new LruCache(world.limits.archiveTailCacheBytesMax), limits: world.limits, files: async (request) => world.files.files(request) });
  const baseBytes = liveBytes();
  const { files } = await archive.plan(START_MS, START_MS + HOUR_MS);
  let read = 0;
  for await (const { part } of archive.select([...files.values()].flat(), { matchers: [], startMs: START_MS, endMs: START_MS + HOUR_MS, samplesMax: Number.MAX_SAFE_INTEGER })) read += part.to - part.from;
  store.weigh();
  expect(read).toBe(samples);
  expect(store.mostBytes - baseBytes).toBeLessThan(ASKED_BYTES / 2);
});
