import type { Sql } from '../runtime/sql.ts';
import type { Documents } from './documents.ts';

/**
 * JSON values that came when their window had moved: apart from the others, which go with the windows of their time, and these with the batch
 * of the late queue that has their samples.
 */
export class LateDocuments {
  readonly #sql: Sql;
  readonly #documents: Documents;

  /** Ids are those of `documents`: no two of both are the same. */
  constructor(sql: Sql, documents: Documents) {
    this.#sql = sql;
    this.#documents = documents;
    sql.run(`CREATE TABLE IF NOT EXISTS late_document (
      document INTEGER PRIMARY KEY, -- rises with the batches of the late queue
      body TEXT NOT NULL            -- JSON
    )`);
  }

  /** Stores a document, inside the caller's transaction, and returns its id. */
  put(text: string): number {
    const id = this.#documents.idFor(text);
    this.#sql.run('INSERT INTO late_document (document, body) VALUES (?, ?)', id, text);
    return id;
  }

  read(id: number): string | undefined {
    return this.#sql.all<{ body: string }>('SELECT body FROM late_document WHERE document = ?', id)[0]?.body;
  }

  get isEmpty(): boolean {
    return this.#sql.all('SELECT 1 AS found FROM late_document LIMIT 1').length === 0;
  }

  /** Deletes the documents before one. */
  deleteBefore(id: number): void {
    this.#sql.run('DELETE FROM late_document WHERE document < ?', id);
  }
}
