import type { UpkeepStatus, UpkeepWork } from '../catalog/archive-api.ts';
import type { ArchiveTables } from '../catalog/archive-tables.ts';
import { POINTS_TABLE } from '../catalog/points-table.ts';
import { RemovedObjectsStore } from '../catalog/removed-objects.ts';
import { StepFailures } from '../catalog/step-failures.ts';
import type { PauseFailure } from '../runtime/retry-pause.ts';
import { ArchiveRetention, type ArchiveRetentionOptions } from './archive-retention.ts';
import { EXEMPLARS_MERGE_CODEC } from './exemplars-merge-codec.ts';
import { FileMerger, type FileMergerOptions } from './file-merger.ts';
import { POINTS_MERGE_CODEC, SAMPLES_MERGE_CODEC } from './merge-codec.ts';
import { OrphanSweep, type OpenPlan } from './orphan-sweep.ts';
import { RemovedFiles } from './removed-files.ts';
import { SeriesExpiry, type SeriesExpiryOptions } from './series-expiry.ts';
import { ShardCalls, type FlushStatusOf } from './shard-calls.ts';
import { SnapshotExpiry } from './snapshot-expiry.ts';
import { TombstoneExecutor, type TombstoneExecutorOptions } from './tombstone-executor.ts';

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
  readonly #clock: FileMergerOptions['clock'];
  readonly #failures: StepFailures;
  /** Which task has its turn next, so that none waits for ever for another. */
  #turn = 0;

  constructor(tasks: readonly UpkeepTask[], { sql, clock, failures = new StepFailures(sql, clock) }: FailureOptions, executor?: TombstoneExecutor) {
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

/** `failures`: where others note theirs as well. */
interface FailureOptions extends Pick<FileMergerOptions, 'sql' | 'clock'> {
  readonly failures?: StepFailures;
}

export interface UpkeepOptions extends Omit<FileMergerOptions, 'codecs'>, FailureOptions, Pick<TombstoneExecutorOptions, 'tombstones' | 'look'> {
  readonly tables: ArchiveTables;
  readonly retentionOf: SeriesExpiryOptions['retentionOf'];
  /** Of tables that the archive does not know how to write. */
  readonly moreCodecs?: SeriesExpiryOptions['codecs'];
  /** `undefined` where shards cannot be asked. */
  readonly flushStatusOf?: FlushStatusOf | undefined;
}

const CODECS = { samples: SAMPLES_MERGE_CODEC, exemplars: EXEMPLARS_MERGE_CODEC };

/** `more` are tasks that know of the archive, and it not of them. */
export function openUpkeep(options: UpkeepOptions, more: readonly UpkeepTask[] = []): ArchiveUpkeep {
  const executor = new TombstoneExecutor(options);
  const expiry = new SeriesExpiry({ ...options, codecs: { ...CODECS, ...options.moreCodecs } });
  const { flushStatusOf } = options;
  const calls = flushStatusOf === undefined ? [] : [new ShardCalls({ ...options, flushStatusOf })];
  return new ArchiveUpkeep([executor, expiry, ...calls, ...withCleaning(options, [new FileMerger({ ...options, codecs: CODECS }), ...more])], options, executor);
}

export type PointsUpkeepOptions = Omit<UpkeepOptions, 'tombstones' | 'look' | 'moreCodecs' | 'flushStatusOf'>;

/** All that a TimeSeriesStore does to its archive, which has points alone. */
export function openPointsUpkeep(options: PointsUpkeepOptions): ArchiveUpkeep {
  const own = { ...options, definitions: [POINTS_TABLE] };
  return new ArchiveUpkeep(withCleaning(own, [new FileMerger({ ...own, codecs: { points: POINTS_MERGE_CODEC } })]), options);
}

type CleaningOptions = Omit<PointsUpkeepOptions, 'seriesHashKey'> & Pick<ArchiveRetentionOptions, 'definitions'>;

/** What makes files, and behind it what lets them go. */
function withCleaning(options: CleaningOptions, working: readonly UpkeepTask[]): UpkeepTask[] {
  const { tables, clock } = options;
  const removed = new RemovedObjectsStore(options.sql);
  const openPlans = (): OpenPlan[] => working.flatMap((task) => task.openPlan?.() ?? []);
  const cleaning = [new ArchiveRetention(options), new SnapshotExpiry(tables, clock), new RemovedFiles({ ...options, removed, openPlans }), new OrphanSweep({ ...options, removed, openPlans })];
  return [...working, ...cleaning];
}
