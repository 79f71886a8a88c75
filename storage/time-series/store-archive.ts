import { Flusher } from '../archive/flusher.ts';
import { openCleaning, type ArchiveUpkeep } from '../archive/open-upkeep.ts';
import { SamplesFileReader } from '../archive/samples-file-reader.ts';
import { SeriesRetention } from '../archive/series-retention.ts';
import type { ArchiveCommitOutcome, ArchiveCommitRequest } from '../catalog/archive-api.ts';
import { ArchiveFiles } from '../catalog/archive-files.ts';
import { ArchiveTables } from '../catalog/archive-tables.ts';
import { CatalogStore } from '../catalog/catalog-store.ts';
import { POINTS_TABLE } from '../catalog/points-table.ts';
import type { Clock } from '../runtime/clock.ts';
import { badData, VarveError } from '../runtime/errors.ts';
import { LIMITS } from '../runtime/limits.ts';
import { randomId, type Random } from '../runtime/random.ts';
import type { Sql } from '../runtime/sql.ts';
import type { HotStore } from '../shard/hot-store.ts';
import { localHashKey } from '../shard/local-batch.ts';
import { ArchiveOwner } from './archive-owner.ts';
import { ArchiveReader } from './archive-reader.ts';
import { ArchivedKeys, SeenKeys } from './archived-keys.ts';
import type { ArchiveSettings } from './options.ts';
import { withDocuments } from './document-payloads.ts';
import type { Documents } from './documents.ts';
import { prefixedSql } from './prefixed-sql.ts';
import { isoText } from './timestamp.ts';

/** Before the names of the catalog's tables, which has some of the same names as the engine. */
const CATALOG_PREFIX = 'timeseries_catalog_';
/** The store is the only shard of its archive. */
const SHARD = '0/0';
const DAY_MS = 86_400_000;

interface StoreArchiveOptions {
  readonly settings: ArchiveSettings;
  /** The database as it is, and with the store's own prefix. */
  readonly database: Sql;
  readonly sql: Sql;
  readonly hot: HotStore;
  readonly documents: Documents;
  readonly limits: typeof LIMITS;
  readonly clock: Clock;
  readonly random: Random;
  /** Called before a window is closed. */
  readonly beforeClosing: (startMs: number, endMs: number) => void;
}

/**
 * The archive of a TimeSeriesStore: what a tenant has in several objects, in one database. The engine's flusher moves windows into files,
 * and the catalog that it commits to is the store's own.
 */
export class StoreArchive {
  readonly flusher: Flusher;
  readonly files: ArchiveFiles;
  readonly keys: ArchivedKeys;
  readonly reader: ArchiveReader;
  /** The files as an Iceberg table. */
  readonly tables: ArchiveTables;
  /** What lets files, snapshots and objects go. */
  readonly upkeep: ArchiveUpkeep;
  readonly #options: StoreArchiveOptions;
  readonly #owner: ArchiveOwner;
  #keysFromMs = -Infinity;

  constructor(options: StoreArchiveOptions) {
    this.#options = options;
    const { settings, database, sql, hot, documents, clock, random, limits, beforeClosing } = options;
    const { store, windowMs, graceMs } = settings;
    const catalogSql = prefixedSql(database, CATALOG_PREFIX);
    new CatalogStore(catalogSql, random);
    this.files = new ArchiveFiles(catalogSql, limits);
    this.keys = new ArchivedKeys(sql);
    this.reader = new ArchiveReader(store, this.files);
    sql.run('CREATE TABLE IF NOT EXISTS snapshot_place (snapshot TEXT PRIMARY KEY, closed_until_ms REAL, cuts INTEGER NOT NULL) WITHOUT ROWID');
    const prefix = archivePrefix(sql, settings.prefix, random);
    this.#owner = new ArchiveOwner({ sql, store, random, prefix, isShared: settings.prefix !== undefined });
    const ports = { sql: catalogSql, store, clock, random, limits, prefix, definitions: [POINTS_TABLE] };
    this.tables = new ArchiveTables({ ...ports, baseUri: settings.uri });
    this.upkeep = openCleaning({ ...ports, files: this.files, tables: this.tables, retentionOf: () => filesRetention(settings) });
    this.flusher = new Flusher({
      sql,
      hot,
      store,
      clock,
      random,
      limits: { ...limits, archiveWindowMs: windowMs, archiveGraceMs: graceMs } as unknown as typeof LIMITS,
      prefix,
      shard: SHARD,
      commit: (request) => this.#commit(request),
      seriesHashKey: async () => localHashKey(sql, random),
      table: 'points',
      beforeClosing,
      inFiles: (part, from, to, bytesMax) => withDocuments(documents, part, from, to, bytesMax),
    });
  }

