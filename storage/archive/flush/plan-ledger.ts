import { decodeDataFile, encodeDataFile, type DataFile } from '../../catalog/iceberg/data-file.ts';
import type { Sql } from '../../runtime/sql.ts';

/** A file that is in the object store, and where the next one begins; `undefined` where nothing says so. */
export interface NotedFile<Cursor> {
  readonly file: DataFile;
  readonly cursor: Cursor | undefined;
}

/** How many files are written, and where the next one begins, as the last of them has it. */
export interface PlanProgress<Cursor> {
  readonly position: number;
  readonly cursor: Cursor | undefined;
}

/**
 * What a database knows of a plan that is under way, of a flush, a merge or roll-ups: the plan itself, stored before anything of it is done, so
 * that after a crash the same files get the same keys, and the files of it that are in the object store. There is one plan of a kind at a
 * time, in the tables `KIND_plan` and `KIND_file`.
 */
export class PlanLedger<Plan extends { readonly id: string }, Cursor> {
  readonly #sql: Sql;
  readonly #kind: 'flush' | 'merge' | 'rollup';
  /** The runtime knows a statement that comes again by its text being the same object, and shards ask for their plan at every write. */
  readonly #selectPlan: string;

  constructor(sql: Sql, kind: 'flush' | 'merge' | 'rollup') {
    this.#sql = sql;
    this.#kind = kind;
    this.#selectPlan = `SELECT plan, is_encoded FROM ${kind}_plan WHERE id = 1`;
  }

  plan(): { readonly plan: Plan; readonly isEncoded: boolean } | undefined {
    const [row] = this.#sql.all<{ plan: string; is_encoded: number }>(this.#selectPlan);
    return row === undefined ? undefined : { plan: JSON.parse(row.plan) as Plan, isEncoded: row.is_encoded === 1 };
  }

  files(): DataFile[] {
    return this.#sql.all<{ description: string }>(`SELECT description FROM ${this.#kind}_file ORDER BY position`).map(({ description }) => decodeDataFile(description));
  }

  /** What the files so far come to. */
  written(): { readonly fileCount: number; readonly rowCount: number; readonly bytes: number } {
    const files = this.files();
    return { fileCount: files.length, rowCount: files.reduce((sum, { rowCount }) => sum + rowCount, 0), bytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) };
  }

  progress(): PlanProgress<Cursor> {
    const [last] = this.#sql.all<{ position: number; cursor: string | null }>(`SELECT position, cursor FROM ${this.#kind}_file ORDER BY position DESC LIMIT 1`);
    if (last === undefined) return { position: 0, cursor: undefined };
    return { position: last.position + 1, cursor: last.cursor === null ? undefined : (JSON.parse(last.cursor) as Cursor) };
  }

  begin(plan: Plan): void {
    this.#sql.run(`INSERT INTO ${this.#kind}_plan (id, plan, is_encoded) VALUES (1, ?, 0)`, JSON.stringify(plan));
  }

  /** Notes a file, if there was one left to write, and whether it is the last. */
  note(plan: Plan, position: number, noted: NotedFile<Cursor> | undefined, isLast: boolean): void {
    this.#sql.transaction(() => {
      this.#mustBe(plan);
      if (noted !== undefined) {
        const cursor = noted.cursor === undefined ? null : JSON.stringify(noted.cursor);
        this.#sql.run(`INSERT INTO ${this.#kind}_file (position, description, cursor) VALUES (?, ?, ?)`, position, encodeDataFile(noted.file), cursor);
      }
      if (isLast) this.#sql.run(`UPDATE ${this.#kind}_plan SET is_encoded = 1 WHERE id = 1`);
    });
  }

  /** Done, or given up: what was written then is left to the clean-up. */
  end(plan: Plan): void {
    this.#sql.transaction(() => {
      this.#mustBe(plan);
      this.#sql.run(`DELETE FROM ${this.#kind}_plan`);
      this.#sql.run(`DELETE FROM ${this.#kind}_file`);
    });
  }

  /** An instance of the object that has been replaced, and lives on, must not go on with what another has taken over. */
  #mustBe(plan: Plan): void {
    if (this.plan()?.plan.id !== plan.id) throw new Error(`this instance has been replaced: another one goes on with the ${this.#kind}`);
  }
}
