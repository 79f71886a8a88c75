import type { Sql } from '../runtime/sql.ts';

interface MarksRow extends Record<string, number | null> {
  pruned_ms: number | null;
  samples_kept: number;
}

/**
 * How far retention and compaction have come, for the next instance: an object that is written to now and then lives for seconds at a time,
 * and none of its lives would be long enough for either to be due.
 */
export class UpkeepMarks {
  readonly #sql: Sql;
  #prunedMs: number | undefined;
  #samplesKept: number;

  constructor(sql: Sql) {
    this.#sql = sql;
    sql.run('CREATE TABLE IF NOT EXISTS upkeep_mark (id INTEGER PRIMARY KEY CHECK (id = 1), pruned_ms REAL, samples_kept INTEGER NOT NULL)');
    const [row] = sql.all<MarksRow>('SELECT pruned_ms, samples_kept FROM upkeep_mark WHERE id = 1');
    this.#prunedMs = row?.pruned_ms ?? undefined;
    this.#samplesKept = row?.samples_kept ?? 0;
  }

  /** When retention last removed what was too old (Unix ms), or began to be looked after; undefined before that. */
  get prunedMs(): number | undefined {
    return this.#prunedMs;
  }

  /** Samples of the hot tier that the last compaction left; 0 before the first. */
  get samplesKept(): number {
    return this.#samplesKept;
  }

  /** Inside the caller's transaction. */
  notePruned(nowMs: number): void {
    this.#prunedMs = nowMs;
    this.#write();
  }

  /** Inside the caller's transaction. */
  noteCompacted(samplesKept: number): void {
    this.#samplesKept = samplesKept;
    this.#write();
  }

  #write(): void {
    this.#sql.run('INSERT OR REPLACE INTO upkeep_mark (id, pruned_ms, samples_kept) VALUES (1, ?, ?)', this.#prunedMs ?? null, this.#samplesKept);
  }
}
