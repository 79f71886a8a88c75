import type { Sql, SqlRow, SqlValue } from '../runtime/sql.ts';

type Parameter = SqlValue | ArrayBufferView;

/** A table's name stands behind one of these words; `DO UPDATE SET` and table functions have none. */
const TABLE = /\b(FROM|INTO|UPDATE|JOIN|TABLE IF NOT EXISTS|TABLE)\s+(?!SET\b|IF\b|pragma_|sqlite_|json_)([a-z_]+)/g;
/** An index has a name of its own, and then its table's. */
const INDEX = /\bINDEX\s+([a-z_]+)\s+ON\s+([a-z_]+)/g;
/** A column with its table's name in front. */
const QUALIFIED = /\b(?!excluded\.)([a-z_]+)\.(?=[a-z_])/g;

/**
 * The same database with a prefix before every table's name: the engine's tables lie beside those of somebody's own object, who may well
 * have a `snapshot` or a `schema_version`. Statements are ours, so it is enough to know how ours are written.
 */
export function prefixedSql(sql: Sql, prefix: string): Sql {
  const rewritten = new Map<string, string>();
  const rewrite = (statement: string): string => {
    let known = rewritten.get(statement);
    if (known === undefined) {
      known = statement.replace(QUALIFIED, `${prefix}$1.`).replace(TABLE, `$1 ${prefix}$2`).replace(INDEX, `INDEX ${prefix}$1 ON ${prefix}$2`);
      rewritten.set(statement, known);
    }
    return known;
  };
  return {
    all: <Row extends SqlRow>(statement: string, ...parameters: Parameter[]) => sql.all<Row>(rewrite(statement), ...parameters),
    each: <Row extends SqlRow>(statement: string, ...parameters: Parameter[]) => sql.each<Row>(rewrite(statement), ...parameters),
    run: (statement, ...parameters) => sql.run(rewrite(statement), ...parameters),
    transaction: (body) => sql.transaction(body),
    rowsWritten: () => sql.rowsWritten(),
    sizeBytes: () => sql.sizeBytes(),
  };
}
