import type { UpkeepStatus } from '../../catalog/archive-api.ts';
import type { ArchiveTable } from '../../catalog/iceberg/archive-table.ts';
import type { ArchiveTables } from '../../catalog/iceberg/archive-tables.ts';
import type { StepFailures } from '../../catalog/step-failures.ts';
import type { Clock } from '../../runtime/clock.ts';
import { RetryPause } from '../../runtime/retry-pause.ts';

interface FollowedTable {
  /** For people: `publish samples`. */
  readonly name: string;
  readonly table: ArchiveTable;
  readonly pause: RetryPause;
}

/**
 * What follows each of a tenant's Iceberg tables, a bounded piece for one table a step. A table for which that fails waits by itself: the
 * others, and the archive's upkeep, go on.
 */
export abstract class TableFollower {
  readonly #tables: readonly FollowedTable[];
  readonly #clock: Clock;
  readonly #failures: StepFailures;

  /** `verb`: what it does with a table, for people. */
  constructor(verb: string, tables: ArchiveTables, clock: Clock, failures: StepFailures) {
    this.#tables = tables.all().map(([name, table]) => ({ name: `${verb} ${name}`, table, pause: new RetryPause(clock) }));
    this.#clock = clock;
    this.#failures = failures;
  }

  protected abstract isBehind(table: ArchiveTable): boolean;

  /** One piece for a table that is behind. A PortFailure is counted, and waits: the next try goes on from there. */
  protected abstract follow(table: ArchiveTable): Promise<void>;

  protected abstract countFailure(): void;

  /** One line for each table that is behind. */
  status(): UpkeepStatus[] {
    return this.#tables.flatMap((followed) => {
      const dueMs = this.#dueMs(followed);
      if (dueMs === undefined) return [];
      const { name, pause } = followed;
      return [{ task: name, dueMs, begun: undefined, next: undefined, failure: this.#failures.failureOf(name) ?? pause.failure }];
    });
  }

  /** When there is something to do (Unix ms); `undefined` when nothing will be before a table changes. */
  nextDueMs(): number | undefined {
    const due = this.#tables.flatMap((followed) => this.#dueMs(followed) ?? []);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  async step(): Promise<void> {
    const next = this.#tables.find((followed) => (this.#dueMs(followed) ?? Infinity) <= this.#clock.nowMs());
    if (next !== undefined) await this.#failures.run(next.name, () => this.#run(next));
  }

  #dueMs({ name, table, pause }: FollowedTable): number | undefined {
    return this.#failures.dueMs(name, () => (this.isBehind(table) ? pause.untilMs : undefined));
  }

  async #run({ table, pause }: FollowedTable): Promise<void> {
    if (!(await pause.attempt(() => this.follow(table)))) this.countFailure();
  }
}
