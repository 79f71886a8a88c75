import { describe, expect, test } from 'vitest';
import { archiveStatus } from '../../../../storage/catalog/archive-status.ts';
import { must } from '../../../../storage/runtime/assert.ts';
import { LIMITS } from '../../../../storage/runtime/limits.ts';
import { FaultyObjectStore } from '../../../fakes/faulty-object-store.ts';
import '../../../fakes/remembered-zstd.ts';
import { letDie } from '../dying.ts';
import { FlushWorld, HOUR_MS, lineOf, seriesOf, START_MS, times } from './flush-world.ts';

const { archiveGraceMs } = LIMITS;
/** The sum of what identifies a sample, so that every value is its own. */
const value = (series: number, timeMs: number): number => series * 1e7 + (timeMs - START_MS) / 1000;
/** A file of a window holds so many rows: a window is several files, and a series may be cut. */
const SMALL = { archiveRowGroupRowsMax: 50, archiveFileRowsMax: 130 };

/** Three hours of eight series, one and a half of them to be flushed, and late samples of the days before. */
function filled(limits: Partial<Record<keyof typeof LIMITS, number>> = SMALL): FlushWorld {
  const world = new FlushWorld(limits);
  world.write(seriesOf(8), times(START_MS + HOUR_MS / 2, 150), value);
  world.writeLate(seriesOf(3, 'late'), times(START_MS - 30 * HOUR_MS, 90, 20 * 60_000), value);
  world.clock.advance(HOUR_MS / 2 + 2 * HOUR_MS + archiveGraceMs);
  return world;
}

async function expectAll(world: FlushWorld): Promise<void> {
  expect(await world.readAll()).toEqual([...world.acknowledged].sort());
}

