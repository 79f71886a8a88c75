import type { LIMITS } from '../runtime/limits.ts';
import type { Sql } from '../runtime/sql.ts';
import { DAY_MS } from '../runtime/units.ts';
import type { ArchiveDeleteRequest, ArchiveDeletion } from './archive-api.ts';
import { archiveCounters } from './archive-counters.ts';
import { newestFlushes } from './archive-shards.ts';
import { decodeDataFile, type DataFile } from './iceberg/data-file.ts';

type TombstoneLimits = Pick<typeof LIMITS, 'archiveTombstonesMax' | 'archiveTombstoneCharactersMax'>;

/** A deletion that is not carried out in all files yet. */
export interface Tombstone extends ArchiveDeletion {
  readonly tombstone: number;
  readonly flushes: Readonly<Record<string, number>>;
}

/** A file that a deletion is not carried out in. */
export interface UncleanFile {
  readonly file: number;
  readonly shard: string;
  /** First day of its partition. */
  readonly day: number;
  readonly description: DataFile;
  /** Those that it may have samples of, by rising number. */
  readonly tombstones: readonly Tombstone[];
}

/** A file of samples, and up to which tombstone it is clean. */
export interface StoredFile {
  readonly cleanThrough: number;
  readonly minTimeMs: number;
  readonly maxTimeMs: number;
}

interface UncleanRow extends Record<string, string | number> {
  readonly file: number;
  readonly shard: string;
  readonly day: number;
  readonly description: string;
  readonly clean_through: number;
}

interface TombstoneRow extends Record<string, string | number> {
  readonly tombstone: number;
  readonly selectors: string;
  readonly start_ms: number;
  readonly end_ms: number;
  readonly flushes: string;
}

/**
 * Deletions of samples that are in files: queries apply them from their commit on, the upkeep carries them out file by file
 * (archive/rewrite/tombstone-executor.ts), and then they are done: they stay for files that the catalog has forgotten, until it has looked for those
 * (archive/upkeep/catalog-recovery.ts), and are opened again when some of them have anything. Each file knows up to which tombstone it is clean. One
 * that is committed later is clean of those that its flush began behind.
 */
export class Tombstones {
  readonly #sql: Sql;
  readonly #limits: TombstoneLimits;

  /** `sql` is a catalog's database that has been migrated (catalog-schema.ts). */
  constructor(sql: Sql, limits: TombstoneLimits) {
    this.#sql = sql;
    this.#limits = limits;
  }

