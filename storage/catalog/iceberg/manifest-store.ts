import { must } from '../../runtime/assert.ts';
import type { LIMITS } from '../../runtime/limits.ts';
import type { Sql } from '../../runtime/sql.ts';
import { decodeDataFile } from './data-file.ts';
import type { Manifest, ManifestEntry } from './iceberg-manifest.ts';
import { planManifests, type ManifestSize } from './manifest-plan.ts';
import type { ArchiveTableName } from './table-definition.ts';
import type { SnapshotOperation } from './table-metadata.ts';

type ManifestLimits = Pick<typeof LIMITS, 'archiveSnapshotFilesMax' | 'archiveManifestFilesMax'>;

/** Changes that become one snapshot: those numbered above `after` up to `through`, all of one kind. */
export interface ChangeRange {
  readonly after: number;
  readonly through: number;
  readonly operation: SnapshotOperation;
}

/** A manifest that a snapshot writes: its files, by number, all of one partition. */
export interface ManifestWrite {
  readonly day: number;
  readonly entries: readonly { readonly file: number; readonly status: ManifestEntry['status'] }[];
}

export interface ManifestWork {
  /** Manifests that stay as they are. */
  readonly kept: readonly Manifest[];
  readonly rewritten: readonly number[];
  readonly writes: readonly ManifestWrite[];
}

interface SizeRow extends Record<string, number | null> {
  readonly manifest: number;
  readonly day: number | null;
  readonly live_files: number;
}

interface EntryRow extends Record<string, string | number | null> {
  readonly file: number;
  readonly description: string;
  readonly added_snapshot: number | null;
  readonly added_sequence: number | null;
  readonly shard: string;
  readonly rank: number;
  readonly run: number;
  readonly position: number;
  readonly clean_through: number;
}

type Place = { readonly file: number; readonly day: number };

const IN_LIST = 'IN (SELECT value FROM json_each(?))';
const REMOVED = 'table_name = ? AND removed_change > ? AND removed_change <= ? AND added_change <= ?';
const ADDED = 'table_name = ? AND added_change > ? AND added_change <= ? AND (removed_change IS NULL OR removed_change > ?)';

/** What the catalog knows of the manifests of one table: which there are, and which names which file. */
export class ManifestStore {
  readonly #sql: Sql;
  readonly #table: ArchiveTableName;
  readonly #limits: ManifestLimits;

  constructor(sql: Sql, table: ArchiveTableName, limits: ManifestLimits) {
    this.#sql = sql;
    this.#table = table;
    this.#limits = limits;
  }

  /** What the next snapshot has, behind change `after`; `undefined` when there is nothing. */
  nextChanges(after: number): ChangeRange | undefined {
    const [special] = this.#sql.all<{ change: number; operation: SnapshotOperation }>('SELECT change, operation FROM archive_change WHERE table_name = ? AND change > ? ORDER BY change LIMIT 1', this.#table, after);
    const end = special?.change ?? Number.MAX_SAFE_INTEGER;
    const [first] = this.#sql.all<{ change: number }>('SELECT added_change AS change FROM data_file WHERE table_name = ? AND added_change > ? AND added_change < ? ORDER BY added_change LIMIT 1', this.#table, after, end);
    if (first === undefined) return special === undefined ? undefined : { after, through: this.#sameAs(special), operation: special.operation };
    return { after, through: this.#appends(after, first.change, end), operation: 'append' };
  }

  /** The last of the changes that only bring files, before `end`, that fit one snapshot: `first` in any case. */
  #appends(after: number, first: number, end: number): number {
    const columns = 'SELECT added_change AS change FROM data_file WHERE table_name = ? AND added_change > ? AND added_change < ?';
    const [over] = this.#sql.all<{ change: number }>(`${columns} ORDER BY added_change, file LIMIT 1 OFFSET ?`, this.#table, after, end, this.#limits.archiveSnapshotFilesMax);
    const [last] = this.#sql.all<{ change: number }>(`${columns} ORDER BY added_change DESC LIMIT 1`, this.#table, after, end);
    return over === undefined ? must(last, 'a change that brings files').change : Math.max(first, over.change - 1);
  }

  /** The last of the changes of one kind that follow each other and fit one snapshot. */
  #sameAs(special: { readonly change: number; readonly operation: SnapshotOperation }): number {
    let through = special.change;
    let files = 0;
    for (const { change, operation } of this.#sql.all<{ change: number; operation: SnapshotOperation }>('SELECT change, operation FROM archive_change WHERE table_name = ? AND change >= ? ORDER BY change LIMIT 64', this.#table, special.change)) {
      if (operation !== special.operation || this.#count('added_change > ? AND added_change < ?', through, change) > 0) break;
      files += this.#count('added_change = ?', change) + this.#count('removed_change = ?', change);
      if (change !== special.change && files > this.#limits.archiveManifestFilesMax) break;
      through = change;
    }
    return through;
  }

  #count(condition: string, ...parameters: number[]): number {
    return this.#sql.all<{ count: number }>(`SELECT count(*) AS count FROM data_file WHERE table_name = ? AND ${condition}`, this.#table, ...parameters)[0]!.count;
  }

  /** The manifests of the snapshot that takes these changes: the same each time until `advance`. */
  work(range: ChangeRange): ManifestWork {
    const { after, through } = range;
    const added = this.#sql.all<Place>(`SELECT file, day FROM data_file WHERE ${ADDED} ORDER BY file`, this.#table, after, through, through);
    const deleted = this.#sql.all<Place & { manifest: number }>(`SELECT file, day, manifest FROM data_file WHERE ${REMOVED} ORDER BY file`, this.#table, after, through, after);
    const addedByDay = new Map<number, number>();
    for (const { day } of added) addedByDay.set(day, (addedByDay.get(day) ?? 0) + 1);
    const live = 'SELECT manifest, day, live_files FROM data_manifest WHERE table_name = ? AND removed_sequence IS NULL AND live_files > 0 AND';
    const hit = this.#sizes(`${live} manifest ${IN_LIST}`, [...new Set(deleted.map(({ manifest }) => manifest))]);
    const isHit = new Set(hit.map(({ manifest }) => manifest));
    const others = this.#sizes(`${live} day ${IN_LIST}`, [...addedByDay.keys()]).filter(({ manifest }) => !isHit.has(manifest));
    const rewritten = planManifests({ addedByDay, hit, others, manifestFilesMax: this.#limits.archiveManifestFilesMax });
    const existing = this.#sql.all<Place>(`SELECT file, day FROM data_file WHERE manifest ${IN_LIST} AND (removed_change IS NULL OR removed_change > ?) ORDER BY file`, JSON.stringify(rewritten), through);
    return { kept: this.#kept(rewritten), rewritten, writes: this.#writes({ existing, added, deleted }) };
  }

  #sizes(statement: string, list: readonly number[]): ManifestSize[] {
    return this.#sql.all<SizeRow>(statement, this.#table, JSON.stringify(list)).map(({ manifest, day, live_files: liveFiles }) => ({ manifest, day: day ?? undefined, liveFiles }));
  }

  #kept(rewritten: readonly number[]): Manifest[] {
    const rows = this.#sql.all<{ description: string }>(
      `SELECT description FROM data_manifest WHERE table_name = ? AND removed_sequence IS NULL AND live_files > 0 AND manifest NOT ${IN_LIST} ORDER BY manifest`,
      this.#table,
      JSON.stringify(rewritten),
    );
    return rows.map(({ description }) => JSON.parse(description) as Manifest);
  }

  #writes(places: Readonly<Record<ManifestEntry['status'], readonly Place[]>>): ManifestWrite[] {
    const all = (['existing', 'added', 'deleted'] as const).flatMap((status) => places[status].map(({ file, day }) => ({ file, day, status })));
    const days = Map.groupBy(all, ({ day }) => day);
    const { archiveManifestFilesMax } = this.#limits;
    return [...days].flatMap(([day, entries]) => {
      const count = Math.ceil(entries.length / archiveManifestFilesMax);
      return Array.from({ length: count }, (_, i) => ({ day, entries: entries.slice(i * archiveManifestFilesMax, (i + 1) * archiveManifestFilesMax) }));
    });
  }

