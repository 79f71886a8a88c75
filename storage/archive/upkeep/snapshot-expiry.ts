import type { ArchiveTables } from '../../catalog/iceberg/archive-tables.ts';
import type { Clock } from '../../runtime/clock.ts';
import { RetryPause, type PauseFailure } from '../../runtime/retry-pause.ts';

/** Lets snapshots that are too old leave the Iceberg tables, where no new snapshot does it on its way. */
export class SnapshotExpiry {
  readonly name = 'expire snapshots';
  readonly #tables: ArchiveTables;
  readonly #clock: Clock;
  readonly #pause: RetryPause;

  constructor(tables: ArchiveTables, clock: Clock) {
    this.#tables = tables;
    this.#clock = clock;
    this.#pause = new RetryPause(clock);
  }

  get failure(): PauseFailure | undefined {
    return this.#pause.failure;
  }

  nextDueMs(): number | undefined {
    // A table that is behind gets a snapshot first.
    const due = this.#tables.all().flatMap(([, table]) => (table.isBehind ? [] : (table.expiryDueMs() ?? [])));
    return due.length === 0 ? undefined : Math.max(Math.min(...due), this.#pause.untilMs);
  }

  async step(): Promise<void> {
    for (const [, table] of this.#tables.all()) {
      if (table.isBehind || (table.expiryDueMs() ?? Infinity) > this.#clock.nowMs()) continue;
      await this.#pause.attempt(() => table.expire());
      return;
    }
  }
}
