import { expect } from 'vitest';
import type { Sql } from '../../../storage/runtime/sql.ts';
import { type FaultPlan, faultsOf, FaultySql, InjectedFault } from '../../fakes/faulty-sql.ts';
import { changesOf, type LeftBehind, StatesLeftBehind } from '../../fakes/left-behind.ts';

/** A world that outlives an object, and the object: ArchiveWorld has a catalog, FlushWorld a shard. */
export interface Mortal<World> {
  copy(): World;
  /** The object goes and comes back, over storage that may break. */
  wake(wrap?: (sql: Sql) => Sql): void;
  leftBehind(): LeftBehind;
}

interface Dying<World> {
  /** Whether the call that it dies at has had its effect. */
  readonly when: FaultPlan['when'];
  /** Before: it dies at all of these calls, or at one in so many calls. Behind its writes it always dies at each. */
  readonly stride?: number;
  readonly work: (world: World) => Promise<unknown>;
}

/**
 * An object that dies at a call of its storage while it works in a copy of a world: at one call after another of those that `faultsOf` gives.
 * `goOn` gets the world with the object awake again: for the work that was done without a death, and then once for each state that was left
 * behind. Returns how many states there were.
 */
export async function letDie<World extends Mortal<World>>(whole: World, { when, stride = 1, work }: Dying<World>, goOn: (world: World) => Promise<void>): Promise<number> {
  const live = async (plan?: FaultPlan): Promise<{ readonly world: World; readonly sql: FaultySql }> => {
    const world = whole.copy();
    let sql: FaultySql | undefined;
    world.wake((inner) => (sql = new FaultySql(inner)));
    sql!.arm(plan);
    if (plan === undefined) sql!.noteSites(changesOf(world.leftBehind()));
    try {
      await work(world);
    } catch (error) {
      if (!(error instanceof InjectedFault)) throw error;
    }
    return { world, sql: sql! };
  };
  const goOnWith = async (world: World): Promise<void> => {
    world.wake();
    await goOn(world);
  };
  const calm = await live();
  await goOnWith(calm.world);
  const states = new StatesLeftBehind();
  for (const call of faultsOf(calm.sql, when, when === 'before' ? stride : 1)) {
    const { world, sql } = await live({ call, when });
    expect(sql.isBroken, `call ${call}`).toBe(true);
    // Another order of calls than in the calm life would break others than was meant.
    if (when === 'after') expect(sql.lastingCalls.at(-1)).toBe(call);
    if (states.isNew(world.leftBehind())) await goOnWith(world);
  }
  return states.count;
}
