import { isLongerUtf8, utf8Length } from '../model/utf8-length.ts';
import { badData } from '../runtime/errors.ts';
import { LIMITS } from '../runtime/limits.ts';
import type { Sql } from '../runtime/sql.ts';

/** High word of the NaN that stands for a document in the numeric columns; its 18 lowest bits are the high bits of the document's id. */
const DOCUMENT_BITS_HIGH = 0xfffc0000;
const ID_HIGH_MASK = 0x3ffff;

/** Ids are taken in blocks of this many, so that one document is one row written, and not two. */
const IDS_PER_BLOCK = 1024;

/**
 * JSON values, stored apart from the numeric columns. The engine keeps a sample for each like for any number, its value a NaN whose payload
 * is the document's id: order, time travel, retention, compaction, snapshots and the change feed are the engine's and hold for documents
 * too. A document never changes; a value that is overwritten gets a new one.
 *
 * Sorted by time and then id, which is where reads look and what retention deletes.
 */
export class Documents {
  readonly #sql: Sql;
  #nextId: number;
  #idsEnd: number;

  constructor(sql: Sql) {
    this.#sql = sql;
    sql.run(`CREATE TABLE IF NOT EXISTS document (
      timestamp_ms INTEGER NOT NULL, -- of the sample that stands for it
      document INTEGER NOT NULL,     -- never given twice
      body TEXT NOT NULL,            -- JSON
      PRIMARY KEY (timestamp_ms, document)
    ) WITHOUT ROWID`);
    sql.run('CREATE TABLE IF NOT EXISTS document_ids (id INTEGER PRIMARY KEY CHECK (id = 1), next_document INTEGER NOT NULL)');
    const [row] = sql.all<{ next_document: number }>('SELECT next_document FROM document_ids WHERE id = 1');
    this.#nextId = row?.next_document ?? 1;
    this.#idsEnd = this.#nextId;
  }

  /** An id for a document, inside the caller's transaction: each is greater than all before. Throws for a text that no row can hold. */
  idFor(text: string): number {
    if (isLongerUtf8(text, LIMITS.sqlRowBytesMax)) throw badData(`a value of ${utf8Length(text)} bytes as JSON, the limit sqlRowBytesMax is ${LIMITS.sqlRowBytesMax}`);
    if (this.#nextId === this.#idsEnd) {
      this.#idsEnd += IDS_PER_BLOCK;
      this.#sql.run('INSERT OR REPLACE INTO document_ids (id, next_document) VALUES (1, ?)', this.#idsEnd);
    }
    return this.#nextId++;
  }

  /** Stores a document, inside the caller's transaction, and returns its id. */
  put(timestampMs: number, text: string): number {
    const id = this.idFor(text);
    this.#sql.run('INSERT INTO document (timestamp_ms, document, body) VALUES (?, ?, ?)', timestampMs, id, text);
    return id;
  }

  /** Undefined when it has been deleted. */
  read(timestampMs: number, id: number): string | undefined {
    return this.#sql.all<{ body: string }>('SELECT body FROM document WHERE timestamp_ms = ? AND document = ?', timestampMs, id)[0]?.body;
  }

  get isEmpty(): boolean {
    return this.#sql.all('SELECT 1 AS found FROM document LIMIT 1').length === 0;
  }

  deleteBefore(timestampMs: number): void {
    this.#sql.run('DELETE FROM document WHERE timestamp_ms < ?', timestampMs);
  }

  /** Deletes the documents that are not marked, some at a time. */
  deleteUnmarked(marks: DocumentMarks): void {
    let last: DocumentRow = { timestamp_ms: -Infinity, document: 0 };
    for (;;) {
      const rows = this.#sql.all<DocumentRow>(
        'SELECT timestamp_ms, document FROM document WHERE (timestamp_ms, document) > (?, ?) ORDER BY timestamp_ms, document LIMIT 1000',
        last.timestamp_ms,
        last.document,
      );
      for (const row of rows) {
        if (!marks.has(row.document)) this.#sql.run('DELETE FROM document WHERE timestamp_ms = ? AND document = ?', row.timestamp_ms, row.document);
      }
      const end = rows.at(-1);
      if (end === undefined) return;
      last = end;
    }
  }
}

interface DocumentRow extends Record<string, number> {
  timestamp_ms: number;
  document: number;
}

/** The value bits of a document's sample, low word first. */
export function documentBits(id: number): readonly [low: number, high: number] {
  return [id >>> 0, (DOCUMENT_BITS_HIGH | Math.floor(id / 2 ** 32)) >>> 0];
}

/** The id of the document that a sample stands for; undefined when the sample is a number. */
export function documentId(low: number, high: number): number | undefined {
  return (high & ~ID_HIGH_MASK) >>> 0 === DOCUMENT_BITS_HIGH ? (high & ID_HIGH_MASK) * 2 ** 32 + low : undefined;
}

const MARKS_PER_CHUNK = 32 * 1024;

/** A set of document ids, a bit each: ids are dense, so a million take 125 KB. */
export class DocumentMarks {
  readonly #chunks = new Map<number, Uint32Array>();

  add(id: number): void {
    const chunk = Math.floor(id / MARKS_PER_CHUNK);
    let bits = this.#chunks.get(chunk);
    if (bits === undefined) this.#chunks.set(chunk, (bits = new Uint32Array(MARKS_PER_CHUNK / 32)));
    const bit = id % MARKS_PER_CHUNK;
    bits[bit >>> 5]! |= 1 << (bit & 31);
  }

  has(id: number): boolean {
    const bit = id % MARKS_PER_CHUNK;
    const bits = this.#chunks.get(Math.floor(id / MARKS_PER_CHUNK));
    return bits !== undefined && (bits[bit >>> 5]! & (1 << (bit & 31))) !== 0;
  }
}
