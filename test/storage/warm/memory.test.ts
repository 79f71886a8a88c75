import { expect, test } from 'vitest';
import type { Labels } from '../../../storage/model/labels.ts';
import { liveBytes } from '../../fakes/live-bytes.ts';
import { WeighingObjectStore } from '../../fakes/weighing-object-store.ts';
import { ArchiveWorld, DAY_START_MS, HOUR_MS } from '../archive/archive-world.ts';
import type { TestSeries } from '../archive/random-series.ts';
import { RollupWorld } from './rollup-world.ts';

/*
 * What roll-ups and merges hold beside the shard: V8's own count of what is alive behind full collections, taken at each call of the object
 * store.
 */
const MEGABYTE = 1e6;
const ASKED_BYTES = 64 * MEGABYTE;
/** Collections take more time than the work itself. */
const GETS_EACH = 20;
const NOISE = 2_654_435_761;

interface Shape {
  /** Commits of the day, each of which is a run of files. */
  readonly commits: number;
  readonly series: number;
  /** Of a series in one commit. */
  readonly rows: number;
  /** Characters of a label that no other series has. */
  readonly labelLength: number;
}

/** A day of a shard. Labels and values compress badly. */
async function fill(world: ArchiveWorld, { commits, series, rows, labelLength }: Shape): Promise<void> {
  const labels = Array.from({ length: series }, (_, i): Labels => {
    let text = '';
    for (let at = 0; text.length < labelLength; at++) text += (Math.imul(i * 31 + at, NOISE) >>> 0).toString(36);
    return ['__name__', `metric_${Math.floor(i / 1000)}`, 'instance', `host-${String(i).padStart(6, '0')}`, 'path', text.slice(0, labelLength)];
  });
  for (let commit = 0; commit < commits; commit++) {
    const startMs = DAY_START_MS + 1000 + Math.floor((commit * 23 * HOUR_MS) / commits);
    const timestampsMs = Float64Array.from({ length: rows }, (_, i) => startMs + i * 1000);
    await world.commit(labels.map((each, s): TestSeries => {
      const values = Float64Array.from({ length: rows }, (_, i) => (Math.imul(s + i, NOISE) >>> 0) / 7);
      return { labels: each, id: new Uint8Array(12), source: { timestampsMs, bits: new Uint32Array(values.buffer), payloads: [], startsMs: undefined } };
    }));
  }
}

const MERGED: [string, Shape][] = [
  ['hours of many rows', { commits: 24, series: 200, rows: 120, labelLength: 20 }],
  ['many series of a few rows', { commits: 30, series: 8000, rows: 2, labelLength: 150 }],
];

test.each(MERGED)('a merge holds less than 64 MB: %s', { timeout: 120_000 }, async (_, shape) => {
  const world = new ArchiveWorld();
  await fill(world, shape);
  const store = new WeighingObjectStore(world.objects, false, GETS_EACH);
  world.store = store;
  world.wake();
  const baseBytes = liveBytes();
  // What is merged is not there to be merged again.
  while (world.merger.counters.archive_merges_total === 0) {
    world.clock.advance(Math.max(0, world.merger.nextDueMs()! - world.clock.nowMs()));
    await world.merger.step();
  }
  expect(store.mostBytes - baseBytes).toBeGreaterThan(3 * MEGABYTE);
  expect(store.mostBytes - baseBytes).toBeLessThan(ASKED_BYTES);
  // Behind it nothing of the files is left.
  expect(liveBytes() - baseBytes).toBeLessThan(2 * MEGABYTE);
});

const ROLLED_UP: [string, Shape][] = [
  ['hours of many rows', { commits: 24, series: 200, rows: 120, labelLength: 20 }],
  ['many series of a few rows', { commits: 12, series: 8000, rows: 2, labelLength: 150 }],
];

test.each(ROLLED_UP)('roll-ups hold less than 64 MB: %s', { timeout: 120_000 }, async (_, shape) => {
  const world = new RollupWorld();
  await fill(world, shape);
  const store = new WeighingObjectStore(world.objects, false, GETS_EACH);
  world.store = store;
  world.wake();
  const baseBytes = liveBytes();
  await world.rollUpAll();
  expect(world.builder.counters.rollup_plans_total).toBe(2);
  expect(store.mostBytes - baseBytes).toBeGreaterThan(3 * MEGABYTE);
  expect(store.mostBytes - baseBytes).toBeLessThan(ASKED_BYTES);
  // Behind it nothing of the files is left.
  expect(liveBytes() - baseBytes).toBeLessThan(2 * MEGABYTE);
});
