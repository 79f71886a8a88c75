import { SamplesFileReader } from '../archive/files/samples-file-reader.ts';
import { Flusher } from '../archive/flush/flusher.ts';
import { SeriesRetention } from '../archive/series-retention.ts';
import type { ArchiveUpkeep } from '../archive/upkeep/archive-upkeep.ts';
import { openPointsUpkeep } from '../archive/upkeep/open-upkeep.ts';
import type { ArchiveCommitOutcome, ArchiveCommitRequest } from '../catalog/archive-api.ts';
import { ArchiveFiles } from '../catalog/archive-files.ts';
import { migrateCatalog } from '../catalog/catalog-schema.ts';
import { ArchiveTables } from '../catalog/iceberg/archive-tables.ts';
import { POINTS_TABLE } from '../catalog/iceberg/points-table.ts';
import type { Clock } from '../runtime/clock.ts';
import { badData } from '../runtime/errors.ts';
import type { LIMITS } from '../runtime/limits.ts';
import { randomId, type Random } from '../runtime/random.ts';
import type { Sql } from '../runtime/sql.ts';
import { DAY_MS } from '../runtime/units.ts';
import { localHashKey, type LocalSeries } from '../shard/append/local-batch.ts';
import type { HotStore } from '../shard/hot-store.ts';
import { ArchiveOwner } from './archive-owner.ts';
import { ArchiveReader } from './archive-reader.ts';
import { ArchivedKeys, SeenKeys } from './archived-keys.ts';
import { withDocuments } from './document-payloads.ts';
import type { Documents } from './documents.ts';
import { LateDocuments } from './late-documents.ts';
import { LateRollups } from './late-roll-up.ts';
import { LateValues } from './late-values.ts';
import type { ArchiveSettings } from './options.ts';
import { SnapshotPlaces } from './snapshot-places.ts';

/** The store is the only shard of its archive. */
const SHARD = '0/0';

interface StoreArchiveOptions {
  readonly settings: ArchiveSettings;
  /** The database, for the store's own tables and for those of its catalog. */
  readonly sql: Sql;
  readonly catalogSql: Sql;
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
  /** Values that came when their window had moved, until they move too. */
  readonly late: LateValues;
  readonly lateDocuments: LateDocuments;
  /** Undefined when windows are not rolled up. */
  readonly lateRollups: LateRollups | undefined;
  readonly snapshots: SnapshotPlaces;
  readonly reader: ArchiveReader;
  /** The files as an Iceberg table. */
  readonly tables: ArchiveTables;
  /** What merges files, and lets them, snapshots and objects go. */
  readonly upkeep: ArchiveUpkeep;
  readonly #options: StoreArchiveOptions;
  readonly #owner: ArchiveOwner;
  #keysFromMs = -Infinity;

  constructor(options: StoreArchiveOptions) {
    this.#options = options;
    const { settings, sql, catalogSql, hot, documents, clock, random, limits, beforeClosing } = options;
    const { store, windowMs, graceMs } = settings;
    migrateCatalog(catalogSql);
    this.files = new ArchiveFiles(catalogSql, limits);
    this.keys = new ArchivedKeys(sql);
    this.reader = new ArchiveReader(store, this.files);
    this.lateDocuments = new LateDocuments(sql, documents);
    this.late = new LateValues(hot.late);
    this.lateRollups = settings.rollup && new LateRollups(this.late, settings.rollup);
    this.snapshots = new SnapshotPlaces({ sql, hot, keys: this.keys, late: this.late });
    const prefix = archivePrefix(sql, settings.prefix, random);
    this.#owner = new ArchiveOwner({ sql, store, random, prefix, isShared: settings.prefix !== undefined });
    const ownLimits = { ...limits, archiveWindowMs: windowMs, archiveGraceMs: graceMs, archiveMergeDelayMs: windowMs + graceMs + limits.storeMergeDelayMs };
    const ports = { sql: catalogSql, store, clock, random, limits: ownLimits, prefix };
    const seriesHashKey = (): Uint8Array => localHashKey(sql, random, () => hot.renew());
    this.tables = new ArchiveTables({ ...ports, definitions: [POINTS_TABLE], baseUri: settings.uri });
    this.upkeep = openPointsUpkeep({ ...ports, files: this.files, tables: this.tables, retentionOf: () => filesRetention(settings), seriesHashKey });
    this.flusher = new Flusher({
      sql,
      hot,
      store,
      clock,
      random,
      limits: ownLimits,
      prefix,
      shard: SHARD,
      commit: (request) => this.#commit(request),
      seriesHashKey: async () => seriesHashKey(),
      table: 'points',
      beforeClosing,
      inFiles: (part, from, to, bytesMax) => withDocuments((timestampMs, id) => documents.read(timestampMs, id) ?? this.lateDocuments.read(id), part, from, to, bytesMax),
      lateThrough: () => this.lateRollups?.through ?? Infinity,
      onLatePlanned: (sequences) => this.snapshots.notePlanned(sequences),
    });
  }

