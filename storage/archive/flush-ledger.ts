import type { Labels } from '../model/labels.ts';
import type { Sql } from '../runtime/sql.ts';
import { decodeDataFile, encodeDataFile, type DataFile } from '../catalog/data-file.ts';
import type { FlushWork } from './flush-plan.ts';

/** A piece of work that was begun. It is stored before anything of it is done, so that after a crash the same files get the same keys. */
export interface FlushPlan {
  /** Rises by one with each plan of the shard: the catalog knows a commit by it. */
  readonly flush: number;
  /** Random: part of the keys. */
  readonly id: string;
  readonly work: FlushWork;
}

/** Where the next file of a window begins: with this series, behind a time (Unix ms), of which samples may be deleted meanwhile. */
export interface FlushCursor {
  readonly labels: Labels;
  /** `undefined` before the first of its samples. */
  readonly takenThroughMs?: number | undefined;
  /** As flushes of before had it instead: so many of its samples are taken. */
  readonly samplesTaken?: number;
}

/** A file that is in the object store, and where the next one begins. */
export interface FlushedFile {
  readonly file: DataFile;
  readonly cursor: FlushCursor | undefined;
}

/** What a shard's database knows of the flush that is under way. */
export class FlushLedger {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  plan(): { readonly plan: FlushPlan; readonly isEncoded: boolean } | undefined {
    const [row] = this.#sql.all<{ plan: string; is_encoded: number }>('SELECT plan, is_encoded FROM flush_plan WHERE id = 1');
    return row === undefined ? undefined : { plan: JSON.parse(row.plan) as FlushPlan, isEncoded: row.is_encoded === 1 };
  }

  /** Number of the next plan. */
  nextFlush(): number {
    return this.#sql.all<{ next_flush: number }>('SELECT next_flush FROM shard_state WHERE id = 1')[0]!.next_flush;
  }

  files(): FlushedFile[] {
    const rows = this.#sql.all<{ description: string; cursor: string | null }>('SELECT description, cursor FROM flush_file ORDER BY position');
    return rows.map(({ description, cursor }) => ({ file: decodeDataFile(description), cursor: cursor === null ? undefined : (JSON.parse(cursor) as FlushCursor) }));
  }

  /** Inside the caller's transaction. */
  begin(plan: FlushPlan): void {
    this.#sql.run('UPDATE shard_state SET next_flush = ? WHERE id = 1', plan.flush + 1);
    this.#sql.run('INSERT INTO flush_plan (id, plan, is_encoded) VALUES (1, ?, 0)', JSON.stringify(plan));
  }

  /** Notes a file, or that there is none left to write. */
  note(plan: FlushPlan, position: number, flushed: FlushedFile | undefined, isLast: boolean): void {
    this.#sql.transaction(() => {
      this.#mustBe(plan);
      if (flushed !== undefined) {
        const cursor = flushed.cursor === undefined ? null : JSON.stringify(flushed.cursor);
        this.#sql.run('INSERT INTO flush_file (position, description, cursor) VALUES (?, ?, ?)', position, encodeDataFile(flushed.file), cursor);
      }
      if (isLast) this.#sql.run('UPDATE flush_plan SET is_encoded = 1 WHERE id = 1');
    });
  }

  /** Inside the caller's transaction. */
  end(plan: FlushPlan): void {
    this.#mustBe(plan);
    this.#sql.run('DELETE FROM flush_plan');
    this.#sql.run('DELETE FROM flush_file');
  }

  /** An instance of the shard that has been replaced, and lives on, must not go on with what another has taken over. */
  #mustBe(plan: FlushPlan): void {
    if (this.plan()?.plan.id !== plan.id) throw new Error('this instance of the shard has been replaced');
  }
}
