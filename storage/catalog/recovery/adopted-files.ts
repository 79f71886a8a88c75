import { LIMITS } from '../../runtime/limits.ts';
import type { Sql } from '../../runtime/sql.ts';
import { archiveCounters, nextChange } from '../archive-counters.ts';
import { insertDataFile } from '../data-file-rows.ts';
import { encodeDataFile, type DataFile } from '../iceberg/data-file.ts';
import type { Manifest, StoredPlace } from '../iceberg/iceberg-manifest.ts';
import { partitionDay, type ArchiveTableName, type TableDefinition } from '../iceberg/table-definition.ts';
import { tableDefinition } from '../iceberg/table-definitions.ts';
import { Tombstones } from '../tombstones.ts';

/** A file that a table's newer state has. */
export interface FoundFile {
  readonly file: DataFile;
  /** Of the files of this table alone: only their order counts. The run is any text that its files have in common. */
  readonly place: Omit<StoredPlace, 'run'> & { readonly run: string };
  readonly snapshotId: number;
  readonly sequenceNumber: number;
}

/** Where a table's newer state stands. */
export interface FoundMetadata {
  /** Version of the table that was known when this was looked for. */
  readonly knownVersion: number;
  readonly version: number;
  readonly key: string;
  readonly text: string;
  /** Unix milliseconds. */
  readonly updatedMs: number;
  /** Whether it names its objects as the table would: otherwise all files are published anew. */
  readonly isHere: boolean;
  /** Some files have no place of the catalog's own: then the snapshots that brought them say the order. */
  readonly isUnplaced: boolean;
}

/** What an adoption did: files of the newer state that were not known, and files that were known and it has replaced. */
export interface AdoptionOutcome {
  readonly adopted: readonly ChangedFile[];
  readonly left: readonly ChangedFile[];
}

export interface ChangedFile {
  readonly shard: string;
  /** First day of its partition. */
  readonly day: number;
  /** Unix milliseconds, both inclusive. */
  readonly minTimeMs: number;
  readonly maxTimeMs: number;
}

/** An object of the table's data. */
export interface SeenObject {
  readonly key: string;
  readonly sizeBytes: number;
  /** Unix milliseconds, by the object store's clock. */
  readonly uploadedMs: number;
}

/** Where a file of a flush belongs. */
export interface FlushedPlace {
  readonly shard: string;
  readonly flush: number;
  /** Unix milliseconds. */
  readonly uploadedMs: number;
  /** The same text for all files of one commit. */
  readonly run: string;
  readonly position: number;
}

interface ChangedRow extends Record<string, string | number> {
  readonly shard: string;
  readonly day: number;
  readonly min_time_ms: number;
  readonly max_time_ms: number;
}

const CHANGED = "shard, day, json_extract(description, '$.minTimeMs') AS min_time_ms, json_extract(description, '$.maxTimeMs') AS max_time_ms";

const KEY = "json_extract(data_file.description, '$.key')";
const IS_FOUND = `EXISTS (SELECT 1 FROM adopted_file WHERE adopted_file.key = ${KEY})`;
/** Of files that the newer state does not have: those that it never had, and that are still there. */
const IS_THERE = `EXISTS (SELECT 1 FROM seen_object WHERE seen_object.key = ${KEY} AND is_removed = 0)`;
/** The same of files that are made of others: in a partition that the newer state has, its own are made of all that these are. */
const IS_SUPERSEDED = 'EXISTS (SELECT 1 FROM adopted_file WHERE adopted_file.shard = data_file.shard AND adopted_file.day = data_file.day)';

/**
 * A table's newer state, collected piece by piece, and taken over in one transaction. What is collected is of one attempt: another one
 * begins with nothing, so collecting needs no transactions, whatever a crash leaves of it.
 */
export class AdoptedFiles {
  readonly #sql: Sql;
  readonly #tombstones: Tombstones;
  /** Changes that have brought the runs of this attempt. */
  readonly #runs = new Map<string, number>();
  /** The newest file that was there when it began: what has come since is in none of the lists, and stays. */
  #throughFile = 0;

  /** `sql` is a catalog's database that has been migrated (catalog-schema.ts). */
  constructor(sql: Sql) {
    this.#sql = sql;
    this.#tombstones = new Tombstones(sql, LIMITS);
  }

  begin(): void {
    this.#runs.clear();
    this.#throughFile = archiveCounters(this.#sql).lastFile;
    for (const table of ['adopted_file', 'adopted_manifest', 'seen_object'] as const) this.#sql.run(CLEAR[table]);
  }

