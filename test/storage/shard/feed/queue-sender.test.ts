import { expect, test } from 'vitest';
import { EMPTY_HISTOGRAM } from '../../../../storage/model/histogram.ts';
import type { Sql } from '../../../../storage/runtime/sql.ts';
import { QueueSender } from '../../../../storage/shard/feed/queue-sender.ts';
import { HotStore } from '../../../../storage/shard/hot-store.ts';
import { FaultySql, InjectedFault, type FaultPlan } from '../../../fakes/faulty-sql.ts';
import { FixedClock } from '../../../fakes/fixed-clock.ts';
import { limitsWith } from '../../../fakes/limits-with.ts';
import { MemoryAlarm } from '../../../fakes/memory-alarm.ts';
import { MemoryQueue } from '../../../fakes/memory-queue.ts';
import { NodeSql } from '../../../fakes/node-sql.ts';
import { named, STALE, write } from '../batches.ts';

const LIMITS = limitsWith({ queueMessageBytesMax: 1200, queueBatchBytesMax: 2500, queueBatchMessagesMax: 3, queueRowsPerRead: 2, queueReadsPerRing: 3, changeEventPointsMax: 4, walRingSlots: 4 });

interface World {
  readonly sql: Sql;
  readonly store: HotStore;
  readonly queue: MemoryQueue;
  readonly alarm: MemoryAlarm;
  readonly clock: FixedClock;
  readonly sender: QueueSender;
  readonly errors: unknown[];
}

function open({ sql = new NodeSql(), queue = new MemoryQueue(), clock = new FixedClock(1_700_000_000_000), limits = LIMITS }: Partial<World & { readonly limits: typeof LIMITS }> = {}): World {
  const store = new HotStore(sql, limits, { clock });
  const alarm = new MemoryAlarm();
  const errors: unknown[] = [];
  const sender = new QueueSender({ sql, store, queue, alarm, clock, limits, shard: 't/shard/1/0', onBroken: (error) => errors.push(error) });
  return { sql, store, queue, alarm, clock, sender, errors };
}

/** One sample of a series of each number. */
async function put({ store, sender }: World, ...numbers: readonly number[]): Promise<void> {
  for (const number of numbers) {
    write(store, [{ labels: named('m'), samples: [[number, number]] }]);
    await sender.arm();
  }
}

/** Whatever the queue has answered has had its consequences. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

async function ring(world: World): Promise<void> {
  const { alarm, clock, sender } = world;
  clock.advance(Math.max(0, alarm.setForMs! - clock.nowMs()));
  alarm.setForMs = undefined;
  await sender.ring();
  await turn();
  if (world.errors.length > 0) throw world.errors[0];
}

async function ringUntilQuiet(world: World): Promise<void> {
  for (let rings = 0; world.alarm.setForMs !== undefined; rings++) {
    if (rings > 100) throw new Error('an alarm that never rests');
    await ring(world);
  }
}

interface Message {
  readonly shard: string;
  readonly sequence: number;
  readonly events: readonly { readonly type: string; readonly timestamp: string; readonly after?: { readonly value: unknown }; readonly points?: readonly { readonly value: unknown }[] }[];
}

const parsed = ({ queue }: World): Message[] => queue.messages.map((text) => JSON.parse(text) as Message);
/** All values, in the order in which they came. */
const received = (world: World): unknown[] => parsed(world).flatMap(({ events }) => events.flatMap((event) => (event.points ?? [event.after]).map((point) => point?.value ?? event.type)));
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

test('what is written is sent, in order, a moment later, and then nothing rings', async () => {
  const world = open();
  expect(world.alarm.setForMs).toBeUndefined();
  await put(world, ...upTo(20));
  expect(world.alarm.sets).toBe(1);
  expect(world.alarm.setForMs).toBe(world.clock.nowMs() + LIMITS.queueDelayMs);
  expect(world.queue.calls).toBe(0);
  await ringUntilQuiet(world);
  expect(received(world)).toEqual(upTo(20));
  expect(world.sender.lag).toBe(0);
  expect(parsed(world).at(-1)).toMatchObject({ shard: 't/shard/1/0', sequence: 20 });
});

