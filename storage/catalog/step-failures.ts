import { waitEndMs, type Clock } from '../runtime/clock.ts';
import { messageOf } from '../runtime/errors.ts';
import { shortened, pauseMs, RETRY_MAX_MS, type PauseFailure } from '../runtime/retry-pause.ts';
import type { Sql } from '../runtime/sql.ts';

/** A step that fails again so soon fails still, whatever has succeeded on the way back to where it fails. */
const SAME_WITHIN_MS = 2 * RETRY_MAX_MS;

interface StepRow extends Record<string, string | number> {
  readonly step: string;
  readonly times: number;
  readonly in_row: number;
  readonly failed_ms: number;
  readonly message: string;
  readonly is_over: number;
}

/** What a step has failed with, which is noted: whoever rebuilds the object from its storage can go on with the other steps at once. */
export class NotedFailure extends Error {
  override readonly name = 'NotedFailure';

  constructor(step: string, cause: unknown) {
    super(`${step}: ${messageOf(cause)}`, { cause });
  }
}

/**
 * What has failed in a catalog itself, its own storage for example, by the step of its background work that failed; what other services fail
 * with is each step's own (runtime/retry-pause.ts). Behind such a failure memory is in doubt, and the object must be rebuilt: the note is what it
 * then knows, so that the step waits, longer each time, and all others have their turn.
 *
 * Commit point: the note. Where it cannot be written either nothing waits, and the object does what it did before.
 */
export class StepFailures {
  readonly #sql: Sql;
  readonly #clock: Clock;
  readonly #rows: Map<string, StepRow>;

  /** `sql`: a catalog's database that has been migrated (catalog-schema.ts). */
  constructor(sql: Sql, clock: Clock) {
    this.#sql = sql;
    this.#clock = clock;
    this.#rows = new Map(sql.all<StepRow>('SELECT step, times, in_row, failed_ms, message, is_over FROM step_failure').map((row) => [row.step, row]));
  }

  /** Unlike others these are counted for as long as the catalog lives: the object does not outlive a failure. */
  get counters(): { readonly archive_step_failures_total: number } {
    let times = 0;
    for (const row of this.#rows.values()) times += row.times;
    return { archive_step_failures_total: times };
  }

  /** The tries in a row that failed, if the last one did. */
  failureOf(step: string): PauseFailure | undefined {
    const row = this.#rows.get(step);
    return row === undefined || row.is_over === 1 ? undefined : { count: row.in_row, message: row.message, retryAtMs: this.#retryAtMs(row) };
  }

  /** When a step is due (Unix ms), which it is not asked for before it is to be tried again. Throws as `run`. */
  dueMs(step: string, ask: () => number | undefined): number | undefined {
    const nowMs = this.#clock.nowMs();
    const retryAtMs = this.failureOf(step)?.retryAtMs ?? -Infinity;
    if (retryAtMs > nowMs) return retryAtMs;
    try {
      const dueMs = ask();
      // There is nothing left to fail at.
      if ((dueMs ?? Infinity) > nowMs) this.#succeeded(step);
      return dueMs;
    } catch (error) {
      throw this.#noted(step, error);
    }
  }

  /** Takes a step, and notes how it went. A NotedFailure where it failed; as the step failed where that cannot be noted. */
  async run(step: string, take: () => Promise<void>): Promise<void> {
    try {
      await take();
      this.#succeeded(step);
    } catch (error) {
      throw this.#noted(step, error);
    }
  }

  #succeeded(step: string): void {
    const row = this.#rows.get(step);
    if (row === undefined || row.is_over === 1) return;
    this.#sql.run('UPDATE step_failure SET is_over = 1 WHERE step = ?', step);
    this.#rows.set(step, { ...row, is_over: 1 });
  }

  #retryAtMs({ failed_ms: failedMs, in_row: inRow }: StepRow): number {
    return waitEndMs(failedMs + pauseMs(inRow), RETRY_MAX_MS, this.#clock.nowMs());
  }

  #noted(step: string, error: unknown): unknown {
    const before = this.#rows.get(step);
    const nowMs = this.#clock.nowMs();
    const isSame = before !== undefined && (before.is_over === 0 || nowMs - before.failed_ms < SAME_WITHIN_MS);
    const row: StepRow = { step, times: (before?.times ?? 0) + 1, in_row: (isSame ? before.in_row : 0) + 1, failed_ms: nowMs, message: shortened(messageOf(error)), is_over: 0 };
    try {
      this.#sql.run('INSERT OR REPLACE INTO step_failure (step, times, in_row, failed_ms, message, is_over) VALUES (?, ?, ?, ?, ?, 0)', step, row.times, row.in_row, nowMs, row.message);
    } catch {
      return error;
    }
    this.#rows.set(step, row);
    return new NotedFailure(step, error);
  }
}
