import type { ArchiveTables } from '../../catalog/iceberg/archive-tables.ts';
import type { RemovedObjectsStore } from '../../catalog/removed-objects.ts';
import type { ObjectStore } from '../../object-store.ts';
import { waitEndMs, type Clock } from '../../runtime/clock.ts';
import type { LIMITS } from '../../runtime/limits.ts';
import { port } from '../../runtime/port-failure.ts';
import { RetryPause, type PauseFailure } from '../../runtime/retry-pause.ts';
import type { OpenPlan } from './orphan-sweep.ts';

export interface RemovedFilesOptions {
  readonly removed: RemovedObjectsStore;
  readonly tables: ArchiveTables;
  readonly store: ObjectStore;
  readonly clock: Clock;
  /** The catalog's plans: what they read stays. */
  readonly openPlans: () => readonly OpenPlan[];
  readonly limits: Pick<typeof LIMITS, 'archiveRemovedDelayMs' | 'archiveRemovedCheckMs' | 'archiveRemovedPageMax'>;
}

/**
 * Removes the objects of files and manifests that have left, when nobody can read them any more: queries that found them are over
 * (archiveRemovedDelayMs), no plan wants them, and every snapshot that has them has left the table. First the objects, then what the catalog knows of them: a
 * crash in between, or an answer that is lost, and they are removed again, which does nothing.
 */
export class RemovedFiles {
  readonly name = 'remove objects';
  readonly counters = { archive_objects_removed_total: 0 };
  readonly #options: RemovedFilesOptions;
  readonly #pause: RetryPause;
  #nextCheckMs = -Infinity;

  constructor(options: RemovedFilesOptions) {
    this.#options = options;
    this.#pause = new RetryPause(options.clock);
  }

  get failure(): PauseFailure | undefined {
    return this.#pause.failure;
  }

  nextDueMs(): number | undefined {
    const { tables, removed, clock, limits } = this.#options;
    return tables.all().some(([name]) => removed.has(name)) ? Math.max(waitEndMs(this.#nextCheckMs, limits.archiveRemovedCheckMs, clock.nowMs()), this.#pause.untilMs) : undefined;
  }

  async step(): Promise<void> {
    const { tables, removed, store, clock, limits } = this.#options;
    removed.noLaterThan(clock.nowMs());
    const inUse = this.#options.openPlans().flatMap(({ files }) => files);
    for (const [name, table] of tables.all()) {
      const { liveFrom } = table;
      if (liveFrom === undefined) continue;
      const gone = removed.next(name, { liveFrom, removedThroughMs: clock.nowMs() - limits.archiveRemovedDelayMs, inUse, limit: limits.archiveRemovedPageMax });
      if (gone.keys.length === 0) continue;
      if (!(await this.#pause.attempt(() => port(() => store.delete(gone.keys))))) return;
      removed.forget(gone);
      this.counters.archive_objects_removed_total += gone.keys.length;
      return;
    }
    this.#nextCheckMs = clock.nowMs() + limits.archiveRemovedCheckMs;
  }
}
