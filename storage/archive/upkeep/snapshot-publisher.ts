import type { ArchiveTable } from '../../catalog/iceberg/archive-table.ts';
import type { ArchiveTables } from '../../catalog/iceberg/archive-tables.ts';
import type { StepFailures } from '../../catalog/step-failures.ts';
import type { Clock } from '../../runtime/clock.ts';
import { TableFollower } from './table-follower.ts';

/** Lets the Iceberg tables follow what is committed, a snapshot a step. What queries read does not depend on it. */
export class SnapshotPublisher extends TableFollower {
  readonly counters = { archive_snapshots_total: 0, archive_publish_failures_total: 0 };

  constructor(tables: ArchiveTables, clock: Clock, failures: StepFailures) {
    super('publish', tables, clock, failures);
  }

  protected isBehind(table: ArchiveTable): boolean {
    return table.isBehind;
  }

  protected async follow(table: ArchiveTable): Promise<void> {
    await table.publish();
    this.counters.archive_snapshots_total++;
  }

  protected countFailure(): void {
    this.counters.archive_publish_failures_total++;
  }
}
