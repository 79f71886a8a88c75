import type { Sql } from '../../storage/runtime/sql.ts';
import type { NodeSql } from './node-sql.ts';

/** The port, and how SQLite finds the rows of each statement that has gone through it: by text, the lines of EXPLAIN QUERY PLAN. */
export function withQueryPlans(sql: NodeSql): { readonly sql: Sql; readonly plans: ReadonlyMap<string, readonly string[]> } {
  const plans = new Map<string, readonly string[]>();
  const explain = (statement: string): void => {
    if (!plans.has(statement)) plans.set(statement, sql.database.prepare(`EXPLAIN QUERY PLAN ${statement}`).all().map(({ detail }) => String(detail)));
  };
  const explained: Sql = {
    all: (statement, ...parameters) => {
      explain(statement);
      return sql.all(statement, ...parameters);
    },
    each: (statement, ...parameters) => {
      explain(statement);
      return sql.each(statement, ...parameters);
    },
    run: (statement, ...parameters) => {
      sql.run(statement, ...parameters);
      // Behind it: it may be what makes a table.
      explain(statement);
    },
    transaction: (body) => sql.transaction(body),
    rowsWritten: () => sql.rowsWritten(),
    sizeBytes: () => sql.sizeBytes(),
  };
  return { sql: explained, plans };
}