describe('a flush', () => {
  test('windows that are over go into files, the rest stays', async () => {
    const world = filled();
    await world.settle();
    await expectAll(world);
    expect(world.hot.archive.mark.archivedUntilMs).toBe(START_MS + 2 * HOUR_MS);
    expect(world.hot.late.sampleCount).toBe(0);
    const { files } = world.files.files({ version: 1, startMs: 0, endMs: 1e15, after: undefined });
    // 8 × 30 and 8 × 60 rows, at most 130 a file, and late samples of two days or three.
    expect(files.filter(({ minTimeMs }) => minTimeMs >= START_MS).map(({ rowCount }) => rowCount)).toEqual([130, 110, 130, 130, 130, 90]);
    expect(new Set(files.filter(({ minTimeMs }) => minTimeMs < START_MS).map(({ minTimeMs }) => Math.floor(minTimeMs / (24 * HOUR_MS)))).size).toBe(2);
    for (const { minTimeMs, maxTimeMs } of files) expect(Math.floor(minTimeMs / (24 * HOUR_MS))).toBe(Math.floor(maxTimeMs / (24 * HOUR_MS)));
    // Nothing more to do, and no alarm for it before the next window is over.
    expect(world.flusher.nextDueMs()).toBe(START_MS + 3 * HOUR_MS + archiveGraceMs);
  });

  test('samples that are still in the log when their window is closed, and came out of order, are each of their own series', async () => {
    const world = new FlushWorld();
    world.clock.advance(24 * HOUR_MS + HOUR_MS / 2);
    world.write(seriesOf(5), [world.clock.nowMs()], value);
    world.write(seriesOf(5), times(START_MS + HOUR_MS / 2, 10), value);
    world.clock.advance(HOUR_MS);
    await world.settle();
    expect(world.hot.stats().gauges['log_entries']).toBe(55);
    expect(world.hot.archive.mark.archivedUntilMs).toBe(START_MS + HOUR_MS);
    await expectAll(world);
  });

  test('what is written between two columns of a row group changes no file', async () => {
    const [quiet, busy] = [filled(), filled()];
    let turns = 0;
    busy.clock.sleep = async (durationMs) => {
      busy.clock.advance(durationMs);
      busy.write(seriesOf(9), [busy.clock.nowMs()], value);
      if (++turns % 10 === 0) for (let i = 0; i < 10; i++) busy.hot.maintain();
    };
    await quiet.settle();
    await busy.settle();
    // Five columns of each of the row groups: 240 rows and 480, 50 in each.
    expect(turns).toBeGreaterThan(5 * (5 + 10));
    await expectAll(busy);
    const bodies = (world: FlushWorld): Promise<unknown> =>
      Promise.all(world.files.files({ version: 1, startMs: 0, endMs: START_MS + 2 * HOUR_MS - 1, after: undefined }).files.map(async ({ key }) => [key, await world.objects.get(key)]));
    expect(await bodies(busy)).toEqual(await bodies(quiet));
  }, 20_000);

  test('what the archive has leaves the hot tier when its time is over, what it has not stays', async () => {
    const world = filled();
    await world.settle();
    world.clock.advance(40 * HOUR_MS);
    // The third hour is due by age, and not archived: it stays.
    for (let i = 0; i < 10; i++) world.hot.maintain();
    expect(world.hot.stats().gauges['segments']).toBe(1);
    await expectAll(world);
    await world.settle();
    await expectAll(world);
    world.hot.maintain();
    expect(world.hot.stats().gauges['segments']).toBe(0);
    expect(world.hot.nextDueMs()).toBeUndefined();
    // What is left is to close the day, once.
    world.clock.advance(must(world.flusher.nextDueMs(), 'the end of the day') - world.clock.nowMs());
    expect(await world.settle()).toBeGreaterThan(0);
    expect(world.hot.archive.mark.archivedUntilMs).toBe(START_MS + 25 * HOUR_MS);
    expect(world.flusher.nextDueMs()).toBeUndefined();
  });

  test('a window that is closed takes no more samples, and says so', async () => {
    const world = filled();
    await world.settle();
    const answer = world.hot.appendLocal([{ labels: seriesOf(1)[0]!, timestampsMs: Float64Array.of(START_MS + HOUR_MS), values: Float64Array.of(1) }]);
    expect(answer).toMatchObject({ samplesStored: 0, samplesRefused: 1, refusal: expect.stringContaining(String(START_MS + 2 * HOUR_MS)) });
    await expectAll(world);
  });

  test('late samples wait until their time is archived', async () => {
    const world = new FlushWorld(SMALL);
    world.clock.advance(30 * HOUR_MS);
    world.writeLate(seriesOf(2, 'late'), [START_MS + 5.5 * HOUR_MS], value);
    await world.settle();
    expect(world.hot.late.sampleCount).toBe(2);
    world.clock.advance(HOUR_MS);
    await world.settle();
    expect(world.hot.late.sampleCount).toBe(0);
    await expectAll(world);
  });

  test('samples that are deleted while a window is half in files take no others with them', async () => {
    for (let steps = 2; steps < 8; steps++) {
      const world = filled();
      for (let step = 0; step < steps; step++) await world.flusher.step();
      const flushesBegun = world.hot.archive.mark.flushesBegun;
      // Of each series the first forty minutes of the first window and the second: files were cut within series.
      const [startMs, endMs] = [START_MS, START_MS + 70 * 60_000];
      const answer = world.hot.deleteSeries({ version: 1, selectors: [[]], startMs, endMs, limit: 0 });
      expect(answer).toMatchObject({ flushesBegun, isLateWaiting: false });
      await world.settle();
      const kept = [...world.acknowledged].filter((line) => Number(line.split(' ').at(-2)) > endMs || Number(line.split(' ').at(-2)) < startMs);
      // What was in files by then is for the catalog's tombstone.
      expect(await world.readAll()).toEqual(expect.arrayContaining(kept));
    }
  });

  test('an instance that has been replaced begins nothing', async () => {
    const world = filled();
    const old = world.flusher;
    world.wake();
    world.write(seriesOf(1), [world.clock.nowMs()], value);
    await expect(old.step()).rejects.toThrow('replaced');
    expect(world.flusher.status().begun).toBeUndefined();
    expect(world.hot.archive.mark.closedUntilMs).toBe(-Infinity);
    await world.settle();
    await expectAll(world);
  });

  test('a shard without samples has nothing to do', async () => {
    const world = new FlushWorld();
    expect(world.flusher.nextDueMs()).toBeUndefined();
    expect(await world.settle()).toBe(0);
    expect(world.objects.counts.create).toBe(0);
  });
});

