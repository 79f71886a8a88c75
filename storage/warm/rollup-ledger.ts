import { decodeDataFile, encodeDataFile, type DataFile } from '../catalog/data-file.ts';

import type { MergeCursor } from '../archive/merge-ledger.ts';
import type { Sql } from '../runtime/sql.ts';
import type { RolledUpDay, RollupState, RollupWork } from './rollup-plan.ts';

/** Roll-ups that were begun. They are stored before anything of them is made, so that after a crash the same files get the same keys. */
export interface RollupPlan extends RollupWork {
  /** Random: part of the keys. */
  readonly id: string;
  /** Numbers of the files of samples, as runs, by rising rank. */
  readonly runs: readonly (readonly number[])[];
  /** Numbers of the partition's files of roll-ups, whose place the new ones take: what they have of other days is kept. */
  readonly replaced: readonly number[];
  /** What is rolled up, as `WarmRule[]`. */
  readonly rules: string;
}

/** A file that is in the object store, and where the next one begins. */
export interface RolledUpFile {
  readonly file: DataFile;
  readonly cursor: MergeCursor | undefined;
}

interface SourceRow extends Record<string, string | number> {
  readonly shard: string;
  readonly day: number;
  readonly newest_file: number;
  readonly changed_ms: number;
}

interface DayRow extends Record<string, string | number> {
  readonly table_name: string;
  readonly shard: string;
  readonly day: number;
  readonly through_file: number;
}

/** What a catalog's database knows of roll-ups: what there is to make them from, what is made, what is being made. */
export class RollupLedger {
  readonly #sql: Sql;

  /** `sql` is a catalog's database that has been migrated (catalog-store.ts). */
  constructor(sql: Sql) {
    this.#sql = sql;
  }

  state(): RollupState {
    const sources = this.#sql.all<SourceRow>('SELECT shard, day, newest_file, changed_ms FROM rollup_source ORDER BY day, shard');
    const done = new Map<string, RolledUpDay[]>();
    for (const row of this.#sql.all<DayRow>('SELECT table_name, shard, day, through_file FROM rollup_day')) {
      const day = { shard: row.shard, day: row.day, throughFile: row.through_file };
      const known = done.get(row.table_name);
      if (known === undefined) done.set(row.table_name, [day]);
      else known.push(day);
    }
    const shards = this.#sql.all<{ shard: string; archived_until_ms: number }>('SELECT shard, archived_until_ms FROM archive_shard WHERE archived_until_ms IS NOT NULL');
    return {
      sources: sources.map((row) => ({ shard: row.shard, day: row.day, newestFile: row.newest_file, changedMs: row.changed_ms })),
      done,
      archivedUntilMs: new Map(shards.map((row) => [row.shard, row.archived_until_ms])),
    };
  }

  plan(): { readonly plan: RollupPlan; readonly isEncoded: boolean } | undefined {
    const [row] = this.#sql.all<{ plan: string; is_encoded: number }>('SELECT plan, is_encoded FROM rollup_plan WHERE id = 1');
    return row === undefined ? undefined : { plan: JSON.parse(row.plan) as RollupPlan, isEncoded: row.is_encoded === 1 };
  }

  files(): DataFile[] {
    return this.#sql.all<{ description: string }>('SELECT description FROM rollup_file ORDER BY position').map(({ description }) => decodeDataFile(description));
  }

  /** How many files are written, and where the next one begins. */
  progress(): { readonly position: number; readonly cursor: MergeCursor | undefined } {
    const [last] = this.#sql.all<{ position: number; cursor: string | null }>('SELECT position, cursor FROM rollup_file ORDER BY position DESC LIMIT 1');
    if (last === undefined) return { position: 0, cursor: undefined };
    return { position: last.position + 1, cursor: last.cursor === null ? undefined : (JSON.parse(last.cursor) as MergeCursor) };
  }

  begin(plan: RollupPlan): void {
    this.#sql.run('INSERT INTO rollup_plan (id, plan, is_encoded) VALUES (1, ?, 0)', JSON.stringify(plan));
  }

  /** Notes a file, if there is one left to write, and whether it is the last. */
  note(plan: RollupPlan, position: number, made: RolledUpFile | undefined): void {
    this.#sql.transaction(() => {
      this.#mustBe(plan);
      if (made !== undefined) {
        const cursor = made.cursor === undefined ? null : JSON.stringify(made.cursor);
        this.#sql.run('INSERT INTO rollup_file (position, description, cursor) VALUES (?, ?, ?)', position, encodeDataFile(made.file), cursor);
      }
      if (made?.cursor === undefined) this.#sql.run('UPDATE rollup_plan SET is_encoded = 1 WHERE id = 1');
    });
  }

  /** The days of a plan are in its table. Inside the caller's transaction. */
  done({ table, shard, days, rules }: RollupPlan): void {
    this.#sql.run('INSERT OR IGNORE INTO rollup_policy (rules) VALUES (?)', rules);
    for (const { day, throughFile } of days) {
      this.#sql.run(
        'INSERT OR REPLACE INTO rollup_day (table_name, shard, day, through_file, policy) VALUES (?, ?, ?, ?, (SELECT policy FROM rollup_policy WHERE rules = ?))',
        table, shard, day, throughFile, rules,
      );
    }
  }

  /** Done, or given up: what was written then is left to the clean-up. */
  end(plan: RollupPlan): void {
    this.#sql.transaction(() => {
      this.#mustBe(plan);
      this.#sql.run('DELETE FROM rollup_plan');
      this.#sql.run('DELETE FROM rollup_file');
    });
  }

  /** A day without samples has nothing to roll up, nor roll-ups: where a deletion has taken all of them, those that were made are not read any more. */
  forget(shard: string, day: number): void {
    this.#sql.run('DELETE FROM rollup_day WHERE shard = ? AND day = ?', shard, day);
    this.#sql.run('DELETE FROM rollup_source WHERE shard = ? AND day = ?', shard, day);
  }

  /** An instance of the catalog that has been replaced, and lives on, must not go on with what another has taken over. */
  #mustBe(plan: RollupPlan): void {
    if (this.plan()?.plan.id !== plan.id) throw new Error('this instance of the catalog has been replaced');
  }
}

