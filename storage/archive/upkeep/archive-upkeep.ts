import type { UpkeepStatus, UpkeepWork } from '../../catalog/archive-api.ts';
import { StepFailures } from '../../catalog/step-failures.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { PauseFailure } from '../../runtime/retry-pause.ts';
import type { Sql } from '../../runtime/sql.ts';
import type { TombstoneExecutor } from '../rewrite/tombstone-executor.ts';
import type { OpenPlan } from './orphan-sweep.ts';

/** Something that is done to the archive from time to time, in bounded pieces. */
export interface UpkeepTask {
  /** For people: `merge`. */
  readonly name: string;
  /** When there is something to do (Unix ms); `undefined` when nothing will be before files are committed. */
  nextDueMs(): number | undefined;
  /** Does one bounded piece of what is due. It may be called when nothing is. */
  step(): Promise<void>;
  /** What is under way, if anything is. */
  openPlan?(): OpenPlan | undefined;
  /** What is under way, for people. */
  begun?(): UpkeepStatus['begun'];
  /** What comes next, where that is known beforehand. */
  next?(): UpkeepWork | undefined;
  /** The tries in a row that failed, if the last one did. */
  readonly failure?: PauseFailure | undefined;
  /** What it has done since the object woke, by name. */
  readonly counters?: Readonly<Record<string, number>>;
}

/** All that a catalog's alarm does to the archive, beside its snapshots. */
export class ArchiveUpkeep {
  readonly #tasks: readonly UpkeepTask[];
  readonly #executor: TombstoneExecutor | undefined;
  readonly #clock: Clock;
  readonly #failures: StepFailures;
  /** Which task has its turn next, so that none waits for ever for another. */
  #turn = 0;

  constructor(tasks: readonly UpkeepTask[], { sql, clock, failures = new StepFailures(sql, clock) }: UpkeepPorts, executor?: TombstoneExecutor) {
    this.#tasks = tasks;
    this.#executor = executor;
    this.#clock = clock;
    this.#failures = failures;
  }

  /** What all tasks have done since the object woke, by name. */
  get counters(): Readonly<Record<string, number>> {
    return Object.assign({}, ...this.#tasks.map(({ counters }) => counters)) as Readonly<Record<string, number>>;
  }

  /** What each task has begun, what it does next, and what has failed. */
  status(): UpkeepStatus[] {
    return this.#tasks.map((task) => {
      const dueMs = this.#dueMs(task);
      const failure = this.#failures.failureOf(task.name);
      // What has failed in itself is not asked before it is tried again.
      if (failure !== undefined) return { task: task.name, dueMs, begun: undefined, next: undefined, failure };
      return { task: task.name, dueMs, begun: task.begun?.(), next: task.next?.(), failure: task.failure };
    });
  }

  nextDueMs(): number | undefined {
    const due = this.#tasks.flatMap((task) => this.#dueMs(task) ?? []);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  /** Carries a piece of the deletions out at once; whether there is more. Throws when the object store does not answer. */
  async cleanTombstones(): Promise<boolean> {
    return (await this.#executor?.clean()) ?? false;
  }

  /** One piece of one task that is due. */
  async step(): Promise<void> {
    const nowMs = this.#clock.nowMs();
    for (let i = 0; i < this.#tasks.length; i++) {
      const task = this.#tasks[this.#turn++ % this.#tasks.length]!;
      if ((this.#dueMs(task) ?? Infinity) > nowMs) continue;
      await this.#failures.run(task.name, () => task.step());
      return;
    }
  }

  #dueMs(task: UpkeepTask): number | undefined {
    return this.#failures.dueMs(task.name, () => task.nextDueMs());
  }
}

export interface UpkeepPorts {
  /** A catalog's database that has been migrated (catalog-schema.ts). */
  readonly sql: Sql;
  readonly clock: Clock;
  /** Where others note theirs as well. */
  readonly failures?: StepFailures;
}
