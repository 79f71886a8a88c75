import type { MetadataEntry, MetricType } from '../model/metadata.ts';
import type { LIMITS } from '../runtime/limits.ts';
import type { Sql } from '../runtime/sql.ts';
import { CATALOG_RPC_VERSION, type MetadataAnswer, type MetadataRequest, type NoteMetadataAnswer } from './catalog-api.ts';

type MetadataLimits = Pick<typeof LIMITS, 'metadataEntriesMax' | 'metadataPerMetricMax' | 'metadataRenewMs' | 'metadataPageCharactersTarget'>;

interface Row extends Record<string, string | number> {
  readonly metric: string;
  readonly type: string;
  readonly unit: string;
  readonly help: string;
  readonly noted_ms: number;
}

/** An entry, and when it was last sent (Unix milliseconds), exact to `metadataRenewMs`. */
export interface NotedMetadata extends MetadataEntry {
  readonly notedMs: number;
}

/** What goes at a time when the table is full: finding the oldest reads it all. */
const EVICTED_FRACTION = 1 / 64;

/**
 * What is known of a tenant's metrics. A metric may have several entries: jobs differ in their help texts, and a text changes with a
 * release. Bounded twice, and what was noted longest ago makes room: a metric that nobody sends any more is the one not missed.
 * `noted_ms` is renewed once in `metadataRenewMs`, so that what is sent every minute costs one row a day.
 */
export class MetadataStore {
  readonly #sql: Sql;
  readonly #limits: MetadataLimits;
  /** Rows of the table, counted at the first need. */
  #count: number | undefined;
  #added = 0;

  /** `sql` is a catalog's database that has been migrated (catalog-schema.ts). */
  constructor(sql: Sql, limits: MetadataLimits) {
    this.#sql = sql;
    this.#limits = limits;
  }

  /** Keeps the entries; what is known costs nothing but a look. Doing it twice is doing it once. */
  note(entries: readonly MetadataEntry[], nowMs: number): NoteMetadataAnswer {
    // Commit point: this transaction. A crash before it leaves nothing, and the sender, who got no answer, sends again.
    return this.#sql.transaction(() => {
      let replaced = 0;
      const before = this.#added;
      for (const entry of entries) replaced += this.#noteOne(entry, nowMs);
      // What the archive's table follows (archive/upkeep/metadata-snapshots.ts).
      if (this.#added > before) this.#sql.run('UPDATE metadata_archive SET changes = changes + 1 WHERE id = 1');
      return { version: CATALOG_RPC_VERSION, replaced: replaced + this.#makeRoom() };
    });
  }

  /** Rises when there is something new, since waking. */
  get addedCount(): number {
    return this.#added;
  }

  /** How many older entries of the metric made room: 0 or 1. */
  #noteOne(entry: MetadataEntry, nowMs: number): number {
    const sql = this.#sql;
    const { metric, type, unit, help } = entry;
    const known = sql.all<Row>('SELECT metric, type, unit, help, noted_ms FROM metric_metadata WHERE metric = ? ORDER BY noted_ms', metric);
    const same = known.find((row) => row.type === type && row.unit === unit && row.help === help);
    if (same !== undefined) {
      if (nowMs - same.noted_ms < this.#limits.metadataRenewMs) return 0;
      sql.run('UPDATE metric_metadata SET noted_ms = ? WHERE metric = ? AND type = ? AND unit = ? AND help = ?', nowMs, metric, type, unit, help);
      return 0;
    }
    const before = this.#rowCount();
    const oldest = known.length >= this.#limits.metadataPerMetricMax ? known[0] : undefined;
    if (oldest !== undefined) {
      sql.run('DELETE FROM metric_metadata WHERE metric = ? AND type = ? AND unit = ? AND help = ?', metric, oldest.type, oldest.unit, oldest.help);
    }
    sql.run('INSERT INTO metric_metadata (metric, type, unit, help, noted_ms) VALUES (?, ?, ?, ?, ?)', metric, type, unit, help, nowMs);
    this.#added++;
    this.#count = before + (oldest === undefined ? 1 : 0);
    return oldest === undefined ? 0 : 1;
  }

  #rowCount(): number {
    return (this.#count ??= this.#sql.all<{ count: number }>('SELECT count(*) AS count FROM metric_metadata')[0]!.count);
  }

  #makeRoom(): number {
    const { metadataEntriesMax } = this.#limits;
    if (this.#count === undefined || this.#count <= metadataEntriesMax) return 0;
    const evicted = this.#count - metadataEntriesMax + Math.floor(metadataEntriesMax * EVICTED_FRACTION);
    this.#sql.run(
      `DELETE FROM metric_metadata WHERE (metric, type, unit, help) IN
        (SELECT metric, type, unit, help FROM metric_metadata ORDER BY noted_ms LIMIT ?)`,
      evicted,
    );
    this.#count -= evicted;
    return evicted;
  }

  /** A page of entries by metric name, the newest of a metric first; whole metrics only. */
  read(request: MetadataRequest): MetadataAnswer {
    const { entries, more } = this.#read(request);
    return { version: CATALOG_RPC_VERSION, entries: entries.map(({ metric, type, help, unit }) => ({ metric, type, help, unit })), more };
  }

  /** The entries of some metrics behind a name, with when they were last sent; `more` says whether there are others behind them. */
  page(after: string): { readonly entries: readonly NotedMetadata[]; readonly more: boolean } {
    return this.#read({ metric: undefined, after, metricsMax: Infinity, perMetricMax: Infinity });
  }

  #read({ metric, after, metricsMax, perMetricMax }: Omit<MetadataRequest, 'version'>): { readonly entries: readonly NotedMetadata[]; readonly more: boolean } {
    const rows =
      metric === undefined
        ? this.#sql.each<Row>('SELECT metric, type, unit, help, noted_ms FROM metric_metadata WHERE metric > ? ORDER BY metric, noted_ms DESC', after)
        : this.#sql.each<Row>('SELECT metric, type, unit, help, noted_ms FROM metric_metadata WHERE metric = ? ORDER BY noted_ms DESC', metric);
    const entries: NotedMetadata[] = [];
    let characters = 0;
    let metrics = 0;
    let ofMetric = 0;
    for (const row of rows) {
      if (row.metric !== entries.at(-1)?.metric) {
        if (metrics === metricsMax || characters >= this.#limits.metadataPageCharactersTarget) return { entries, more: true };
        metrics++;
        ofMetric = 0;
      }
      if (ofMetric++ >= perMetricMax) continue;
      entries.push({ metric: row.metric, type: row.type as MetricType, help: row.help, unit: row.unit, notedMs: row.noted_ms });
      characters += row.metric.length + row.unit.length + row.help.length;
    }
    return { entries, more: false };
  }
}