  /** Returns why not, if it cannot be taken. */
  add({ selectors, startMs, endMs, flushes }: ArchiveDeleteRequest, nowMs: number): string | undefined {
    const { archiveTombstonesMax, archiveTombstoneCharactersMax } = this.#limits;
    const text = JSON.stringify(selectors);
    if (text.length > archiveTombstoneCharactersMax) return `the selectors have ${text.length} characters as JSON, the limit archiveTombstoneCharactersMax is ${archiveTombstoneCharactersMax}`;
    const { count } = this.#sql.all<{ count: number }>('SELECT count(*) AS count FROM tombstone WHERE done_ms IS NULL')[0]!;
    if (count >= archiveTombstonesMax) return `${count} deletions wait to be carried out in the archive's files, the limit archiveTombstonesMax is ${archiveTombstonesMax}: ask again later, or call clean_tombstones`;
    // A number that a crash leaves without a deletion is one that all files are clean of.
    this.#sql.run('UPDATE archive_state SET last_tombstone = last_tombstone + 1, removals = removals + 1 WHERE id = 1');
    // Commit point of a deletion: this row. A crash before it leaves what the archive has, and no answer: it is asked for again.
    this.#sql.run(
      'INSERT INTO tombstone (tombstone, selectors, start_ms, end_ms, flushes, noted_ms) SELECT last_tombstone, ?, ?, ?, ?, ? FROM archive_state',
      text, Math.max(startMs, -TIME_MS_MAX), Math.min(endMs, TIME_MS_MAX), JSON.stringify(flushes), nowMs,
    );
    return undefined;
  }

  /** By rising number. */
  pending(): Tombstone[] {
    return this.#read('WHERE done_ms IS NULL');
  }

  #read(which: '' | 'WHERE done_ms IS NULL'): Tombstone[] {
    return this.#sql.all<TombstoneRow>(`SELECT tombstone, selectors, start_ms, end_ms, flushes FROM tombstone ${which} ORDER BY tombstone`).map((row) => ({
      tombstone: row.tombstone,
      selectors: JSON.parse(row.selectors) as Tombstone['selectors'],
      startMs: row.start_ms,
      endMs: row.end_ms,
      flushes: JSON.parse(row.flushes) as Tombstone['flushes'],
    }));
  }

  /** The newest tombstone that files of a flush have nothing of. A shard that a deletion does not name is one that began behind it. */
  cleanThroughOf(shard: string, flush: number): number {
    // A shard's flushes rise with the tombstones, so those that a flush began behind are the first ones. Those that are done too: the catalog
    // may have forgotten the flush meanwhile.
    const first = this.#read('').find(({ flushes }) => flush <= (flushes[shard] ?? -Infinity));
    return first === undefined ? archiveCounters(this.#sql).lastTombstone : first.tombstone - 1;
  }

  /**
   * The newest tombstone that none of some files has anything of, were they one; `undefined` when there is none to be told: a deletion that is
   * not carried out in one of them has nothing of another, whose samples came behind it and would be taken for deleted.
   */
  cleanThroughOfAll(files: readonly StoredFile[]): number | undefined {
    const pending = this.pending();
    const isOfTime = (file: StoredFile, { startMs, endMs }: Tombstone): boolean => file.minTimeMs <= endMs && file.maxTimeMs >= startMs;
    const first = pending.find((each) => files.some((file) => file.cleanThrough < each.tombstone && isOfTime(file, each)));
    if (first === undefined) return archiveCounters(this.#sql).lastTombstone;
    const isMixed = pending.some((each) => each.tombstone >= first.tombstone && files.some((file) => file.cleanThrough >= each.tombstone && isOfTime(file, each)));
    return isMixed ? undefined : first.tombstone - 1;
  }

  /** Some files of samples that may have something of a tombstone; the oldest tombstone first. */
  unclean(limit: number): UncleanFile[] {
    const pending = this.pending();
    for (const { tombstone, startMs, endMs } of pending) {
      const rows = this.#uncleanRows(tombstone, startMs, endMs, limit);
      if (rows.length === 0) continue;
      return rows.map(({ file, shard, day, description, clean_through: clean }) => {
        const described = decodeDataFile(description);
        const own = pending.filter((each) => each.tombstone > clean && each.startMs <= described.maxTimeMs && each.endMs >= described.minTimeMs);
        return { file, shard, day, description: described, tombstones: own };
      });
    }
    return [];
  }

  /** A file has nothing of the tombstones up to one. A merge that has waited for that may go on. */
  markClean(file: number, tombstone: number): void {
    // First, so that a crash in between leaves a file that is looked at again, and marks it again: not a merge that waits for ever.
    this.#sql.run('INSERT OR IGNORE INTO changed_partition (table_name, day, shard) SELECT table_name, day, shard FROM data_file WHERE file = ? AND removed_change IS NULL', file);
    this.#sql.run('UPDATE data_file SET clean_through = ? WHERE file = ? AND clean_through < ?', tombstone, file, tombstone);
  }

  /**
   * Those that no file has anything of, nor one that a shard may yet commit, are done, or forgotten where nobody looks for forgotten files
   * (`nowMs`, Unix ms, is `undefined`). Returns whether any is left.
   */
  finish(nowMs: number | undefined): boolean {
    const committed = newestFlushes(this.#sql);
    const [oldest] = this.unclean(1);
    // In order: those that are done are the oldest.
    for (const { tombstone, flushes } of this.pending()) {
      const isOpen = oldest !== undefined && tombstone >= oldest.tombstones[0]!.tombstone;
      const isAwaited = Object.entries(flushes).some(([shard, flush]) => (committed.get(shard) ?? 0) < flush);
      if (isOpen || isAwaited) return true;
      if (nowMs === undefined) this.#sql.run('DELETE FROM tombstone WHERE tombstone = ?', tombstone);
      else this.#sql.run('UPDATE tombstone SET done_ms = ? WHERE tombstone = ?', nowMs, tombstone);
    }
    // As many may stay as may wait: of more, files are looked for at once, and then they go.
    const { done } = this.#sql.all<{ done: number }>('SELECT count(*) AS done FROM tombstone WHERE done_ms IS NOT NULL')[0]!;
    if (done > this.#limits.archiveTombstonesMax) this.#sql.run('UPDATE archive_state SET next_look_ms = NULL WHERE id = 1');
    return false;
  }

  /** Files were found that had been forgotten: what is done in all others is not in these. Inside the caller's transaction. */
  reopen(): void {
    const done = this.#sql.all<{ tombstone: number; start_ms: number; end_ms: number }>('SELECT tombstone, start_ms, end_ms FROM tombstone WHERE done_ms IS NOT NULL ORDER BY tombstone');
    const first = done.find(({ tombstone, start_ms: startMs, end_ms: endMs }) => this.#uncleanRows(tombstone, startMs, endMs, 1).length > 0);
    if (first !== undefined) this.#sql.run('UPDATE tombstone SET done_ms = NULL WHERE tombstone >= ?', first.tombstone);
  }

  #uncleanRows(tombstone: number, startMs: number, endMs: number, limit: number): UncleanRow[] {
    return this.#sql.all<UncleanRow>(
      `SELECT file, shard, day, description, clean_through FROM data_file WHERE removed_change IS NULL AND table_name = 'samples' AND clean_through < ?
        AND day >= ? AND day <= ? AND json_extract(description, '$.maxTimeMs') >= ? AND json_extract(description, '$.minTimeMs') <= ? ORDER BY day, file LIMIT ?`,
      tombstone, Math.floor(startMs / DAY_MS), Math.floor(endMs / DAY_MS), startMs, endMs, limit,
    );
  }
}

/** Whole milliseconds that a database holds exactly. */
const TIME_MS_MAX = 2 ** 53 - 1;