  /** A manifest of the newest snapshot, with its files that are in the table. */
  addManifest(manifest: Manifest, files: readonly FoundFile[]): void {
    const sql = this.#sql;
    const { next } = sql.all<{ next: number }>('SELECT ifnull(max(manifest), 0) + 1 AS next FROM adopted_manifest')[0]!;
    const day = manifest.firstDay === manifest.lastDay ? manifest.firstDay : null;
    sql.run('INSERT INTO adopted_manifest (manifest, day, live_files, description) VALUES (?, ?, ?, ?)', next, day, files.length, JSON.stringify(manifest));
    for (const { file, place, snapshotId, sequenceNumber } of files) {
      sql.run(
        'INSERT OR IGNORE INTO adopted_file (key, shard, day, rank, run, position, clean_through, description, added_snapshot, added_sequence, manifest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
        file.key, place.shard, partitionDay(tableDefinition(file.table), file.minTimeMs), place.rank, place.run, place.position, place.cleanThrough, encodeDataFile(file), snapshotId, sequenceNumber, next,
      );
    }
  }

  /** Files that have left with a snapshot that the newer state still names. */
  addRemoved(keys: readonly string[]): void {
    this.#sql.run('INSERT INTO seen_object (key, size_bytes, is_removed) SELECT value, 0, 1 FROM json_each(?) WHERE true ON CONFLICT (key) DO UPDATE SET is_removed = 1', JSON.stringify(keys));
  }

