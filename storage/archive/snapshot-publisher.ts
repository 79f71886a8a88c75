import type { UpkeepStatus } from '../catalog/archive-api.ts';
import type { ArchiveTable } from '../catalog/archive-table.ts';
import type { ArchiveTables } from '../catalog/archive-tables.ts';
import type { ArchiveTableName } from '../catalog/table-definition.ts';
import type { Clock } from '../runtime/clock.ts';
import { PortFailure } from '../runtime/port-failure.ts';
import { RetryPause } from './retry-pause.ts';

/**
 * Lets the Iceberg tables follow what is committed, a snapshot a step. Each table that cannot be written waits by itself: the others, and
 * the archive's upkeep, go on. What queries read does not depend on it.
 */
export class SnapshotPublisher {
  readonly counters = { archive_snapshots_total: 0, archive_publish_failures_total: 0 };
  readonly #tables: readonly { readonly name: ArchiveTableName; readonly table: ArchiveTable; readonly pause: RetryPause }[];

  constructor(tables: ArchiveTables, clock: Clock) {
    this.#tables = tables.all().map(([name, table]) => ({ name, table, pause: new RetryPause(clock) }));
  }

  /** One line for each table that is behind. */
  status(): UpkeepStatus[] {
    return this.#tables.flatMap(({ name, table, pause }) => {
      if (!table.isBehind) return [];
      return [{ task: `publish ${name}`, dueMs: pause.untilMs, begun: undefined, next: undefined, failure: pause.failure }];
    });
  }

  /** When there is something to do (Unix ms); `undefined` when nothing will be before files come or go. */
  nextDueMs(): number | undefined {
    const due = this.#tables.flatMap(({ table, pause }) => (table.isBehind ? [pause.untilMs] : []));
    return due.length === 0 ? undefined : Math.min(...due);
  }

  /** One snapshot of one table that is behind. A failure is counted, and waits: the next try goes on with the same plan. */
  async step(): Promise<void> {
    const next = this.#tables.find(({ table, pause }) => pause.isOver && table.isBehind);
    if (next === undefined) return;
    try {
      await next.table.publish();
      next.pause.succeeded();
      this.counters.archive_snapshots_total++;
    } catch (error) {
      if (!(error instanceof PortFailure)) throw error;
      next.pause.failed(error);
      this.counters.archive_publish_failures_total++;
    }
  }
}