  entries(write: ManifestWrite): ManifestEntry[] {
    const rows = this.#sql.all<EntryRow>(
      `SELECT file, description, added_snapshot, added_sequence, shard, rank, run, position, clean_through FROM data_file WHERE file ${IN_LIST}`,
      JSON.stringify(write.entries.map(({ file }) => file)),
    );
    const byFile = new Map(rows.map((row) => [row.file, row]));
    return write.entries.map(({ file, status }) => {
      const { description, added_snapshot: snapshotId, added_sequence: sequenceNumber, clean_through: cleanThrough, shard, rank, run, position } = must(byFile.get(file), `file ${file}`);
      const addedBy = snapshotId === null || sequenceNumber === null ? undefined : { snapshotId, sequenceNumber };
      return { status, file: decodeDataFile(description), addedBy, place: { shard, rank, run, position, cleanThrough } };
    });
  }

  /** The snapshot is the table's newest one. `written` are the manifests of the work's writes. Inside the caller's transaction. */
  advance(range: ChangeRange, { rewritten, writes }: ManifestWork, written: readonly Manifest[], sequence: number): void {
    const sql = this.#sql;
    sql.run(`UPDATE data_manifest SET removed_sequence = ? WHERE table_name = ? AND removed_sequence IS NULL AND (live_files = 0 OR manifest ${IN_LIST})`, sequence, this.#table, JSON.stringify(rewritten));
    let { last } = sql.all<{ last: number | null }>('SELECT max(manifest) AS last FROM data_manifest')[0]!;
    writes.forEach(({ day, entries }, i) => {
      const manifest = (last = (last ?? 0) + 1);
      const live = entries.filter(({ status }) => status !== 'deleted');
      const description = must(written[i], 'a manifest for each write');
      sql.run('INSERT INTO data_manifest (manifest, table_name, day, live_files, description) VALUES (?, ?, ?, ?, ?)', manifest, this.#table, day, live.length, JSON.stringify(description));
      sql.run(`UPDATE data_file SET manifest = ? WHERE file ${IN_LIST}`, manifest, JSON.stringify(live.map(({ file }) => file)));
      const added = live.filter(({ status }) => status === 'added').map(({ file }) => file);
      sql.run(`UPDATE data_file SET added_snapshot = ?, added_sequence = ? WHERE file ${IN_LIST}`, description.snapshotId, sequence, JSON.stringify(added));
    });
    // Those that came and went within these changes have been in no snapshot, and are needed by none either.
    sql.run('UPDATE data_file SET manifest = NULL, removed_sequence = ? WHERE table_name = ? AND removed_change > ? AND removed_change <= ?', sequence, this.#table, range.after, range.through);
    sql.run('DELETE FROM archive_change WHERE table_name = ? AND change <= ?', this.#table, range.through);
  }
}
