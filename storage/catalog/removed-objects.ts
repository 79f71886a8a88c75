import type { Sql } from '../runtime/sql.ts';
import { archiveCounters } from './archive-counters.ts';
import { newestFlushes } from './archive-shards.ts';
import type { ArchiveTableName } from './iceberg/table-definition.ts';

/** Objects that no query and no snapshot reads any more, and what the catalog still knows of them. */
export interface RemovedObjects {
  readonly keys: readonly string[];
  readonly files: readonly number[];
  readonly manifests: readonly number[];
}

export interface GoneBy {
  /** Sequence number of the table's oldest snapshot. */
  readonly liveFrom: number;
  readonly removedThroughMs: number;
  /** Numbers of files. */
  readonly inUse: readonly number[];
  readonly limit: number;
}

const KEY = "json_extract(description, '$.key') AS key";
const IN_LIST = 'IN (SELECT value FROM json_each(?))';
const GONE_FILES = 'table_name = ? AND removed_change IS NOT NULL AND removed_sequence <= ? AND removed_ms <= ?';

/** Files and manifests that have left a catalog's tables, until their objects are gone. */
export class RemovedObjectsStore {
  readonly #sql: Sql;

  /** `sql` is a catalog's database that has been migrated (catalog-schema.ts). */
  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Whether objects of a table wait to be removed. */
  has(table: ArchiveTableName): boolean {
    const files = this.#sql.all('SELECT 1 FROM data_file WHERE table_name = ? AND removed_change IS NOT NULL LIMIT 1', table);
    return files.length > 0 || this.#sql.all('SELECT 1 FROM data_manifest WHERE table_name = ? AND removed_sequence IS NOT NULL LIMIT 1', table).length > 0;
  }

  /** Some whose objects may go: in no snapshot from `liveFrom` on, removed up to a time (Unix ms), and not in use. */
  next(table: ArchiveTableName, { liveFrom, removedThroughMs, inUse, limit }: GoneBy): RemovedObjects {
    const files = this.#sql.all<{ id: number; key: string }>(`SELECT file AS id, ${KEY} FROM data_file WHERE ${GONE_FILES} AND file NOT ${IN_LIST} LIMIT ?`, table, liveFrom, removedThroughMs, JSON.stringify(inUse), limit);
    const manifests = this.#sql.all<{ id: number; key: string }>(`SELECT manifest AS id, ${KEY} FROM data_manifest WHERE table_name = ? AND removed_sequence <= ? LIMIT ?`, table, liveFrom, limit - files.length);
    return { keys: [...files, ...manifests].map(({ key }) => key), files: files.map(({ id }) => id), manifests: manifests.map(({ id }) => id) };
  }

  /** What has left by a clock that was ahead has left now (Unix ms): it waits for no longer than what does. */
  noLaterThan(nowMs: number): void {
    this.#sql.run('UPDATE data_file SET removed_ms = ? WHERE removed_change IS NOT NULL AND removed_ms > ?', nowMs, nowMs);
  }

  /** Their objects are gone. Of those that a crash in between leaves known, they are removed once more. */
  forget({ files, manifests }: RemovedObjects): void {
    this.#sql.run(`DELETE FROM data_file WHERE file ${IN_LIST}`, JSON.stringify(files));
    this.#sql.run(`DELETE FROM data_manifest WHERE manifest ${IN_LIST}`, JSON.stringify(manifests));
  }

  /** Those of some keys that are of a file or a manifest that the catalog knows, whether it is read or has left. */
  known(keys: readonly string[]): Set<string> {
    const list = JSON.stringify(keys);
    const files = this.#sql.all<{ key: string }>(`SELECT ${KEY} FROM data_file WHERE json_extract(description, '$.key') ${IN_LIST}`, list);
    const manifests = this.#sql.all<{ key: string }>(`SELECT ${KEY} FROM data_manifest WHERE json_extract(description, '$.key') ${IN_LIST}`, list);
    return new Set([...files, ...manifests].map(({ key }) => key));
  }

  /** By shard: number of its newest flush. */
  committed(): Map<string, number> {
    return newestFlushes(this.#sql);
  }

  /** When to search the object store next (Unix ms); `undefined` when it was never searched. */
  get nextSweepMs(): number | undefined {
    return this.#sql.all<{ next_sweep_ms: number | null }>('SELECT next_sweep_ms FROM archive_state WHERE id = 1')[0]!.next_sweep_ms ?? undefined;
  }

  set nextSweepMs(timeMs: number) {
    this.#sql.run('UPDATE archive_state SET next_sweep_ms = ? WHERE id = 1', timeMs);
  }

  /** Until when (Unix ms) files were written that the catalog may never have heard of, though it should; `undefined` when there are none. */
  get commitsLostMs(): number | undefined {
    return this.#sql.all<{ commits_lost_ms: number | null }>('SELECT commits_lost_ms FROM archive_state WHERE id = 1')[0]!.commits_lost_ms ?? undefined;
  }

  /** Whether files have ever been committed. */
  get isUsed(): boolean {
    return archiveCounters(this.#sql).lastFile > 0;
  }
}