  /** Samples before this (Unix ms) are past their retention: raw values, or roll-ups. It moves by whole days, as files go. */
  retainedFromMs(isRolledUp: boolean): number {
    const { coldMs, warmMs } = this.#options.settings;
    const keepMs = isRolledUp ? (warmMs ?? coldMs) : coldMs;
    return keepMs === undefined ? -Infinity : Math.floor((this.#options.clock.nowMs() - keepMs) / DAY_MS) * DAY_MS;
  }

  /** Before anything is written or removed: see ArchiveOwner. */
  claim(): Promise<void> {
    return this.#owner.claim();
  }

  /** One piece of the upkeep that is due. */
  async maintain(): Promise<void> {
    await this.upkeep.step();
    const retainedFromMs = Math.min(this.retainedFromMs(false), this.retainedFromMs(true));
    // It moves once a day.
    if (retainedFromMs === this.#keysFromMs) return;
    this.keys.forgetBefore(retainedFromMs);
    this.#keysFromMs = retainedFromMs;
  }

  /** Notes where the archive stands as a snapshot is taken, inside the caller's transaction. */
  noteSnapshot(snapshotId: string): void {
    const { sql, hot } = this.#options;
    const { closedUntilMs } = hot.archive.mark;
    sql.run('INSERT OR REPLACE INTO snapshot_place (snapshot, closed_until_ms, cuts) VALUES (?, ?, ?)', snapshotId, closedUntilMs === -Infinity ? null : closedUntilMs, this.keys.cuts);
  }

  forgetSnapshot(snapshotId: string): void {
    this.#options.sql.run('DELETE FROM snapshot_place WHERE snapshot = ?', snapshotId);
  }

  /** Throws when going back to a snapshot could not be exact: what moves into the archive stays as it was when it moved. */
  mustBeRestorable(snapshotId: string): void {
    const { sql, hot } = this.#options;
    const [place] = sql.all<{ closed_until_ms: number | null; cuts: number }>('SELECT closed_until_ms, cuts FROM snapshot_place WHERE snapshot = ?', snapshotId);
    const { closedUntilMs } = hot.archive.mark;
    if (closedUntilMs === -Infinity) return;
    if (closedUntilMs > (place?.closed_until_ms ?? -Infinity)) {
      throw new VarveError('execution', `the snapshot ${JSON.stringify(snapshotId)} cannot be restored: values up to ${isoText(closedUntilMs)} have moved into the archive since, with what was written behind it`);
    }
    if (place?.cuts !== this.keys.cuts) throw new VarveError('execution', `the snapshot ${JSON.stringify(snapshotId)} cannot be restored: a compaction has removed archived values since`);
  }

  /** The store's own catalog takes the files. A failure is tried again by the flusher. */
  async #commit(request: ArchiveCommitRequest): Promise<ArchiveCommitOutcome> {
    const { sql, settings } = this.#options;
    const seen = new SeenKeys();
    for (const file of request.files) {
      const reader = await SamplesFileReader.open(settings.store, file);
      for (const { labels, minTimeMs, maxTimeMs } of reader.series()) seen.add(labels, minTimeMs, maxTimeMs);
    }
    // Commit point of the catalog: this transaction. It is done again after a crash behind it, and changes nothing then.
    return sql.transaction(() => {
      const outcome = this.files.commit(request, this.#options.clock.nowMs());
      this.keys.note(seen);
      return outcome;
    });
  }
}

/** Values and roll-ups are in the same files: those go when neither is wanted any more. */
function filesRetention({ coldMs, warmMs }: ArchiveSettings): SeriesRetention | undefined {
  return coldMs === undefined ? undefined : SeriesRetention.ofAll(Math.max(coldMs, warmMs ?? 0));
}

/** What all keys of the archive begin with: chosen once, since files do not move. */
function archivePrefix(sql: Sql, wanted: string | undefined, random: Random): string {
  sql.run('CREATE TABLE IF NOT EXISTS archive_place (id INTEGER PRIMARY KEY CHECK (id = 1), prefix TEXT NOT NULL)');
  const [row] = sql.all<{ prefix: string }>('SELECT prefix FROM archive_place WHERE id = 1');
  if (row !== undefined) {
    if (wanted !== undefined && wanted !== row.prefix) throw badData(`the store's archive is under ${JSON.stringify(row.prefix)}; it cannot go on under ${JSON.stringify(wanted)}`);
    return row.prefix;
  }
  const prefix = wanted ?? `timeseries/${randomId(random)}`;
  sql.run('INSERT INTO archive_place (id, prefix) VALUES (1, ?)', prefix);
  return prefix;
}
