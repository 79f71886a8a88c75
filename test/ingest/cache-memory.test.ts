import { expect, test } from 'vitest';
import type { ImportBatches } from '../../ingest/import/import-batches.ts';
import { InfluxImport } from '../../ingest/import/influx-import.ts';
import { Rejections } from '../../ingest/rejections.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import { liveBytes } from '../fakes/live-bytes.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { bodyOf, DOORS, DoorStack } from './door-stack.ts';
import { NOW_MS } from './import/import-stack.ts';

const MIB = 2 ** 20;
const PER_REQUEST = 10_000;
/** What doors hold that is no cache: columns of a request, the batch that is made of it, and all that the first request makes for good. */
const COLUMNS_BYTES_MAX = 8 * MIB;

test('three doors with 190,000 series each keep what the limit says', { timeout: 300_000 }, async () => {
  const stack = new DoorStack();
  const shards = stack.tenant('a', 1);
  const bodies = DOORS.flatMap((door) => Array.from({ length: 19 }, (_, i) => ({ door, body: bodyOf(door, i * PER_REQUEST, PER_REQUEST) })));
  const before = liveBytes();
  for (let scrape = 0; scrape < 12; scrape++) {
    for (const { door, body } of bodies) {
      expect(await stack.send(door, shards, body)).toBeGreaterThanOrEqual(PER_REQUEST);
      expect(stack.caches.bytes).toBeLessThanOrEqual(LIMITS.workerCacheBytesMax);
    }
    const bytes = liveBytes() - before;
    // What is counted is what there is.
    expect(bytes, `scrape ${scrape}`).toBeLessThan(stack.caches.bytes + COLUMNS_BYTES_MAX);
    expect(bytes, `scrape ${scrape}`).toBeGreaterThan(stack.caches.bytes * 0.95);
    stack.clock.advance(60_000);
  }
  // All are in use, and OTLP, which takes longest without, has most; in twelve minutes room was made for those without at most three times.
  expect(stack.caches.bytes).toBeGreaterThan(LIMITS.workerCacheBytesMax * 0.7);
  const bytesOf = (cache: string): number => stack.value('varve_cache_bytes', { cache });
  for (const cache of ['remote_write_1', 'remote_write_2']) expect(bytesOf(cache), cache).toBeGreaterThan(4 * MIB);
  expect(bytesOf('otlp')).toBeGreaterThan(bytesOf('remote_write_1') * 1.5);
  expect(stack.value('varve_cache_evictions_total')).toBeLessThanOrEqual(3);
});

test('a thousand tenants with few series each keep what the limit says', { timeout: 300_000 }, async () => {
  const stack = new DoorStack({ workerCacheBytesMax: 8 * MIB });
  const tenants = Array.from({ length: 1_000 }, (_, i) => stack.tenant(`tenant-${i}`, i));
  const bodies = DOORS.map((door) => ({ door, body: bodyOf(door, 0, 100) }));
  const before = liveBytes();
  for (let scrape = 0; scrape < 3; scrape++) {
    for (const shards of tenants) for (const { door, body } of bodies) await stack.send(door, shards, body);
    expect(stack.caches.bytes).toBeLessThanOrEqual(8 * MIB);
    expect(liveBytes() - before, `scrape ${scrape}`).toBeLessThan(8 * MIB + COLUMNS_BYTES_MAX);
    stack.clock.advance(60_000);
  }
});

test.each(['1.0', '2.0'] as const)('a request of very many series by remote write %s holds no memory once it is answered, nor one that is refused', { timeout: 120_000 }, async (door) => {
  const stack = new DoorStack({ workerCacheBytesMax: MIB });
  const shards = stack.tenant('a', 1);
  const large = bodyOf(door, 0, 300_000);
  const cut = large.subarray(0, large.length - 1);
  await stack.send(door, shards, bodyOf(door, 0, 1_000));
  const before = liveBytes() - stack.caches.bytes;
  expect(await stack.send(door, shards, large)).toBe(300_000);
  expect(liveBytes() - stack.caches.bytes - before).toBeLessThan(COLUMNS_BYTES_MAX);
  await expect(stack.send(door, shards, cut)).rejects.toMatchObject({ kind: 'bad-data' });
  expect(liveBytes() - stack.caches.bytes - before).toBeLessThan(COLUMNS_BYTES_MAX);
});

test('with hardly any room for caches, and all of them emptied again and again, doors send what they would send anyway', async () => {
  const [roomy, narrow] = [new DoorStack(), new DoorStack({ workerCacheBytesMax: 512 * 1024, workerCacheIdleMs: 100 })];
  const stacks = [roomy, narrow] as const;
  for (const stack of stacks) Object.assign(stack, { isListening: true, givesRefs: false });
  const tenants = [1, 2].map((key) => stacks.map((stack): TenantShards => stack.tenant(`t${key}`, key)));
  const random = new SeededRandom(5);
  const bodies = new Map<string, Uint8Array>();
  for (let i = 0; i < 300; i++) {
    const door = random.pick(DOORS);
    const [first, count] = [random.below(20) * 500, 500 + random.below(3) * 500];
    const key = `${door} ${first} ${count}`;
    const body = bodies.get(key) ?? bodyOf(door, first, count);
    bodies.set(key, body);
    const shards = random.pick(tenants);
    for (const [s, stack] of stacks.entries()) {
      await stack.send(door, shards[s]!, body);
      stack.clock.advance(50);
    }
  }
  expect(narrow.sent).toEqual(roomy.sent);
  expect(roomy.value('varve_cache_evictions_total')).toBe(0);
  for (const cache of ['remote_write_1', 'remote_write_2', 'otlp']) expect(narrow.value('varve_cache_evictions_total', { cache }), cache).toBeGreaterThan(2);
});

test('refs are given up like the rest, and asked for again', async () => {
  const stack = new DoorStack({ workerCacheBytesMax: 256 * 1024, workerCacheIdleMs: 100 });
  const shards = stack.tenant('a', 1);
  const [written, exported] = [bodyOf('1.0', 0, 2_000), bodyOf('otlp', 0, 2_000)];
  for (let i = 0; i < 20; i++) {
    expect(await stack.send('1.0', shards, written)).toBe(2_000);
    stack.clock.advance(200);
    expect(await stack.send('otlp', shards, exported)).toBeGreaterThanOrEqual(2_000);
    stack.clock.advance(200);
  }
  expect(stack.value('varve_cache_evictions_total', { cache: 'remote_write_refs' })).toBeGreaterThan(2);
  expect(stack.value('varve_cache_bytes')).toBeLessThanOrEqual(256 * 1024);
});

test('an import of Influx lines whose fields have long names keeps of them what the limit says', () => {
  const batches = { sample: () => {} } as unknown as ImportBatches;
  const lines = new InfluxImport({ batches, rejections: new Rejections(1), limits: LIMITS, defaultTimestampMs: NOW_MS, extraLabels: [] }, 'ns', '');
  const before = liveBytes();
  for (let i = 0; i < 1_000; i++) {
    const line = new TextEncoder().encode(`m ${'f'.repeat(1_900)}${i}=1`);
    lines.line(line, 0, line.length, i);
  }
  expect(liveBytes() - before).toBeLessThan(LIMITS.importSeriesCacheBytesMax + MIB);
  // They are all remembered.
  expect(liveBytes() - before).toBeGreaterThan(1_000 * 1_900);
  lines.end();
});
