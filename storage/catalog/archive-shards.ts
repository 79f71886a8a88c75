import type { Sql } from '../runtime/sql.ts';

/* What each shard has committed to a catalog's archive: table `archive_shard`. `sql` is a catalog's database that has been migrated (catalog-schema.ts). */

/** By shard: all its samples before this (Unix ms) are in files. Shards that have archived nothing are not here. */
export function watermarksMs(sql: Sql): Readonly<Record<string, number>> {
  const shards = sql.all<{ shard: string; archived_until_ms: number }>('SELECT shard, archived_until_ms FROM archive_shard WHERE archived_until_ms IS NOT NULL');
  return Object.fromEntries(shards.map((row) => [row.shard, row.archived_until_ms]));
}

/** By shard: number of its newest flush. */
export function newestFlushes(sql: Sql): Map<string, number> {
  return new Map(sql.all<{ shard: string; sequence: number }>('SELECT shard, sequence FROM archive_shard').map(({ shard, sequence }) => [shard, sequence]));
}

/** Of all shards that have archived something, the newest map's epoch; 0 where none has. */
export function newestEpoch(sql: Sql): number {
  const [row] = sql.all<{ epoch: number | null }>("SELECT max(CAST(substr(shard, 1, instr(shard, '/') - 1) AS INTEGER)) AS epoch FROM archive_shard");
  return row?.epoch ?? 0;
}

/** Number of a shard's newest flush, and until when (Unix ms) its samples are in files, -Infinity where nobody has said so; `undefined` before its first. */
export function committedBy(sql: Sql, shard: string): { readonly flush: number; readonly archivedUntilMs: number } | undefined {
  const [row] = sql.all<{ sequence: number; archived_until_ms: number | null }>('SELECT sequence, archived_until_ms FROM archive_shard WHERE shard = ?', shard);
  return row && { flush: row.sequence, archivedUntilMs: row.archived_until_ms ?? -Infinity };
}

/** A shard has committed flushes up to one, and all samples before a time (Unix ms), where that is known. Neither goes back. */
export function noteCommitted(sql: Sql, shard: string, flush: number, untilMs: number | undefined): void {
  sql.run(
    `INSERT INTO archive_shard (shard, sequence, archived_until_ms) VALUES (?1, ?2, ?3) ON CONFLICT (shard) DO UPDATE SET sequence = max(sequence, ?2),
      archived_until_ms = CASE WHEN archived_until_ms IS NULL OR archived_until_ms < ?3 THEN ?3 ELSE archived_until_ms END`,
    shard, flush, untilMs ?? null,
  );
}
