import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite';
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
  readonly #statements: Statements;
  #rowsWritten = 0;
  #depth = 0;

  /** `source` is a file name, or the database of an earlier instance. */
  constructor(source: string | DatabaseSync = ':memory:') {
    this.database = typeof source === 'string' ? new DatabaseSync(source) : source;
    this.#statements = Statements.of(this.database);
  }

  /** A database of its own with the same in it: cheaper than to fill another one. */
  copy(): NodeSql {
    const copy = new NodeSql();
    copy.database.deserialize(this.database.serialize());
    // Nobody else opens it: no transaction has to look whether somebody has written.
    copy.database.exec('PRAGMA locking_mode = EXCLUSIVE');
    return copy;
  }

  all<Row extends SqlRow>(statement: string, ...parameters: Parameter[]): Row[] {
    return this.#statements.use(statement, ({ prepared, columns }) => (prepared.all(...bind(parameters)) as unknown[] as RowValues[]).map((values) => toRow(columns, values)) as Row[]);
  }

  *each<Row extends SqlRow>(statement: string, ...parameters: Parameter[]): Iterable<Row> {
    const taken = this.#statements.take(statement);
    try {
      for (const values of taken.prepared.iterate(...bind(parameters)) as Iterable<unknown> as Iterable<RowValues>) yield toRow(taken.columns, values) as Row;
    } finally {
      this.#statements.giveBack(statement, taken);
    }
  }

  run(statement: string, ...parameters: Parameter[]): void {
    this.#rowsWritten += this.#statements.use(statement, ({ prepared }) => Number(prepared.run(...bind(parameters)).changes));
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

/** A row of a statement that returns arrays, of which Node's types do not know. */
type RowValues = readonly SQLOutputValue[];

interface Statement {
  readonly prepared: StatementSync;
  /** The names of what it answers. */
  readonly columns: readonly string[];
}

/**
 * Prepared statements of a database that nobody uses at the moment, by text: several of one text where several cursors over it have been
 * open at once. A database keeps them from one instance to the next, so that waking an object costs a test no preparing.
 */
class Statements {
  static readonly #ofDatabase = new WeakMap<DatabaseSync, Statements>();
  readonly #database: DatabaseSync;
  readonly #idle = new Map<string, Statement[]>();

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  static of(database: DatabaseSync): Statements {
    let known = this.#ofDatabase.get(database);
    if (known === undefined) this.#ofDatabase.set(database, (known = new Statements(database)));
    return known;
  }

  take(text: string): Statement {
    return this.#idle.get(text)?.pop() ?? this.#prepare(text);
  }

  giveBack(text: string, statement: Statement): void {
    const idle = this.#idle.get(text);
    if (idle === undefined) this.#idle.set(text, [statement]);
    else idle.push(statement);
  }

  use<T>(text: string, run: (statement: Statement) => T): T {
    const statement = this.take(text);
    try {
      return run(statement);
    } finally {
      this.giveBack(text, statement);
    }
  }

  #prepare(text: string): Statement {
    const prepared = this.#database.prepare(checkedStatement(text));
    // Node's own objects have their columns in a dictionary, which takes five times as long to make and to read.
    prepared.setReturnArrays(true);
    return { prepared, columns: prepared.columns().map(({ name }) => name) };
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

function toRow(columns: readonly string[], values: RowValues): SqlRow {
  if (values.length !== columns.length) throw new Error(`${values.length} columns, ${columns.length} when the statement was prepared`);
  const row: SqlRow = {};
  for (let i = 0; i < columns.length; i++) {
    const value = values[i]!;
    row[columns[i]!] = value instanceof Uint8Array ? value.slice().buffer : (value as SqlValue);
  }
  return row;
}