test.each([1, 3, 4, 5, 8, 9])('a series with %i samples in a batch is cut into events, and none is left out', async (count) => {
  const world = open();
  const samples = upTo(count).map((number) => [number, number] as const);
  write(world.store, [{ labels: named('m'), samples }, { labels: named('n'), samples: samples.map(([timestampMs, value]) => [timestampMs, value + 100] as const) }]);
  await world.sender.arm();
  await ringUntilQuiet(world);
  expect(received(world)).toEqual([...upTo(count), ...upTo(count).map((value) => value + 100)]);
  const lengths = parsed(world).flatMap(({ events }) => events.map(({ points }) => points?.length ?? 1));
  expect(lengths.length).toBe(2 * Math.ceil(count / 4));
  expect(Math.max(...lengths)).toBe(Math.min(count, 4));
});

test('messages and calls keep to the limits, whatever a batch holds', async () => {
  const world = open();
  const values = Array.from({ length: 60 }, (_, i) => (i % 9 === 0 ? STALE : i % 7 === 0 ? NaN : i));
  write(world.store, Array.from({ length: 12 }, (_, s) => ({ labels: named('m', { s: 'ü'.repeat(s * 10) }), samples: values.map((value, i) => [i, value] as const) })));
  await world.sender.arm();
  await ringUntilQuiet(world);
  expect(received(world)).toEqual(Array.from({ length: 12 }, () => values.map((value) => (value === STALE ? 'StaleNaN' : Number.isNaN(value) ? 'NaN' : value))).flat());
  const bytesOf = (text: string): number => Buffer.byteLength(text);
  expect(Math.max(...world.queue.messages.map(bytesOf))).toBeLessThanOrEqual(LIMITS.queueMessageBytesMax);
  for (const batch of world.queue.batches) {
    expect(batch.length).toBeLessThanOrEqual(LIMITS.queueBatchMessagesMax);
    expect(batch.reduce((sum, text) => sum + bytesOf(text), 0)).toBeLessThanOrEqual(LIMITS.queueBatchBytesMax);
  }
});

test('a sample that no message can carry keeps nothing else from the queue: it is told that one is missing', async () => {
  const world = open();
  const { store, sender } = world;
  write(store, [
    { labels: named('m'), samples: [[1, 1]] },
    { labels: named('long', { l: 'x'.repeat(600) }), samples: [[1, 2], [2, 3]] },
    { labels: named('m'), samples: [[2, 4]] },
  ]);
  await put(world, 5);
  await ringUntilQuiet(world);
  expect(received(world)).toEqual([1, 4, 'cdc.resync', 'cdc.resync', 5]);
  expect(sender.counters).toMatchObject({ queue_too_large_total: 2, queue_failures_total: 0 });
  expect(sender.lag).toBe(0);
});

test('histograms of any number and size make messages that the queue takes', async () => {
  const world = open({ limits: limitsWith({}) });
  const buckets = (count: number) => ({ ...EMPTY_HISTOGRAM, count, positiveSpans: [{ offset: 0, length: count }], positiveBuckets: new Array<number>(count).fill(1) });
  write(world.store, [
    { labels: named('usual'), samples: upTo(40).map((number) => [number, buckets(160)] as const) },
    { labels: named('wide'), samples: upTo(40).map((number) => [number, number === 20 ? buckets(20_000) : buckets(number)] as const) },
  ]);
  await world.sender.arm();
  await ringUntilQuiet(world);
  const countOf = (point: unknown): number => (point as { readonly histogram: { readonly count: number } }).histogram.count;
  const counts = parsed(world).flatMap(({ events }) => events.flatMap(({ type, after, points = [after] }): unknown[] => (after === undefined ? [type] : points.map(countOf))));
  expect(counts).toEqual([...upTo(40).map(() => 160), ...upTo(40).map((number) => (number === 20 ? 'cdc.resync' : number))]);
  expect(world.sender.counters).toMatchObject({ queue_too_large_total: 1, queue_failures_total: 0 });
});

test('it begins with what is written after the queue was there', async () => {
  const before = new NodeSql();
  write(new HotStore(before, LIMITS), [{ labels: named('m'), samples: [[1, 1]] }]);
  const world = open({ sql: before });
  await put(world, 2);
  await ringUntilQuiet(world);
  expect(received(world)).toEqual([2]);
});