  /** Objects of the table's data that are there. */
  addObjects(objects: readonly SeenObject[]): void {
    this.#sql.run(
      `INSERT INTO seen_object (key, size_bytes, uploaded_ms, is_removed) SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'), 0 FROM json_each(?) WHERE true
        ON CONFLICT (key) DO UPDATE SET size_bytes = excluded.size_bytes, uploaded_ms = excluded.uploaded_ms`,
      JSON.stringify(objects.map(({ key, sizeBytes, uploadedMs }) => [key, sizeBytes, uploadedMs])),
    );
  }

  /** Whether the catalog has nothing of a table, nor ever had. */
  isEmpty(table: ArchiveTableName): boolean {
    return this.#sql.all('SELECT 1 FROM data_file WHERE table_name = ?1 UNION ALL SELECT 1 FROM archive_table WHERE name = ?1 LIMIT 1', table).length === 0;
  }

  /** By shard the time (Unix ms) of the last row that the newer state has. */
  foundTimes(): { readonly shard: string; readonly maxTimeMs: number }[] {
    return this.#sql.all<{ shard: string; last: number }>("SELECT shard, max(json_extract(description, '$.maxTimeMs')) AS last FROM adopted_file GROUP BY shard").map(({ shard, last }) => ({ shard, maxTimeMs: last }));
  }

  /** Keys of the files that the newer state has. */
  foundKeys(): Iterable<{ readonly key: string; readonly shard: string }> {
    return this.#sql.each<{ key: string; shard: string }>('SELECT key, shard FROM adopted_file');
  }

  /** Objects of the table's data that neither the catalog nor the newer state has, and that have not left either; behind a key, in order. */
  unknownObjects(after: string, limit: number): SeenObject[] {
    return this.#sql
      .all<{ key: string; size_bytes: number; uploaded_ms: number }>(
        `SELECT key, size_bytes, uploaded_ms FROM seen_object WHERE key > ? AND is_removed = 0 AND NOT EXISTS (SELECT 1 FROM adopted_file WHERE adopted_file.key = seen_object.key)
          AND NOT EXISTS (SELECT 1 FROM data_file WHERE json_extract(description, '$.key') = seen_object.key) ORDER BY key LIMIT ?`,
        after, limit,
      )
      .map(({ key, size_bytes: sizeBytes, uploaded_ms: uploadedMs }) => ({ key, sizeBytes, uploadedMs }));
  }

  /**
   * The table is as the newer state has it, and what has been committed to the catalog since is added to that. Inside the caller's
   * transaction. Done once: the table's version is that of the newer state then, and there is nothing newer.
   */
  adopt({ name: table }: TableDefinition, found: FoundMetadata, isDerived: boolean): AdoptionOutcome {
    const sql = this.#sql;
    const [known] = sql.all<{ metadata_version: number }>('SELECT metadata_version FROM archive_table WHERE name = ?', table);
    if ((known?.metadata_version ?? 0) !== found.knownVersion) throw new Error('this instance of the catalog has been replaced');
    // What is under way is of the state before: files that it names may go.
    for (const statement of FORGET_PLANS) sql.run(statement);
    sql.run('DELETE FROM data_file WHERE table_name = ? AND removed_change IS NOT NULL', table);
    sql.run('DELETE FROM data_manifest WHERE table_name = ?', table);
    const goes = `table_name = ? AND file <= ? AND NOT ${IS_FOUND} AND (NOT ${IS_THERE} OR (? AND ${IS_SUPERSEDED}))`;
    const left = changedFiles(sql.all<ChangedRow>(`SELECT ${CHANGED} FROM data_file WHERE ${goes}`, table, this.#throughFile, isDerived ? 1 : 0));
    sql.run(`DELETE FROM data_file WHERE ${goes}`, table, this.#throughFile, isDerived ? 1 : 0);
    const adopted = changedFiles(sql.all<ChangedRow>(`SELECT ${CHANGED} FROM adopted_file WHERE key NOT IN (SELECT ${KEY} FROM data_file WHERE table_name = ?)`, table));
    this.#number(table, found);
    this.#take(table, found);
    sql.run('INSERT OR IGNORE INTO changed_partition (table_name, day, shard) SELECT DISTINCT table_name, day, shard FROM data_file WHERE table_name = ? AND removed_change IS NULL', table);
    sql.run('UPDATE archive_state SET removals = removals + 1 WHERE id = 1');
    this.#tombstones.reopen();
    return { adopted, left };
  }

  /** Numbers of the catalog's own: of the newer state's files in their order, and behind them of those that were committed since. */
  #number(table: ArchiveTableName, { isUnplaced }: FoundMetadata): void {
    const sql = this.#sql;
    const order = isUnplaced ? 'added_sequence, rank' : 'rank';
    const { lastFile, lastChange } = archiveCounters(sql);
    sql.run(
      `UPDATE adopted_file SET rank = ? + numbered.new_rank, run = ? + numbered.new_run
        FROM (SELECT key AS of_key, dense_rank() OVER (ORDER BY ${order}) AS new_rank, dense_rank() OVER (ORDER BY run) AS new_run FROM adopted_file) AS numbered WHERE key = numbered.of_key`,
      lastFile, lastChange,
    );
    sql.run(
      `UPDATE data_file SET rank = (SELECT ifnull(max(rank), ?) FROM adopted_file) + numbered.new_rank
        FROM (SELECT file AS of_file, dense_rank() OVER (ORDER BY rank) AS new_rank FROM data_file WHERE table_name = ? AND NOT ${IS_FOUND}) AS numbered WHERE file = numbered.of_file`,
      lastFile, table,
    );
    sql.run(
      `UPDATE archive_state SET last_change = max(last_change, (SELECT ifnull(max(CAST(run AS INTEGER)), 0) FROM adopted_file)),
        last_file = max(last_file, (SELECT ifnull(max(rank), 0) FROM adopted_file), (SELECT ifnull(max(rank), 0) FROM data_file WHERE table_name = ?)) WHERE id = 1`,
      table,
    );
  }

  /** Rows of the newer state's files, its manifests, and the pointer to its metadata. */
  #take(table: ArchiveTableName, { version, key, text, isHere, updatedMs }: FoundMetadata): void {
    const sql = this.#sql;
    const adoptedChange = nextChange(this.#sql);
    const laterChange = nextChange(this.#sql);
    const lastFile = archiveCounters(this.#sql).lastFile;
    const { last: lastManifest } = sql.all<{ last: number }>('SELECT ifnull(max(manifest), 0) AS last FROM data_manifest')[0]!;
    sql.run(`UPDATE data_file SET added_change = ?, added_snapshot = NULL, added_sequence = NULL, manifest = NULL WHERE table_name = ? AND NOT ${IS_FOUND}`, laterChange, table);
    sql.run(
      `UPDATE data_file SET added_change = ?, rank = found.rank, run = found.run, position = found.position, added_snapshot = found.added_snapshot, added_sequence = found.added_sequence, manifest = ? + found.manifest
        FROM (SELECT key, rank, CAST(run AS INTEGER) AS run, position, added_snapshot, added_sequence, manifest FROM adopted_file) AS found WHERE table_name = ? AND found.key = ${KEY}`,
      adoptedChange, lastManifest, table,
    );
    sql.run(
      `INSERT INTO data_file (file, table_name, day, shard, rank, run, position, clean_through, description, added_change, added_snapshot, added_sequence, manifest)
        SELECT ? + row_number() OVER (ORDER BY rank, position), ?, day, shard, rank, CAST(run AS INTEGER), position, min(clean_through, ?), description, ?, added_snapshot, added_sequence, ? + manifest
        FROM adopted_file WHERE key NOT IN (SELECT ${KEY} FROM data_file WHERE table_name = ?)`,
      lastFile, table, this.#deletedBefore(updatedMs), adoptedChange, lastManifest, table,
    );
    sql.run('UPDATE archive_state SET last_file = (SELECT max(last_file, ifnull(max(file), 0)) FROM data_file) WHERE id = 1');
    sql.run('INSERT OR IGNORE INTO archive_table (name, published_change, metadata_version) VALUES (?, 0, 0)', table);
    const isPublished = isHere ? 1 : 0;
    sql.run(
      `UPDATE archive_table SET published_change = CASE WHEN ?1 THEN ?2 ELSE ?2 - 1 END, metadata = CASE WHEN ?1 THEN ?3 END, metadata_key = CASE WHEN ?1 THEN ?4 END, metadata_version = ?5, snapshot_plan = NULL, given_up = '[]'
        WHERE name = ?6`,
      isPublished, adoptedChange, text, key, version, table,
    );
    if (isHere) sql.run('INSERT INTO data_manifest (manifest, table_name, day, live_files, description) SELECT ? + manifest, ?, day, live_files, description FROM adopted_manifest', lastManifest, table);
    // In no snapshot of a table that begins anew.
    else sql.run('UPDATE data_file SET added_snapshot = NULL, added_sequence = NULL, manifest = NULL WHERE table_name = ?', table);
  }

  /** The newest deletion that is older than a time: those behind it are of all that had been written by then. */
  #deletedBefore(timeMs: number): number {
    const [first] = this.#sql.all<{ tombstone: number }>('SELECT tombstone FROM tombstone WHERE noted_ms >= ? ORDER BY tombstone LIMIT 1', timeMs);
    return first === undefined ? archiveCounters(this.#sql).lastTombstone : first.tombstone - 1;
  }

  /**
   * A file of a flush that its shard has committed, or is about to, and that no snapshot had yet. It stands before those of later flushes, as
   * far as `flushOf` can tell. Inside the caller's transaction.
   */
  addFlushed(file: DataFile, { shard, flush, uploadedMs, run, position }: FlushedPlace, flushOf: (key: string) => number | undefined): void {
    const sql = this.#sql;
    // Its shard may have committed it meanwhile.
    if (sql.all("SELECT 1 FROM data_file WHERE json_extract(description, '$.key') = ? LIMIT 1", file.key).length > 0) return;
    const day = partitionDay(tableDefinition(file.table), file.minTimeMs);
    let rank = Infinity;
    for (const row of sql.each<{ rank: number; key: string }>(`SELECT rank, ${KEY} AS key FROM data_file WHERE table_name = ? AND shard = ? AND day = ? AND removed_change IS NULL`, file.table, shard, day)) {
      // The same rank as the one before it: then the number of the file decides, which is greater.
      if ((flushOf(row.key) ?? -Infinity) > flush) rank = Math.min(rank, row.rank - 1);
    }
    const number = archiveCounters(this.#sql).lastFile + 1;
    const change = this.#runChange(run);
    // Of a shard that began anew as well, deletions know no flush: what had been written before one did not begin behind it.
    const cleanThrough = Math.min(this.#tombstones.cleanThroughOf(shard, flush), this.#deletedBefore(uploadedMs));
    insertDataFile(sql, number, file, { shard, rank: rank === Infinity ? number : rank, run: change, position, cleanThrough }, change);
    sql.run('UPDATE archive_state SET last_file = ? WHERE id = 1', number);
  }

  /** Behind the last of them, in the same transaction. */
  endFlushed(): void {
    this.#tombstones.reopen();
  }

  /** Of a run whose first file is added now, a new change; of the others the same. */
  #runChange(run: string): number {
    const known = this.#runs.get(run);
    if (known !== undefined) return known;
    const change = nextChange(this.#sql);
    this.#runs.set(run, change);
    return change;
  }
}

const CLEAR = { adopted_file: 'DELETE FROM adopted_file', adopted_manifest: 'DELETE FROM adopted_manifest', seen_object: 'DELETE FROM seen_object' } as const;
const FORGET_PLANS = ['DELETE FROM merge_plan', 'DELETE FROM merge_file', 'DELETE FROM rollup_plan', 'DELETE FROM rollup_file'];

function changedFiles(rows: readonly ChangedRow[]): ChangedFile[] {
  return rows.map(({ shard, day, min_time_ms: minTimeMs, max_time_ms: maxTimeMs }) => ({ shard, day, minTimeMs, maxTimeMs }));
}
