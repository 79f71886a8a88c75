import { FaultySql, InjectedFault } from '../../fakes/faulty-sql.ts';
import { StatesLeftBehind } from '../../fakes/left-behind.ts';
import type { ArchiveWorld } from './archive-world.ts';

interface Dying {
  /** Whether the call that it dies at has had its effect. */
  readonly when: 'before' | 'after';
  /** It dies at every call of its storage, or at one in so many. */
  readonly stride?: number;
  readonly work: (world: ArchiveWorld) => Promise<unknown>;
}

/**
 * A catalog that dies at a call of its storage while it works in a copy of a world, at one call after another until none is left. `goOn` gets
 * the world with the catalog awake again, once for each state that was left behind, and at last for the work that was done without a death.
 * Returns how many states there were.
 */
export async function letCatalogDie(whole: ArchiveWorld, { when, stride = 1, work }: Dying, goOn: (world: ArchiveWorld) => Promise<void>): Promise<number> {
  const states = new StatesLeftBehind();
  for (let call = 0; ; call += stride) {
    const world = whole.copy();
    let sql: FaultySql | undefined;
    world.wake((inner) => (sql = new FaultySql(inner, undefined)));
    const setUp = sql!.calls;
    try {
      world.wake((inner) => (sql = new FaultySql(inner, { call: setUp + call, when })));
      await work(world);
    } catch (error) {
      if (!(error instanceof InjectedFault)) throw error;
    }
    const isOver = !sql!.isBroken;
    if (!isOver && !states.isNew(world.leftBehind())) continue;
    world.wake();
    await goOn(world);
    if (isOver) return states.count;
  }
}