test.each(['fails', 'takes and fails'] as const)('a queue that %s: writing goes on, it is asked less and less often, and gets everything in the end', async (mode) => {
  const world = open();
  world.queue.mode = mode;
  await put(world, 1, 2);
  const failedAtMs: number[] = [];
  for (let written = 3; failedAtMs.length < 12; ) {
    const failures = world.sender.counters.queue_failures_total;
    await ring(world);
    // A ring between two tries, to see whether one hangs, does nothing.
    if (world.sender.counters.queue_failures_total === failures) continue;
    failedAtMs.push(world.clock.nowMs());
    await put(world, written++);
  }
  const waits = failedAtMs.slice(1).map((timeMs, i) => timeMs - failedAtMs[i]!);
  expect(waits.slice(0, 5)).toEqual([1000, 2000, 4000, 8000, 16_000]);
  expect(waits.at(-1)).toBe(LIMITS.queueBackoffMsMax);
  expect(world.sender.lag).toBe(14);
  world.queue.mode = 'takes';
  world.queue.batches.length = 0;
  await ringUntilQuiet(world);
  expect(received(world)).toEqual(upTo(14));
});

test('a queue that never answers is given up, and what it says later counts for nothing', async () => {
  const world = open();
  world.queue.mode = 'hangs';
  await put(world, 1, 2);
  await ring(world);
  await Promise.resolve();
  // The alarm has left; writing and other rings go on beside it.
  await put(world, 3);
  await world.sender.ring();
  expect(world.queue.calls).toBe(1);
  expect(world.alarm.setForMs).toBe(world.clock.nowMs() + LIMITS.queueTimeoutMs);
  await ring(world);
  expect(world.sender.counters.queue_failures_total).toBe(1);
  world.queue.mode = 'takes';
  world.queue.release();
  await turn();
  expect(world.sender.lag).toBe(3);
  await ringUntilQuiet(world);
  // The first two came late, and again.
  expect(received(world)).toEqual([1, 2, 1, 2, 3]);
});

test('one that has been given up sends nothing more', async () => {
  const world = open();
  world.queue.mode = 'hangs';
  write(world.store, Array.from({ length: 40 }, (_, i) => ({ labels: named('m', { i: String(i) }), samples: [[1, i]] as const })));
  await world.sender.arm();
  await ring(world);
  await ring(world);
  expect(world.sender.counters.queue_failures_total).toBe(1);
  world.queue.mode = 'takes';
  world.queue.release();
  await turn();
  expect(world.queue.calls).toBe(1);
  await ringUntilQuiet(world);
  expect(new Set(received(world)).size).toBe(40);
});

test('a queue that answers nothing for an hour has a few calls, writing goes on, and then all comes in order', async () => {
  const world = open({ limits: limitsWith({}) });
  world.queue.mode = 'hangs';
  for (let second = 1; second <= 3600; second++) {
    world.clock.advance(1000);
    if (second % 15 === 0) await put(world, second);
    if (world.alarm.setForMs === undefined || world.alarm.setForMs > world.clock.nowMs()) continue;
    world.alarm.setForMs = undefined;
    await world.sender.ring();
    await turn();
  }
  expect(world.queue.waiting).toBe(world.queue.calls);
  expect(world.queue.calls).toBe(3);
  // Nothing can begin, and nothing rings for it.
  expect(world.alarm.setForMs).toBeUndefined();
  world.queue.mode = 'takes';
  world.queue.release();
  await turn();
  world.queue.batches.length = 0;
  await ringUntilQuiet(world);
  expect(received(world)).toEqual(upTo(240).map((i) => i * 15));
});

test('a queue that takes its time is not given up as long as it takes what comes', async () => {
  const world = open();
  world.queue.mode = 'hangs';
  await put(world, ...upTo(6));
  await ring(world);
  for (let calls = 1; calls <= 3; calls++) {
    await turn();
    expect(world.queue.calls).toBe(calls);
    world.clock.advance(LIMITS.queueTimeoutMs - 1);
    await world.sender.ring();
    world.queue.release();
  }
  await turn();
  expect(received(world)).toEqual(upTo(6));
  expect(world.sender.counters.queue_failures_total).toBe(0);
});

test.each(['hangs', 'fails'] as const)('a queue that %s is tried again soon, also where the clock has been set back', async (mode) => {
  const world = open();
  world.queue.mode = mode;
  await put(world, 1);
  await ring(world);
  await turn();
  world.clock.advance(-365 * 86_400_000);
  world.queue.mode = 'takes';
  await world.sender.ring();
  await turn();
  for (let rings = 0; rings < 3; rings++) {
    world.clock.advance(LIMITS.queueDelayMs);
    await world.sender.ring();
    await turn();
  }
  expect(received(world)).toEqual([1]);
});

