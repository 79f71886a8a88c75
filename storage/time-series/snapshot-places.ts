import { VarveError } from '../runtime/errors.ts';
import type { Sql } from '../runtime/sql.ts';
import type { HotStore } from '../shard/hot-store.ts';
import type { ArchivedKeys } from './archived-keys.ts';
import type { LateValues } from './late-values.ts';
import { isoText } from './timestamp.ts';

interface SnapshotPlacesOptions {
  readonly sql: Sql;
  readonly hot: HotStore;
  readonly keys: ArchivedKeys;
  readonly late: LateValues;
}

interface PlaceRow extends Record<string, number | null> {
  readonly closed_until_ms: number | null;
  readonly cuts: number;
  readonly late_through: number | null;
  readonly is_late_whole: number | null;
}

/**
 * Where the archive and what is on its way to it stood as each snapshot was taken. A store can go back to one exactly as long as nothing has
 * gone into the archive that was written behind it: that cannot be taken back. What came late since, and waits, is forgotten.
 */
export class SnapshotPlaces {
  readonly #options: SnapshotPlacesOptions;

  constructor(options: SnapshotPlacesOptions) {
    this.#options = options;
    const { sql } = options;
    sql.run('CREATE TABLE IF NOT EXISTS snapshot_place (snapshot TEXT PRIMARY KEY, closed_until_ms REAL, cuts INTEGER NOT NULL) WITHOUT ROWID');
    sql.run('CREATE TABLE IF NOT EXISTS snapshot_late (snapshot TEXT PRIMARY KEY, late_through INTEGER NOT NULL, is_late_whole INTEGER NOT NULL) WITHOUT ROWID');
    sql.run('CREATE TABLE IF NOT EXISTS late_state (id INTEGER PRIMARY KEY CHECK (id = 1), planned_through INTEGER NOT NULL)');
  }

  /** A snapshot is taken, inside the caller's transaction. */
  note(snapshotId: string): void {
    const { sql, hot, keys } = this.#options;
    const { closedUntilMs } = hot.archive.mark;
    sql.run('INSERT OR REPLACE INTO snapshot_place (snapshot, closed_until_ms, cuts) VALUES (?, ?, ?)', snapshotId, closedUntilMs === -Infinity ? null : closedUntilMs, keys.cuts);
    sql.run('INSERT OR REPLACE INTO snapshot_late (snapshot, late_through, is_late_whole) VALUES (?, ?, 1)', snapshotId, hot.late.lastSequence);
  }

  /** Late batches are on their way into files, inside the caller's transaction. They go in their order. */
  notePlanned(sequences: readonly number[]): void {
    this.#options.sql.run('INSERT OR REPLACE INTO late_state (id, planned_through) VALUES (1, ?)', Math.max(this.#plannedThrough, ...sequences.slice(-1)));
  }

  forget(snapshotId: string): void {
    const { sql } = this.#options;
    sql.run('DELETE FROM snapshot_place WHERE snapshot = ?', snapshotId);
    sql.run('DELETE FROM snapshot_late WHERE snapshot = ?', snapshotId);
  }

  /** Throws when going back to a snapshot could not be exact. */
  mustBeRestorable(snapshotId: string): void {
    const { hot, keys } = this.#options;
    const place = this.#placeOf(snapshotId);
    const { closedUntilMs } = hot.archive.mark;
    if (closedUntilMs === -Infinity) return;
    const refused = (reason: string): VarveError => new VarveError('execution', `the snapshot ${JSON.stringify(snapshotId)} cannot be restored: ${reason}`);
    if (closedUntilMs > (place?.closed_until_ms ?? -Infinity)) throw refused(`values up to ${isoText(closedUntilMs)} have moved into the archive since, with what was written behind it`);
    if (place?.cuts !== keys.cuts) throw refused('a compaction has removed archived values since');
    if (this.#plannedThrough > (place.late_through ?? 0)) throw refused('values that came late have moved into the archive since');
    if (place.is_late_whole === 0) throw refused('values of it that came late were forgotten when an earlier snapshot was restored');
  }

  /** Forgets what came late behind a snapshot that is restored, inside the caller's transaction. */
  restore(snapshotId: string): void {
    const { sql, late } = this.#options;
    const through = this.#placeOf(snapshotId)?.late_through ?? 0;
    if (late.changeBehind(through) === undefined) return;
    late.dropBehind(through);
    // Snapshots that were taken behind some of it have lost that.
    sql.run('UPDATE snapshot_late SET is_late_whole = 0 WHERE late_through > ?', through);
  }

  get #plannedThrough(): number {
    return this.#options.sql.all<{ planned_through: number }>('SELECT planned_through FROM late_state WHERE id = 1')[0]?.planned_through ?? 0;
  }

  /** Snapshots of before values could come late know nothing of them. */
  #placeOf(snapshotId: string): PlaceRow | undefined {
    return this.#options.sql.all<PlaceRow>(
      `SELECT closed_until_ms, cuts, late_through, is_late_whole FROM snapshot_place
        LEFT JOIN snapshot_late USING (snapshot) WHERE snapshot = ?`,
      snapshotId,
    )[0];
  }
}