  /** Samples before this (Unix ms) are past their retention: raw values, or roll-ups. It moves by whole days, as files go. */
  retainedFromMs(what: 'raw' | 'rollup'): number {
    const { coldMs, warmMs } = this.#options.settings;
    const keepMs = what === 'rollup' ? (warmMs ?? coldMs) : coldMs;
    return keepMs === undefined ? -Infinity : Math.floor((this.#options.clock.nowMs() - keepMs) / DAY_MS) * DAY_MS;
  }

  /** Before anything is written or removed: see ArchiveOwner. */
  claim(): Promise<void> {
    return this.#owner.claim();
  }

  /** One step of the flusher. */
  async flushStep(): Promise<void> {
    const { sampleCount } = this.late;
    await this.flusher.step();
    // Documents that were moved are deleted behind that, and may stay behind a crash: the next time catches up.
    if (this.late.sampleCount < sampleCount) this.#sweepLateDocuments();
  }

  /** One piece of the upkeep that is due. */
  async maintain(): Promise<void> {
    await this.upkeep.step();
    if (this.late.sampleCount === 0) this.#sweepLateDocuments();
    const retainedFromMs = Math.min(this.retainedFromMs('raw'), this.retainedFromMs('rollup'));
    // It moves once a day.
    if (retainedFromMs === this.#keysFromMs) return;
    this.keys.forgetBefore(retainedFromMs);
    this.#keysFromMs = retainedFromMs;
  }

  /** Takes samples of windows that have moved, inside the caller's transaction. */
  putLate(series: readonly LocalSeries[]): void {
    this.late.put(series);
    this.#options.hot.renew();
    const seen = new SeenKeys();
    for (const { labels, timestampsMs } of series) {
      let oldestMs = Infinity;
      let newestMs = -Infinity;
      for (let i = 0; i < timestampsMs.length; i++) {
        oldestMs = Math.min(oldestMs, timestampsMs[i]!);
        newestMs = Math.max(newestMs, timestampsMs[i]!);
      }
      seen.add(labels, oldestMs, newestMs);
    }
    this.keys.note(seen);
  }

  /** The store goes back to a snapshot, inside the caller's transaction. */
  restored(snapshotId: string): void {
    this.snapshots.restore(snapshotId);
    this.#sweepLateDocuments();
    // Roll-ups of late values that stay may have gone.
    this.lateRollups?.passOver(0);
  }

  /** Deletes the documents of late values that have moved. */
  #sweepLateDocuments(): void {
    const { lateDocuments, late } = this;
    if (!lateDocuments.isEmpty) lateDocuments.deleteBefore(late.firstDocument() ?? Infinity);
  }

  /** The store's own catalog takes the files. A failure is tried again by the flusher. */
  async #commit(request: ArchiveCommitRequest): Promise<ArchiveCommitOutcome> {
    const { settings } = this.#options;
    const seen = new SeenKeys();
    for (const file of request.files) {
      const reader = await SamplesFileReader.open(settings.store, file);
      for (const { labels, minTimeMs, maxTimeMs } of reader.series()) seen.add(labels, minTimeMs, maxTimeMs);
    }
    // Commit point of the catalog: its own transaction. A crash behind it does this again, which changes nothing there and notes the keys; until
    // then the flush is not over, and its samples are read where they were.
    const outcome = this.files.commit(request, this.#options.clock.nowMs());
    this.keys.note(seen);
    return outcome;
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
