import type { UpkeepStatus } from '../catalog/archive-api.ts';
import type { ArchiveTable } from '../catalog/archive-table.ts';
import type { ArchiveTables } from '../catalog/archive-tables.ts';
import type { StepFailures } from '../catalog/step-failures.ts';
import type { Clock } from '../runtime/clock.ts';
import { PortFailure } from '../runtime/port-failure.ts';
import { RetryPause } from '../runtime/retry-pause.ts';

interface PublishedTable {
  /** For people: `publish samples`. */
  readonly name: string;
  readonly table: ArchiveTable;
  readonly pause: RetryPause;
}

/**
 * Lets the Iceberg tables follow what is committed, a snapshot a step. Each table that cannot be written waits by itself: the others, and
 * the archive's upkeep, go on. What queries read does not depend on it.
 */
export class SnapshotPublisher {
  readonly counters = { archive_snapshots_total: 0, archive_publish_failures_total: 0 };
  readonly #tables: readonly PublishedTable[];
  readonly #clock: Clock;
  readonly #failures: StepFailures;

  constructor(tables: ArchiveTables, clock: Clock, failures: StepFailures) {
    this.#tables = tables.all().map(([name, table]) => ({ name: `publish ${name}`, table, pause: new RetryPause(clock) }));
    this.#clock = clock;
    this.#failures = failures;
  }

  /** One line for each table that is behind. */
  status(): UpkeepStatus[] {
    return this.#tables.flatMap((published) => {
      const dueMs = this.#dueMs(published);
      if (dueMs === undefined) return [];
      const { name, pause } = published;
      return [{ task: name, dueMs, begun: undefined, next: undefined, failure: this.#failures.failureOf(name) ?? pause.failure }];
    });
  }

  /** When there is something to do (Unix ms); `undefined` when nothing will be before files come or go. */
  nextDueMs(): number | undefined {
    const due = this.#tables.flatMap((published) => this.#dueMs(published) ?? []);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  /** One snapshot of one table that is behind. A failure is counted, and waits: the next try goes on with the same plan. */
  async step(): Promise<void> {
    const next = this.#tables.find((published) => (this.#dueMs(published) ?? Infinity) <= this.#clock.nowMs());
    if (next !== undefined) await this.#failures.run(next.name, () => this.#publish(next));
  }

  #dueMs({ name, table, pause }: PublishedTable): number | undefined {
    return this.#failures.dueMs(name, () => (table.isBehind ? pause.untilMs : undefined));
  }

  async #publish({ table, pause }: PublishedTable): Promise<void> {
    try {
      await table.publish();
      pause.succeeded();
      this.counters.archive_snapshots_total++;
    } catch (error) {
      if (!(error instanceof PortFailure)) throw error;
      pause.failed(error);
      this.counters.archive_publish_failures_total++;
    }
  }
}
