export type SqlValue = ArrayBuffer | string | number | null;
export type SqlRow = Record<string, SqlValue>;

/**
 * A Durable Object's SQLite as a port. Everything is synchronous. Statements are constant strings (the runtime caches by identity).
 *
 * What the platform does, and every implementation must: numbers bind as REAL (a column of INTEGER affinity converts), NaN binds as NULL,
 * BigInt is refused, at most 100 parameters, at most 2 MB a row. After an error from here the caller must not go on with what it has
 * in memory: it lets the error out, and the object is rebuilt from what is stored.
 */
export interface Sql {
  /** Runs one statement and reads all its rows; for results that are known to be small. */
  all<Row extends SqlRow>(statement: string, ...parameters: (SqlValue | ArrayBufferView)[]): Row[];
  /**
   * Runs one statement and hands out its rows one by one. The cursor must not live across an `await`; one that is not read to its end keeps
   * its tables locked against migrations.
   */
  each<Row extends SqlRow>(statement: string, ...parameters: (SqlValue | ArrayBufferView)[]): Iterable<Row>;
  run(statement: string, ...parameters: (SqlValue | ArrayBufferView)[]): void;
  /** All of `body` or nothing of it. It must not `await`. */
  transaction<T>(body: () => T): T;
  /** Rows written so far, as they are billed. */
  rowsWritten(): number;
  /** Bytes in use. */
  sizeBytes(): number;
}

/** The port over a Durable Object's storage. */
export function durableObjectSql(storage: DurableObjectStorage): Sql {
  let rowsWritten = 0;
  const { sql } = storage;
  return {
    all: <Row extends SqlRow>(statement: string, ...parameters: (SqlValue | ArrayBufferView)[]) =>
      sql.exec<Row>(statement, ...parameters).toArray(),
    each: <Row extends SqlRow>(statement: string, ...parameters: (SqlValue | ArrayBufferView)[]) =>
      sql.exec<Row>(statement, ...parameters),
    run: (statement, ...parameters) => {
      rowsWritten += sql.exec(statement, ...parameters).rowsWritten;
    },
    transaction: (body) => storage.transactionSync(body),
    rowsWritten: () => rowsWritten,
    sizeBytes: () => sql.databaseSize,
  };
}
