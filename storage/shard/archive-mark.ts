import type { Sql } from '../runtime/sql.ts';

/**
 * How far a shard's samples have gone into the archive. Closed comes first: from then on the shard takes no sample before that time, so what
 * a flush reads stays as it is. Archived comes when the catalog has the files: then the hot tier may forget.
 */
export class ArchiveMark {
  readonly #sql: Sql;
  #archivedUntilMs: number;
  #closedUntilMs: number;
  #newestFiledMs: number | undefined;

  constructor(sql: Sql) {
    this.#sql = sql;
    const [row] = sql.all<{ archived_until_ms: number | null; closed_until_ms: number | null; newest_filed_ms: number | null }>('SELECT archived_until_ms, closed_until_ms, newest_filed_ms FROM shard_state WHERE id = 1');
    this.#archivedUntilMs = row!.archived_until_ms ?? -Infinity;
    this.#closedUntilMs = row!.closed_until_ms ?? -Infinity;
    this.#newestFiledMs = row!.newest_filed_ms ?? undefined;
  }

  /** All samples before this (Unix ms) are in files that the catalog has; -Infinity when nothing is. */
  get archivedUntilMs(): number {
    return this.#archivedUntilMs;
  }

  /** No sample before this is taken any more. */
  get closedUntilMs(): number {
    return this.#closedUntilMs;
  }

  /** Time of the newest sample that is in files (Unix ms); `undefined` when there is none. */
  get newestFiledMs(): number | undefined {
    return this.#newestFiledMs;
  }

  /** Number of the newest flush that has begun; 0 when none has. */
  get flushesBegun(): number {
    return this.#sql.all<{ next_flush: number }>('SELECT next_flush FROM shard_state WHERE id = 1')[0]!.next_flush - 1;
  }

  /** The next flush begins: its number. Inside the caller's transaction. */
  beginFlush(): number {
    const flush = this.flushesBegun + 1;
    this.#sql.run('UPDATE shard_state SET next_flush = ? WHERE id = 1', flush + 1);
    return flush;
  }

  /** Numbers up to this one are taken, by flushes that this storage knows nothing of. Inside the caller's transaction. */
  skipFlushes(through: number): void {
    if (through > this.flushesBegun) this.#sql.run('UPDATE shard_state SET next_flush = ? WHERE id = 1', through + 1);
  }

  /** Inside the caller's transaction. */
  close(untilMs: number): void {
    if (untilMs <= this.#closedUntilMs) return;
    this.#sql.run('UPDATE shard_state SET closed_until_ms = ? WHERE id = 1', untilMs);
    this.#closedUntilMs = untilMs;
  }

  /** The catalog has a file whose newest sample is of this time. Inside the caller's transaction. */
  filed(newestMs: number): void {
    if (newestMs <= (this.#newestFiledMs ?? -Infinity)) return;
    this.#sql.run('UPDATE shard_state SET newest_filed_ms = ? WHERE id = 1', newestMs);
    this.#newestFiledMs = newestMs;
  }

  /** Inside the caller's transaction. */
  archived(untilMs: number): void {
    if (untilMs <= this.#archivedUntilMs) return;
    this.#sql.run('UPDATE shard_state SET archived_until_ms = ? WHERE id = 1', untilMs);
    this.#archivedUntilMs = untilMs;
  }
}
