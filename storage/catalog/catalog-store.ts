import { SERIES_HASH_KEY_BYTES } from '../model/series-id.ts';
import type { Random } from '../runtime/random.ts';
import type { Sql } from '../runtime/sql.ts';
import { migrate } from '../runtime/sql-migrations.ts';
import { CATALOG_RPC_VERSION, type TenantRouting } from './catalog-api.ts';

/** Numbered steps that are only ever appended to. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE tenant (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    series_hash_key BLOB NOT NULL      -- 16 random bytes
  )`,
  `CREATE TABLE shard_map (
    epoch INTEGER PRIMARY KEY,
    from_ms INTEGER NOT NULL,          -- Unix milliseconds; 0 for the first map
    shard_count INTEGER NOT NULL
  )`,
  // Without a row id, so that a write is one billed row (metadata-store.ts).
  `CREATE TABLE metric_metadata (
    metric TEXT NOT NULL,              -- name of the family
    type TEXT NOT NULL,                -- MetricType
    unit TEXT NOT NULL,
    help TEXT NOT NULL,
    noted_ms INTEGER NOT NULL,         -- Unix milliseconds: when it was last sent, exact to metadataRenewMs
    PRIMARY KEY (metric, type, unit, help)
  ) WITHOUT ROWID`,
  `CREATE TABLE ha_elected (
    cluster TEXT PRIMARY KEY,          -- value of the cluster label
    replica TEXT NOT NULL              -- value of the replica label of the one that is elected (ha-elections.ts)
  ) WITHOUT ROWID`,
  `CREATE TABLE archive_state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    last_file INTEGER NOT NULL,        -- number of the newest file
    published_file INTEGER NOT NULL,   -- files up to this number are in the Iceberg table
    metadata TEXT,                     -- the table's newest metadata, and where it stands (archive-table.ts)
    metadata_key TEXT,
    metadata_version INTEGER NOT NULL,
    snapshot_plan TEXT                 -- the snapshot that is being written
  )`,
  'INSERT INTO archive_state (id, last_file, published_file, metadata_version) VALUES (1, 0, 0, 0)',
  `CREATE TABLE archive_file (
    file INTEGER PRIMARY KEY,          -- in the order of commits
    day INTEGER NOT NULL,              -- days since 1970 of its samples
    shard TEXT NOT NULL,
    description TEXT NOT NULL          -- data-file.ts
  )`,
  'CREATE INDEX archive_file_day ON archive_file (day)',
  `CREATE TABLE archive_shard (
    shard TEXT PRIMARY KEY,            -- epoch/number
    sequence INTEGER NOT NULL,         -- of the shard's newest commit
    archived_until_ms INTEGER          -- all its samples before this (Unix ms) are in files
  ) WITHOUT ROWID`,
  `CREATE TABLE archive_manifest (
    sequence INTEGER PRIMARY KEY,      -- Iceberg's sequence number
    description TEXT NOT NULL          -- iceberg-manifest.ts
  )`,
];

/** The state of one tenant's catalog: the key of its series ids and its shard maps. */
export class CatalogStore {
  readonly #sql: Sql;
  readonly #random: Random;

  constructor(sql: Sql, random: Random) {
    this.#sql = sql;
    this.#random = random;
    migrate(sql, MIGRATIONS, 'catalog');
  }

  routing(shardCount: number): TenantRouting {
    return this.#stored() ?? this.#create(shardCount);
  }

  #stored(): TenantRouting | undefined {
    const [tenant] = this.#sql.all<{ series_hash_key: ArrayBuffer }>('SELECT series_hash_key FROM tenant WHERE id = 1');
    if (tenant === undefined) return undefined;
    const maps = this.#sql.all<{ epoch: number; from_ms: number; shard_count: number }>('SELECT epoch, from_ms, shard_count FROM shard_map ORDER BY epoch');
    return {
      version: CATALOG_RPC_VERSION,
      seriesHashKey: new Uint8Array(tenant.series_hash_key),
      shardMaps: maps.map((map) => ({ epoch: map.epoch, fromMs: map.from_ms, shardCount: map.shard_count })),
    };
  }

  #create(shardCount: number): TenantRouting {
    const seriesHashKey = new Uint8Array(SERIES_HASH_KEY_BYTES);
    this.#random.fill(seriesHashKey);
    // Commit point: this transaction. Nobody has seen the key before it, so losing it with a crash harms nobody.
    this.#sql.transaction(() => {
      this.#sql.run('INSERT INTO tenant (id, series_hash_key) VALUES (1, ?)', seriesHashKey);
      this.#sql.run('INSERT INTO shard_map (epoch, from_ms, shard_count) VALUES (1, 0, ?)', shardCount);
    });
    return { version: CATALOG_RPC_VERSION, seriesHashKey, shardMaps: [{ epoch: 1, fromMs: 0, shardCount }] };
  }
}
