import { expect } from 'vitest';
import { TimeSeriesStore } from '../../storage/index.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { Sql } from '../../storage/runtime/sql.ts';
import { FaultyObjectStore } from '../fakes/faulty-object-store.ts';
import { type FaultPlan, faultsOf, FaultySql } from '../fakes/faulty-sql.ts';
import { FixedClock } from '../fakes/fixed-clock.ts';
import { changesOf, StatesLeftBehind } from '../fakes/left-behind.ts';
import { MemoryObjectStore } from '../fakes/memory-object-store.ts';
import { NodeSql } from '../fakes/node-sql.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';

/* What the tests of a TimeSeriesStore with a bucket have in common, among it the faults that are made while it moves what is due. */

/** What there is of it whatever instance is open. */
export interface World {
  readonly clock: FixedClock;
  readonly objects: MemoryObjectStore;
  readonly sql: NodeSql;
}

/** What an instance gets in place of the world's own. */
interface Ports {
  readonly sql?: Sql;
  readonly archive?: ObjectStore;
  readonly random?: SeededRandom;
}

export function emptyWorld(nowMs: number): World {
  return { clock: new FixedClock(nowMs), objects: new MemoryObjectStore(), sql: new NodeSql() };
}

/** What one fault after another is tried on, which is filled but once. */
export function copyOf({ clock, objects, sql }: World): World {
  return { clock: clock.copy(), objects: objects.copy(), sql: sql.copy() };
}

/** The next instance. */
export function open(world: World, { sql = new NodeSql(world.sql.database), archive = world.objects, random }: Ports = {}): TimeSeriesStore<unknown> {
  return new TimeSeriesStore<unknown>({
    sql,
    clock: world.clock,
    ...(random === undefined ? {} : { random }),
    retention: { hot: '1h', warm: '7d', cold: '365d' },
    archive: { bucket: archive, uri: 's3://bucket' },
  });
}

export async function values<T>(store: TimeSeriesStore<T>, key: string, range = {}): Promise<[timestampMs: number, value: T][]> {
  const all: [number, T][] = [];
  for await (const { timestamp, value } of store.range(key, range)) all.push([timestamp, value]);
  return all;
}

export interface Faults {
  /** Whether the call that fails has its effect. */
  readonly when: 'before' | 'after';
  /** What each fault is tried on, where something is due. */
  readonly whole: World;
  /** All that can be read. */
  stateOf(store: TimeSeriesStore<unknown>): Promise<unknown>;
  /** The next instance reads what is expected, completes what is due, and leaves nothing over. */
  expectSettled(world: World, expected: unknown, where: string): Promise<void>;
}

/** The object dies at each call that `maintain` makes of its database and `faultsOf` gives. The answer is how many calls there are. */
export async function dieAtEachCall({ when, whole, stateOf, expectSettled }: Faults): Promise<number> {
  const expected = await stateOf(open(copyOf(whole)));
  const calm = copyOf(whole);
  const counting = await maintainWithFault(calm);
  await expectSettled(calm, expected, 'calm');
  const states = new StatesLeftBehind();
  for (const call of faultsOf(counting, when)) {
    const world = copyOf(whole);
    const faulty = await maintainWithFault(world, { call, when });
    expect(faulty.isBroken, `call ${call}`).toBe(true);
    // Another order of calls than in the calm run would break others than was meant.
    if (when === 'after') expect(faulty.lastingCalls.at(-1)).toBe(call);
    if (!states.isNew({ databases: [world.sql], objects: world.objects, clock: world.clock })) continue;
    await expectSettled(world, expected, `call ${call}, fault ${when} it`);
  }
  expect(states.count).toBeGreaterThan(when === 'before' ? 25 : 15);
  return counting.calls;
}

async function maintainWithFault(world: World, plan?: FaultPlan): Promise<FaultySql> {
  const sql = new FaultySql(new NodeSql(world.sql.database));
  const store = open(world, { sql, random: new SeededRandom(1) });
  sql.arm(plan);
  if (plan === undefined) sql.noteSites(changesOf({ ...world, databases: [world.sql] }));
  await store.maintain().catch((error: unknown) => {
    if (plan === undefined) throw error;
  });
  return sql;
}

/** Each call of the bucket that `maintain` makes fails, and the same instance goes on. The answer is how many there are. */
export async function failAtEachCall({ when, whole, stateOf, expectSettled }: Faults): Promise<number> {
  const expected = await stateOf(open(copyOf(whole)));
  const states = new StatesLeftBehind();
  for (let call = 0; ; call++) {
    const world = copyOf(whole);
    const faulty = new FaultyObjectStore(world.objects, { call, when });
    const store = open(world, { archive: faulty });
    const nextMs = await store.maintain();
    if (faulty.calls <= call) return call;
    expect(await stateOf(store), `call ${call}`).toEqual(expected);
    world.clock.advance(Math.max(0, nextMs! - world.clock.nowMs()));
    await store.maintain();
    expect(await stateOf(store), `call ${call}`).toEqual(expected);
    // The next instance knows no more than this.
    if (states.isNew({ databases: [world.sql], objects: world.objects, clock: world.clock })) await expectSettled(world, expected, `call ${call}, fault ${when} it`);
  }
}