describe('faults', () => {
  test.each(['before', 'after'] as const)('each call of the object store breaks %s its effect', async (when) => {
    const whole = filled();
    for (let call = 0; ; call++) {
      const world = whole.copy();
      const store = new FaultyObjectStore(world.objects, { call, when });
      world.store = store;
      world.wake();
      await world.settle();
      await expectAll(world);
      await expectNoneLeft(world);
      if (store.calls <= call) break;
      // What was stored is found when one looks; what was not is tried again.
      expect(world.flusher.counters.archive_failures_total).toBe(when === 'before' ? 1 : 0);
    }
  });

  test.each(['lose-request', 'lose-answer'] as const)('each commit: %s', async (fault) => {
    for (let failing = 0; ; failing++) {
      const world = filled();
      world.commitFault = (commit) => (commit === failing ? fault : undefined);
      await world.settle();
      await expectAll(world);
      await expectNoneLeft(world);
      if (world.commits <= failing) break;
    }
  });

  test.each(['before', 'after'] as const)('the shard dies %s each call of its storage', { timeout: 120_000 }, async (when) => {
    const whole = filled({ ...SMALL, archiveFileRowsMax: 300 });
    const stateCount = await letDie(whole, { when, work: (world) => world.settle() }, async (world) => {
      await world.flusher.step();
      // A window that is half in files is closed, whatever died on the way to it.
      for (const hour of [0.5, 1]) writeIfOpen(world, START_MS + hour * HOUR_MS + 30_000);
      await world.settle();
      await expectAll(world);
      await expectNoneLeft(world);
      // No number of a flush is left out: the catalog would look for its files.
      expect(archiveStatus(world.catalogSql).commitsLostMs).toBeUndefined();
    });
    expect(stateCount).toBeGreaterThan(when === 'before' ? 25 : 13);
  });

  test('the object store is down for a day: ingest goes on, and afterwards the backlog drains', async () => {
    const world = filled();
    const store = new FaultyObjectStore(world.objects);
    world.store = store;
    world.wake();
    store.isDown = true;
    for (let hour = 0; hour < 24; hour++) {
      world.write(seriesOf(4, 'during'), times(world.clock.nowMs(), 4, 15_000), value);
      world.hot.maintain();
      for (let tries = 0; tries < 3; tries++) {
        world.clock.advance(20 * 60_000);
        await world.flusher.step();
      }
      // Late samples are kept, and cannot be read before they are archived.
      const readable = [...world.acknowledged].filter((line) => !line.startsWith('late'));
      expect(await world.readAll()).toEqual(readable.sort());
    }
    // A minute's rest, not a storm: at most one try in ten minutes when nothing has answered for long.
    expect(store.calls).toBeLessThan(24 * 6 * 2);
    expect(world.hot.late.sampleCount).toBeGreaterThan(0);
    store.isDown = false;
    world.clock.advance(2 * HOUR_MS + archiveGraceMs);
    await world.settle();
    await expectAll(world);
    expect(world.hot.late.sampleCount).toBe(0);
    expect(world.hot.archive.oldestMs() ?? Infinity).toBeGreaterThanOrEqual(world.clock.nowMs() - archiveGraceMs - HOUR_MS);
  });

  test('an object that another build has written under the key is left alone', async () => {
    const world = filled();
    const inner = world.objects;
    let taken = 0;
    world.store = {
      ...bind(inner),
      async create(key, body) {
        // The first object was half-way there with other bytes.
        if (taken++ === 0) await inner.create(key, Uint8Array.of(1, 2, 3));
        return inner.create(key, body);
      },
    };
    world.wake();
    await world.settle();
    await expectAll(world);
  });
});

/** A sample that is taken or refused, as the shard likes. */
function writeIfOpen(world: FlushWorld, timeMs: number): void {
  const [labels] = seriesOf(1);
  const { samplesStored } = world.hot.appendLocal([{ labels: labels!, timestampsMs: Float64Array.of(timeMs), values: Float64Array.of(value(0, timeMs)) }]);
  if (samplesStored === 1) world.acknowledged.add(lineOf(labels!, timeMs, value(0, timeMs)));
}

/** Every object is one that the catalog knows. */
async function expectNoneLeft(world: FlushWorld): Promise<void> {
  const known = world.files.files({ version: 1, startMs: 0, endMs: 1e15, after: undefined }).files.map(({ key }) => key);
  expect((await world.objects.list('')).objects.map(({ key }) => key)).toEqual(known.sort());
}

function bind(store: FlushWorld['objects']): FlushWorld['store'] {
  return { head: (key) => store.head(key), get: (key, range) => store.get(key, range), create: (key, body) => store.create(key, body), delete: (keys) => store.delete(keys), list: (prefix, cursor) => store.list(prefix, cursor) };
}
