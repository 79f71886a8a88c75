import { decodeDataFile, encodeDataFile, type DataFile } from '../catalog/data-file.ts';
import type { ShardPartition } from '../catalog/archive-files.ts';
import type { Labels } from '../model/labels.ts';
import type { Sql } from '../runtime/sql.ts';

/** A merge that was begun. It is stored before anything of it is done, so that after a crash the same files get the same keys. */
export interface MergePlan extends ShardPartition {
  /** Random: part of the keys. */
  readonly id: string;
  /** Numbers of the files of each run, in order; the runs by rising rank. */
  readonly runs: readonly (readonly number[])[];
}

/** Where the next file of a merge begins: with this series, behind so many of its rows. */
export interface MergeCursor {
  readonly labels: Labels;
  readonly rowsTaken: number;
  /** For each run the position of the first file that may have something of it. */
  readonly places: readonly number[];
}

/** A file that is in the object store, and where the next one begins. */
export interface MergedFile {
  readonly file: DataFile;
  readonly cursor: MergeCursor | undefined;
}

/** What a catalog's database knows of the merge that is under way. */
export class MergeLedger {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  plan(): { readonly plan: MergePlan; readonly isEncoded: boolean } | undefined {
    const [row] = this.#sql.all<{ plan: string; is_encoded: number }>('SELECT plan, is_encoded FROM merge_plan WHERE id = 1');
    return row === undefined ? undefined : { plan: JSON.parse(row.plan) as MergePlan, isEncoded: row.is_encoded === 1 };
  }

  files(): DataFile[] {
    return this.#sql.all<{ description: string }>('SELECT description FROM merge_file ORDER BY position').map(({ description }) => decodeDataFile(description));
  }

  /** How many files are written, and where the next one begins. */
  progress(): { readonly position: number; readonly cursor: MergeCursor | undefined } {
    const [last] = this.#sql.all<{ position: number; cursor: string | null }>('SELECT position, cursor FROM merge_file ORDER BY position DESC LIMIT 1');
    if (last === undefined) return { position: 0, cursor: undefined };
    return { position: last.position + 1, cursor: last.cursor === null ? undefined : (JSON.parse(last.cursor) as MergeCursor) };
  }

  begin(plan: MergePlan): void {
    this.#sql.run('INSERT INTO merge_plan (id, plan, is_encoded) VALUES (1, ?, 0)', JSON.stringify(plan));
  }

  /** Notes a file, if there is one left to write, and whether it is the last. */
  note(plan: MergePlan, position: number, merged: MergedFile | undefined): void {
    this.#sql.transaction(() => {
      this.#mustBe(plan);
      if (merged !== undefined) {
        const cursor = merged.cursor === undefined ? null : JSON.stringify(merged.cursor);
        this.#sql.run('INSERT INTO merge_file (position, description, cursor) VALUES (?, ?, ?)', position, encodeDataFile(merged.file), cursor);
      }
      if (merged?.cursor === undefined) this.#sql.run('UPDATE merge_plan SET is_encoded = 1 WHERE id = 1');
    });
  }

  /** Done, or given up: what was written then is left to the clean-up. */
  end(plan: MergePlan): void {
    this.#sql.transaction(() => {
      this.#mustBe(plan);
      this.#sql.run('DELETE FROM merge_plan');
      this.#sql.run('DELETE FROM merge_file');
    });
  }

  /** An instance of the catalog that has been replaced, and lives on, must not go on with what another has taken over. */
  #mustBe(plan: MergePlan): void {
    if (this.plan()?.plan.id !== plan.id) throw new Error('this instance of the catalog has been replaced');
  }
}
