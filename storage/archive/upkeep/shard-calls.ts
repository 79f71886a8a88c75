import { RecoveryState } from '../../catalog/recovery/recovery-state.ts';
import { ShardCallStore, type ShardCall } from '../../catalog/shard-call-store.ts';
import type { Clock } from '../../runtime/clock.ts';
import { messageOf } from '../../runtime/errors.ts';
import type { LIMITS } from '../../runtime/limits.ts';
import { PortFailure } from '../../runtime/port-failure.ts';
import { RetryPause, type PauseFailure } from '../../runtime/retry-pause.ts';
import type { Sql } from '../../runtime/sql.ts';
import type { FlushStatus } from '../../shard/shard-api.ts';

/** Asks a shard (`epoch/number`), which wakes it: what is due there, and has no alarm, has one then. `undefined` from one that archives nothing. */
export type FlushStatusOf = (shard: string) => Promise<Pick<FlushStatus, 'archivedUntilMs'> | undefined>;

export interface ShardCallsOptions {
  /** A catalog's database that has been migrated (catalog-schema.ts). */
  readonly sql: Sql;
  readonly clock: Clock;
  readonly limits: Pick<typeof LIMITS, 'archiveWindowMs' | 'archiveSilentShardMs'>;
  readonly flushStatusOf: FlushStatusOf;
}

/**
 * What a catalog asks shards that say nothing by themselves, each a call:
 *
 * One of which files were found again (catalog-recovery.ts), how far its samples are in files. The files alone do not say it, as some of their
 * flush may be missing yet; the shard knows what was committed, and until its next commit queries would ask it for what it has dropped.
 *
 * One that has not closed its last day with samples for long, nothing but to wake: it closes a day by its alarm, and one that fell silent
 * under an earlier release has none. It is asked once for each such day, whether that helps or not: a silent tenant costs nothing after it.
 *
 * Commit point: the note behind the answer. A crash before it asks again, which changes nothing.
 */
export class ShardCalls {
  readonly name = 'ask silent shards';
  readonly counters = { archive_shard_calls_total: 0 };
  readonly #options: ShardCallsOptions;
  readonly #calls: ShardCallStore;
  readonly #state: RecoveryState;
  readonly #pause: RetryPause;
  /** Those that did not answer: they are asked again when all others have been. */
  readonly #unanswered = new Set<string>();

  constructor(options: ShardCallsOptions) {
    this.#options = options;
    this.#calls = new ShardCallStore(options.sql);
    this.#state = new RecoveryState(options.sql);
    this.#pause = new RetryPause(options.clock);
  }

  get failure(): PauseFailure | undefined {
    return this.#pause.failure;
  }

  nextDueMs(): number | undefined {
    const next = this.#calls.next(this.#options.limits);
    return next && Math.max(next.dueMs, this.#pause.untilMs);
  }

  async step(): Promise<void> {
    const { sql, flushStatusOf } = this.#options;
    const next = this.#nextDue();
    if (next === undefined) return;
    const { shard, unclosedDay } = next;
    const isAnswered = await this.#pause.attempt(async () => {
      const status = await ask(shard, flushStatusOf);
      sql.transaction(() => {
        this.#calls.asked(next);
        if (status !== undefined) this.#state.noteSaid(shard, status.archivedUntilMs, unclosedDay === undefined);
      });
    });
    if (isAnswered) this.counters.archive_shard_calls_total++;
    else this.#unanswered.add(shard);
  }

  #nextDue(): ShardCall | undefined {
    const { clock, limits } = this.#options;
    const isDue = (next: ShardCall | undefined): boolean => next !== undefined && next.dueMs <= clock.nowMs();
    const next = this.#calls.next(limits, [...this.#unanswered]);
    if (isDue(next)) return next;
    this.#unanswered.clear();
    const again = this.#calls.next(limits);
    return isDue(again) ? again : undefined;
  }
}

async function ask(shard: string, flushStatusOf: FlushStatusOf): ReturnType<FlushStatusOf> {
  try {
    return await flushStatusOf(shard);
  } catch (error) {
    throw new PortFailure(`shard ${shard}: ${messageOf(error)}`, { cause: error });
  }
}
