import type { Labels } from '../model/labels.ts';
import type { Sql } from '../runtime/sql.ts';
import { durationMs } from './duration.ts';
import { roleOf } from './keys.ts';

/** What the archive has of a key. Times are Unix milliseconds, of raw values and roll-ups together. */
export interface ArchivedKey {
  readonly oldestMs: number;
  readonly newestMs: number;
  /** Its roll-ups: by width in ms, the aggregates. */
  readonly rollups: Readonly<Record<string, readonly string[]>>;
  /** Raw values before this are not to be read: a compaction has removed what came between them and the newer ones. */
  readonly floorMs: number;
}

interface KeyRow extends Record<string, string | number | null> {
  oldest_ms: number;
  newest_ms: number;
  rollups: string;
  floor_ms: number | null;
}

/** Which keys the archive has, so that nobody looks for one in files that cannot have it. One row a key, written when a window is archived. */
export class ArchivedKeys {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
    sql.run(`CREATE TABLE IF NOT EXISTS archived_key (
      key TEXT PRIMARY KEY,
      oldest_ms INTEGER NOT NULL, -- of its samples in files, Unix ms
      newest_ms INTEGER NOT NULL,
      rollups TEXT NOT NULL,      -- JSON: by width in ms, the aggregates
      floor_ms REAL               -- raw values before this were removed by a compaction; null when none was
    ) WITHOUT ROWID`);
    sql.run('CREATE TABLE IF NOT EXISTS archive_cuts (id INTEGER PRIMARY KEY CHECK (id = 1), cuts INTEGER NOT NULL)');
  }

  /** How often values were hidden. */
  get cuts(): number {
    return this.#sql.all<{ cuts: number }>('SELECT cuts FROM archive_cuts WHERE id = 1')[0]?.cuts ?? 0;
  }

  of(key: string): ArchivedKey | undefined {
    const [row] = this.#sql.all<KeyRow>('SELECT oldest_ms, newest_ms, rollups, floor_ms FROM archived_key WHERE key = ?', key);
    if (row === undefined) return undefined;
    return { oldestMs: row.oldest_ms, newestMs: row.newest_ms, rollups: JSON.parse(row.rollups) as ArchivedKey['rollups'], floorMs: row.floor_ms ?? -Infinity };
  }

  all(): string[] {
    return this.#sql.all<{ key: string }>('SELECT key FROM archived_key').map(({ key }) => key);
  }

  /** Inside the caller's transaction. */
  note(seen: SeenKeys): void {
    for (const [key, { oldestMs, newestMs, rollups }] of seen.keys) {
      const known = this.of(key);
      if (known !== undefined && covers(known, { oldestMs, newestMs, rollups })) continue;
      const merged: Record<string, readonly string[]> = { ...known?.rollups };
      for (const [widthMs, aggregates] of rollups) merged[widthMs] = [...new Set([...(merged[widthMs] ?? []), ...aggregates])].sort();
      this.#sql.run(
        'INSERT OR REPLACE INTO archived_key (key, oldest_ms, newest_ms, rollups, floor_ms) VALUES (?, ?, ?, ?, ?)',
        key,
        Math.min(known?.oldestMs ?? Infinity, oldestMs),
        Math.max(known?.newestMs ?? -Infinity, newestMs),
        JSON.stringify(merged),
        known === undefined || known.floorMs === -Infinity ? null : known.floorMs,
      );
    }
  }

  /** Forgets the keys that have nothing from a time on. */
  forgetBefore(timeMs: number): void {
    this.#sql.run('DELETE FROM archived_key WHERE newest_ms < ?', timeMs);
  }

  /** Hides the archived raw values of a key before a time, if there can be any, inside the caller's transaction. */
  hideBefore(key: string, beforeMs: number): void {
    const known = this.of(key);
    if (known === undefined || known.oldestMs >= beforeMs || known.floorMs >= beforeMs) return;
    this.#sql.run('UPDATE archived_key SET floor_ms = ? WHERE key = ?', beforeMs, key);
    this.#sql.run('INSERT OR REPLACE INTO archive_cuts (id, cuts) VALUES (1, ?)', this.cuts + 1);
  }
}

function covers(known: ArchivedKey, { oldestMs, newestMs, rollups }: SeenKey): boolean {
  if (known.oldestMs > oldestMs || known.newestMs < newestMs) return false;
  return [...rollups].every(([widthMs, aggregates]) => [...aggregates].every((name) => known.rollups[widthMs]?.includes(name) === true));
}

interface SeenKey {
  oldestMs: number;
  newestMs: number;
  readonly rollups: Map<number, Set<string>>;
}

/** The keys of some series, as they come. */
export class SeenKeys {
  readonly keys = new Map<string, SeenKey>();

  add(labels: Labels, oldestMs: number, newestMs: number): void {
    const { key, rollup } = roleOf(labels);
    let seen = this.keys.get(key);
    if (seen === undefined) this.keys.set(key, (seen = { oldestMs: Infinity, newestMs: -Infinity, rollups: new Map() }));
    seen.oldestMs = Math.min(seen.oldestMs, oldestMs);
    seen.newestMs = Math.max(seen.newestMs, newestMs);
    if (rollup === undefined) return;
    const widthMs = durationMs(rollup.bucket, 'the bucket of a roll-up');
    const aggregates = seen.rollups.get(widthMs);
    if (aggregates === undefined) seen.rollups.set(widthMs, new Set([rollup.aggregate]));
    else aggregates.add(rollup.aggregate);
  }
}
