import type { SqlValue } from '../../storage/runtime/sql.ts';
import { NodeSql } from './node-sql.ts';

/** As much of a Durable Object's storage as its SQLite is, over Node's own: for code that is handed `ctx.storage`. */
export function nodeStorage(sql: NodeSql = new NodeSql()): DurableObjectStorage {
  const exec = (statement: string, ...parameters: SqlValue[]): unknown => {
    if (/^\s*(?:SELECT|WITH)\b/.test(statement)) {
      const rows = sql.all(statement, ...parameters);
      return { toArray: () => rows, [Symbol.iterator]: () => rows[Symbol.iterator](), rowsWritten: 0 };
    }
    const before = sql.rowsWritten();
    sql.run(statement, ...parameters);
    return { toArray: () => [], rowsWritten: sql.rowsWritten() - before };
  };
  const storage = {
    sql: {
      exec,
      get databaseSize() {
        return sql.sizeBytes();
      },
    },
    transactionSync: <T>(body: () => T) => sql.transaction(body),
  };
  return storage as unknown as DurableObjectStorage;
}
