import type { Sql } from '../runtime/sql.ts';

/** Numbers of a catalog's archive (table `archive_state`) that rise, and are never given twice. */
export interface ArchiveCounters {
  /** Of the newest file, change and deletion. */
  readonly lastFile: number;
  readonly lastChange: number;
  readonly lastTombstone: number;
  /** How often files have left, or others have taken their place. */
  readonly removals: number;
}

/** `sql` is a catalog's database that has been migrated (catalog-schema.ts), here and below. */
export function archiveCounters(sql: Sql): ArchiveCounters {
  const [row] = sql.all<Record<'last_file' | 'last_change' | 'last_tombstone' | 'removals', number>>('SELECT last_file, last_change, last_tombstone, removals FROM archive_state WHERE id = 1');
  return { lastFile: row!.last_file, lastChange: row!.last_change, lastTombstone: row!.last_tombstone, removals: row!.removals };
}

/** The number of a change that begins. Inside the caller's transaction. */
export function nextChange(sql: Sql): number {
  sql.run('UPDATE archive_state SET last_change = last_change + 1 WHERE id = 1');
  return archiveCounters(sql).lastChange;
}
