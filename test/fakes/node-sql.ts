import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import type { Sql, SqlRow, SqlValue } from '../../storage/runtime/sql.ts';

type Parameter = SqlValue | ArrayBufferView;

const PARAMETERS_MAX = 100;
const STATEMENT_BYTES_MAX = 100_000;
const ROW_BYTES_MAX = 2_000_000;

/**
 * The Sql port over Node's own SQLite, with the rules of the platform enforced: a test that passes here does not rely on what only SQLite
 * on a laptop allows. The database outlives the port, as storage outlives an object: `new NodeSql(same.database)` is the next instance.
 */
export class NodeSql implements Sql {
  readonly database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #rowsWritten = 0;
  #depth = 0;

  /** `source` is a file name, or the database of an earlier instance. */
  constructor(source: string | DatabaseSync = ':memory:') {
    this.database = typeof source === 'string' ? new DatabaseSync(source) : source;
  }

  all<Row extends SqlRow>(statement: string, ...parameters: Parameter[]): Row[] {
    return [...this.each<Row>(statement, ...parameters)];
  }

  *each<Row extends SqlRow>(statement: string, ...parameters: Parameter[]): Iterable<Row> {
    // A statement of its own: two cursors over the same text may be open at once.
    const rows = this.database.prepare(checkedStatement(statement)).iterate(...bind(parameters));
    for (const row of rows) yield toRow(row) as Row;
  }

  run(statement: string, ...parameters: Parameter[]): void {
    let prepared = this.#statements.get(statement);
    if (prepared === undefined) this.#statements.set(statement, (prepared = this.database.prepare(checkedStatement(statement))));
    this.#rowsWritten += Number(prepared.run(...bind(parameters)).changes);
  }

  transaction<T>(body: () => T): T {
    const name = `level${this.#depth}`;
    this.database.exec(`SAVEPOINT ${name}`);
    this.#depth++;
    try {
      const result = body();
      if (result instanceof Promise) throw new TypeError('a transaction must not be asynchronous');
      this.database.exec(`RELEASE ${name}`);
      return result;
    } catch (error) {
      this.database.exec(`ROLLBACK TO ${name}`);
      this.database.exec(`RELEASE ${name}`);
      throw error;
    } finally {
      this.#depth--;
    }
  }

  rowsWritten(): number {
    return this.#rowsWritten;
  }

  sizeBytes(): number {
    const [row] = this.all<{ bytes: number }>('SELECT page_count * page_size AS bytes FROM pragma_page_count(), pragma_page_size()');
    return row!.bytes;
  }
}

function checkedStatement(statement: string): string {
  if (statement.length > STATEMENT_BYTES_MAX) throw new RangeError(`a statement of ${statement.length} bytes`);
  return statement;
}

function bind(parameters: readonly Parameter[]): SQLInputValue[] {
  if (parameters.length > PARAMETERS_MAX) throw new RangeError(`${parameters.length} parameters, the platform takes ${PARAMETERS_MAX}`);
  let bytes = 0;
  const bound = parameters.map((value): SQLInputValue => {
    switch (typeof value) {
      case 'string':
        bytes += Buffer.byteLength(value);
        return value;
      case 'number':
        // Node binds every number as REAL too; a column of INTEGER affinity converts.
        return Number.isNaN(value) ? null : value;
      case 'object': {
        if (value === null) return null;
        // A copy: whoever binds a view may write to it afterwards.
        const copy = value instanceof ArrayBuffer ? new Uint8Array(value.slice(0)) : new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice();
        bytes += copy.length;
        return copy;
      }
      default:
        throw new TypeError(`a ${typeof value} cannot be bound`);
    }
  });
  if (bytes > ROW_BYTES_MAX) throw new RangeError(`a row of ${bytes} bytes, the platform takes ${ROW_BYTES_MAX}`);
  return bound;
}

function toRow(row: Record<string, unknown>): SqlRow {
  const converted: SqlRow = {};
  for (const [column, value] of Object.entries(row)) {
    converted[column] = value instanceof Uint8Array ? value.slice().buffer : (value as SqlValue);
  }
  return converted;
}