test('an alarm that could not be set is set with the next write', async () => {
  const world = open();
  world.alarm.isAway = true;
  await expect(put(world, 1)).rejects.toThrow('no alarm');
  world.alarm.isAway = false;
  await put(world, 2);
  await ringUntilQuiet(world);
  expect(received(world)).toEqual([1, 2]);
});

test('the next instance goes on where the queue has taken everything', async () => {
  const world = open();
  await put(world, ...upTo(4));
  await ringUntilQuiet(world);
  await put(world, 5, 6);
  const next = open({ sql: world.sql, queue: world.queue, clock: world.clock });
  await next.sender.arm();
  await ringUntilQuiet(next);
  expect(received(next)).toEqual(upTo(6));
});

test('an instance that has been replaced while it was sending does not move the place of the next one', async () => {
  const world = open();
  await put(world, 1);
  world.queue.mode = 'hangs';
  await ring(world);
  const next = open({ sql: world.sql, clock: world.clock });
  await put(next, ...upTo(4).slice(1));
  await ringUntilQuiet(next);
  const place = (): unknown => world.sql.all('SELECT cursor FROM queue_place');
  const before = place();
  world.queue.release();
  await turn();
  expect(place()).toEqual(before);
});

test('a database that has gone back behind what the queue has tells it so, without waiting for news', async () => {
  const world = open();
  await put(world, ...upTo(4));
  await ringUntilQuiet(world);
  const earlier = open({ queue: new MemoryQueue() });
  await put(earlier, 1);
  await ringUntilQuiet(earlier);
  earlier.sql.run('UPDATE queue_place SET cursor = ?', world.store.newestChange);
  const next = open({ sql: earlier.sql, clock: earlier.clock });
  expect(next.sender.lag).toBe(1);
  await next.sender.arm();
  await ringUntilQuiet(next);
  expect(received(next)).toEqual(['cdc.resync']);
  await put(next, 2);
  await ringUntilQuiet(next);
  expect(received(next)).toEqual(['cdc.resync', 2]);
});

test('a queue that has fallen behind what the log still has is told so, and goes on', async () => {
  const world = open();
  world.queue.mode = 'fails';
  for (let i = 1; i <= 20; i++) {
    await put(world, i);
    world.store.seal();
  }
  world.queue.mode = 'takes';
  await ringUntilQuiet(world);
  await put(world, 21);
  await ringUntilQuiet(world);
  expect(received(world)).toEqual(['cdc.resync', 21]);
  expect(world.sender.counters.queue_resyncs_total).toBe(1);
});

/** Writes, sends, and breaks at a storage call; what comes then is sent by a new instance. */
async function live(plan: FaultPlan | undefined): Promise<{ calls: number; received: unknown[]; acknowledged: number }> {
  const database = new NodeSql();
  const queue = new MemoryQueue();
  const sql = new FaultySql(database, plan);
  let acknowledged = 0;
  try {
    const world = open({ sql, queue });
    for (let i = 1; i <= 6; i++) {
      await put(world, i);
      acknowledged = i;
      if (i % 2 === 0) await ringUntilQuiet(world);
    }
  } catch (error) {
    if (!(error instanceof InjectedFault)) throw error;
  }
  const next = open({ sql: new NodeSql(database.database), queue });
  await next.sender.arm();
  await ringUntilQuiet(next);
  return { calls: sql.calls, received: received(next), acknowledged };
}

test('storage may break at any call: everything acknowledged is sent, in order but for what is sent again', async () => {
  const { calls } = await live(undefined);
  expect(calls).toBeGreaterThan(60);
  for (const when of ['before', 'after'] as const) {
    for (let call = 0; call < calls; call++) {
      const { received: values, acknowledged } = await live({ call, when });
      const where = `call ${call}, ${when}: ${JSON.stringify(values)}`;
      // The first time that each comes, they come in order; a batch in doubt may be one more.
      const firsts = [...new Set(values)];
      expect(firsts, where).toEqual(upTo(firsts.length));
      expect(firsts.length, where).toBeGreaterThanOrEqual(acknowledged);
      expect(firsts.length, where).toBeLessThanOrEqual(acknowledged + 1);
    }
  }
});
