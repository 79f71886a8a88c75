import type { Sql } from '../runtime/sql.ts';

/**
 * The time before which raw values were removed while their roll-ups stayed: the engine has one floor for all series, and that one must not
 * pass the roll-ups. Nothing older is taken: a few late values would look like all that a roll-up was made from. It never falls, also not
 * with a restore.
 */
export class RawFloor {
  readonly #sql: Sql;
  #floorMs: number;

  constructor(sql: Sql) {
    this.#sql = sql;
    sql.run('CREATE TABLE IF NOT EXISTS raw_floor (id INTEGER PRIMARY KEY CHECK (id = 1), floor_ms REAL NOT NULL)');
    const [row] = sql.all<{ floor_ms: number }>('SELECT floor_ms FROM raw_floor WHERE id = 1');
    this.#floorMs = row?.floor_ms ?? -Infinity;
  }

  /** Unix ms; -Infinity when there is none. */
  get ms(): number {
    return this.#floorMs;
  }

  /** Inside the caller's transaction. */
  raise(floorMs: number): void {
    if (floorMs <= this.#floorMs) return;
    this.#sql.run('INSERT OR REPLACE INTO raw_floor (id, floor_ms) VALUES (1, ?)', floorMs);
    this.#floorMs = floorMs;
  }
}
