import type { Sql } from './sql.ts';

/**
 * Brings a database to the newest schema. Migrations, of a statement or several, are numbered by their place and only ever appended to; each is
 * one transaction, so a crash leaves a whole version behind. `what` names the object in the refusal of a database that a later build has written.
 */
export function migrate(sql: Sql, migrations: readonly (string | readonly string[])[], what: string): void {
  sql.run('CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY)');
  const [row] = sql.all<{ version: number | null }>('SELECT max(version) AS version FROM schema_version');
  const current = row?.version ?? 0;
  if (current > migrations.length) throw new Error(`this ${what} has schema version ${current}; this build of Varve knows up to ${migrations.length}`);
  for (let version = current + 1; version <= migrations.length; version++) {
    sql.transaction(() => {
      for (const statement of [migrations[version - 1]!].flat()) sql.run(statement);
      sql.run('INSERT INTO schema_version (version) VALUES (?)', version);
    });
  }
}
