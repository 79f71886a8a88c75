import { createHash } from 'node:crypto';
import type { FixedClock } from './fixed-clock.ts';
import type { MemoryObjectStore } from './memory-object-store.ts';
import type { NodeSql } from './node-sql.ts';
import type { SeededRandom } from './seeded-random.ts';

/** All that is left when an object has died, and all that the next one can know. */
export interface LeftBehind {
  readonly databases: readonly NodeSql[];
  readonly objects?: MemoryObjectStore;
  readonly clock: FixedClock;
  /** What the next one draws from, where it goes on with it. */
  readonly random?: SeededRandom;
}

/** What tells whether something of it has changed from one call of the answer to another; but for what an open transaction has changed, which would be gone. */
export function changesOf({ databases, objects, clock, random }: LeftBehind): () => string {
  const rowsChanged = databases.map(() => 0);
  return () => {
    for (const [i, sql] of databases.entries()) {
      if (!sql.database.isTransaction) rowsChanged[i] = sql.all<{ rows: number }>('SELECT total_changes() AS rows')[0]!.rows;
    }
    return JSON.stringify([rowsChanged, objects?.counts.create, objects?.counts.delete, clock.nowMs(), clock.elapsedMs(), random?.copy().uint32()]);
  };
}

/**
 * What faults have left behind. Most calls of a storage are reads, or are inside a transaction: a fault at one of them leaves to the bit what
 * a fault at the call before has left, and whatever is done and checked from there is the same again. A crash test goes on once from each
 * state that its faults leave.
 */
export class StatesLeftBehind {
  readonly #seen = new Set<string>();

  get count(): number {
    return this.#seen.size;
  }

  /** Whether no fault has left this before. */
  isNew({ databases, objects, clock, random }: LeftBehind): boolean {
    const hash = createHash('sha256');
    for (const { database } of databases) {
      const bytes = database.serialize();
      hash.update(`database of ${bytes.length} bytes\n`).update(bytes);
    }
    hash.update(JSON.stringify([objects?.fingerprint(), clock.nowMs(), clock.elapsedMs(), random?.copy().uint32()]));
    const state = hash.digest('base64');
    if (this.#seen.has(state)) return false;
    this.#seen.add(state);
    return true;
  }
}
