import type { Sql } from '../runtime/sql.ts';

/**
 * The schema of a shard's database: numbered steps that are only ever appended to. FORMAT.md draws the bytes of the blobs.
 * Ids are given by the shard, never by SQLite, and every table has an integer key, so that each write is one billed row.
 */
const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `CREATE TABLE shard_state (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      sealed_sequence INTEGER NOT NULL, -- WAL rows up to this sequence are in segments: their slots are free
      next_segment INTEGER NOT NULL,    -- id of the next segment row
      next_seal INTEGER NOT NULL        -- id of the next seal; all segment rows of one seal share it
    )`,
    'INSERT INTO shard_state (id, sealed_sequence, next_segment, next_seal) VALUES (1, 0, 1, 1)',
    `CREATE TABLE wal (
      slot INTEGER PRIMARY KEY,    -- reused: a row is replaced, not deleted, since a deleted row is billed like a written one
      sequence INTEGER NOT NULL,   -- order of acceptance, from 1; rows at or below shard_state.sealed_sequence are void
      samples BLOB NOT NULL        -- wal.ts
    )`,
    `CREATE TABLE series_block (
      first_ref INTEGER PRIMARY KEY, -- refs are given in order; the block holds first_ref, first_ref + 1, …
      series_count INTEGER NOT NULL,
      definitions BLOB NOT NULL      -- series-block.ts
    )`,
    `CREATE TABLE segment (
      segment INTEGER PRIMARY KEY,
      seal INTEGER NOT NULL,           -- the seal that made it: later seals override earlier ones where they hold the same timestamp
      min_time_ms INTEGER NOT NULL,
      max_time_ms INTEGER NOT NULL,
      first_metric TEXT NOT NULL,      -- metric names of the first and the last series: rows are sorted by metric name, then labels
      last_metric TEXT NOT NULL,
      sample_count INTEGER NOT NULL,
      samples BLOB NOT NULL            -- segment.ts
    )`,
  ],
];

/** Brings a database to the newest version, each step in one transaction with its version row; refuses one from the future. */
export function migrate(sql: Sql): void {
  sql.run('CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY)');
  const [row] = sql.all<{ version: number | null }>('SELECT max(version) AS version FROM schema_version');
  const current = row?.version ?? 0;
  if (current > MIGRATIONS.length) {
    throw new Error(`this shard's data has schema version ${current}; this build of Varve knows up to ${MIGRATIONS.length}`);
  }
  for (let version = current + 1; version <= MIGRATIONS.length; version++) {
    sql.transaction(() => {
      for (const statement of MIGRATIONS[version - 1]!) sql.run(statement);
      sql.run('INSERT INTO schema_version (version) VALUES (?)', version);
    });
  }
}
