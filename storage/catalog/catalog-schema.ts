import { migrate } from '../runtime/sql-migrations.ts';
import type { Sql } from '../runtime/sql.ts';

/** The schema of a catalog's database: numbered steps that are only ever appended to. */
export const CATALOG_MIGRATIONS: readonly string[] = [
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
  // From here on the archive has several tables, and files that leave it. A change is one commit, of files that came or went.
  'ALTER TABLE archive_state ADD COLUMN last_change INTEGER NOT NULL DEFAULT 0',
  'ALTER TABLE archive_state ADD COLUMN removals INTEGER NOT NULL DEFAULT 0',
  'UPDATE archive_state SET last_change = last_file',
  `CREATE TABLE archive_table (
    name TEXT PRIMARY KEY,
    published_change INTEGER NOT NULL, -- changes up to this one are in the Iceberg table
    metadata TEXT,                     -- its newest metadata, and where it stands (archive-table.ts)
    metadata_key TEXT,
    metadata_version INTEGER NOT NULL,
    snapshot_plan TEXT                 -- the snapshot that is being written
  ) WITHOUT ROWID`,
  `INSERT INTO archive_table (name, published_change, metadata, metadata_key, metadata_version)
    SELECT 'samples', published_file, metadata, metadata_key, metadata_version FROM archive_state`,
  `CREATE TABLE archive_change (
    table_name TEXT NOT NULL,
    change INTEGER NOT NULL,
    operation TEXT NOT NULL,           -- Iceberg's name for it; changes that are not here only bring files: append
    PRIMARY KEY (table_name, change)
  ) WITHOUT ROWID`,
  `CREATE TABLE data_file (
    file INTEGER PRIMARY KEY,          -- in the order of commits
    table_name TEXT NOT NULL,
    day INTEGER NOT NULL,              -- first day (since 1970) of its partition
    shard TEXT NOT NULL,
    rank INTEGER NOT NULL,             -- its place among the files of its shard: see ArchivedFile
    description TEXT NOT NULL,         -- data-file.ts
    added_change INTEGER NOT NULL,
    removed_change INTEGER,            -- null: queries read it
    removed_ms INTEGER,                -- Unix milliseconds
    removed_by TEXT,                   -- id of the plan that did it
    added_snapshot INTEGER,            -- of Iceberg's table, once it has the file: snapshot id, sequence number, and which manifest names it now
    added_sequence INTEGER,
    manifest INTEGER,
    removed_sequence INTEGER           -- of the snapshot that is the first without it
  )`,
  `INSERT INTO data_file (file, table_name, day, shard, rank, description, added_change, manifest)
    SELECT file, 'samples', day, shard, file, description, file,
      (SELECT min(sequence) FROM (SELECT sequence, sum(json_extract(description, '$.fileCount')) OVER (ORDER BY sequence) AS through FROM archive_manifest) WHERE through >= file)
    FROM archive_file`,
  `UPDATE data_file SET added_sequence = manifest,
    added_snapshot = (SELECT json_extract(archive_manifest.description, '$.snapshotId') FROM archive_manifest WHERE sequence = manifest)`,
  'CREATE INDEX data_file_live ON data_file (table_name, day, file) WHERE removed_change IS NULL',
  'CREATE INDEX data_file_added ON data_file (table_name, added_change)',
  'CREATE INDEX data_file_removed ON data_file (table_name, removed_change) WHERE removed_change IS NOT NULL',
  'CREATE INDEX data_file_manifest ON data_file (manifest) WHERE manifest IS NOT NULL',
  `CREATE TABLE data_manifest (
    manifest INTEGER PRIMARY KEY,
    table_name TEXT NOT NULL,
    day INTEGER,                       -- of the partition of its files; null where they are of several
    live_files INTEGER NOT NULL,       -- that it says are in the table
    removed_sequence INTEGER,          -- of the snapshot that is the first without it
    description TEXT NOT NULL          -- iceberg-manifest.ts
  )`,
  `INSERT INTO data_manifest (manifest, table_name, live_files, description)
    SELECT sequence, 'samples', json_extract(description, '$.fileCount'),
      json_set(description, '$.minSequenceNumber', sequence, '$.added', json_object('files', json_extract(description, '$.fileCount'), 'rows', json_extract(description, '$.rowCount')),
        '$.existing', json_object('files', 0, 'rows', 0), '$.deleted', json_object('files', 0, 'rows', 0))
    FROM archive_manifest`,
  'CREATE INDEX data_manifest_table ON data_manifest (table_name, day) WHERE removed_sequence IS NULL',
  'DROP TABLE archive_file',
  'DROP TABLE archive_manifest',
  'ALTER TABLE archive_state DROP COLUMN published_file',
  'ALTER TABLE archive_state DROP COLUMN metadata',
  'ALTER TABLE archive_state DROP COLUMN metadata_key',
  'ALTER TABLE archive_state DROP COLUMN metadata_version',
  // A snapshot that was being written is planned anew.
  'ALTER TABLE archive_state DROP COLUMN snapshot_plan',
  // A run is a sorted list of files of one partition and shard: no series of a later one comes before one of an earlier one.
  'ALTER TABLE data_file ADD COLUMN run INTEGER NOT NULL DEFAULT 0',
  'ALTER TABLE data_file ADD COLUMN position INTEGER NOT NULL DEFAULT 0', // in its run
  'UPDATE data_file SET run = added_change, position = file',
  // Partitions to which files have come since somebody looked whether to merge them.
  `CREATE TABLE changed_partition (
    table_name TEXT NOT NULL,
    day INTEGER NOT NULL,              -- first day (since 1970) of the partition
    shard TEXT NOT NULL,
    PRIMARY KEY (table_name, day, shard)
  ) WITHOUT ROWID`,
  'INSERT INTO changed_partition (table_name, day, shard) SELECT DISTINCT table_name, day, shard FROM data_file WHERE removed_change IS NULL',
  // The merge that is under way, if one is (archive/flush/plan-ledger.ts), and the files of it that are in the object store.
  `CREATE TABLE merge_plan (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    plan TEXT NOT NULL,
    is_encoded INTEGER NOT NULL        -- 1: all its files are written
  )`,
  `CREATE TABLE merge_file (
    position INTEGER PRIMARY KEY,
    description TEXT NOT NULL,         -- data-file.ts
    cursor TEXT                        -- where the next file begins
  )`,
  // Roll-ups (warm/rollup-ledger.ts). Days are those of the starts of buckets, since 1970.
  `CREATE TABLE rollup_source (
    shard TEXT NOT NULL,
    day INTEGER NOT NULL,
    newest_file INTEGER NOT NULL,      -- the last that a shard has committed with samples of the day's buckets
    changed_ms INTEGER NOT NULL,       -- Unix milliseconds: when that was
    PRIMARY KEY (shard, day)
  ) WITHOUT ROWID`,
  `INSERT INTO rollup_source (shard, day, newest_file, changed_ms)
    SELECT shard, day, max(rank), 0 FROM data_file WHERE table_name = 'samples' AND removed_change IS NULL GROUP BY shard, day`,
  `CREATE TABLE rollup_policy (
    policy INTEGER PRIMARY KEY,
    rules TEXT NOT NULL UNIQUE         -- JSON: WarmRule[] (warm/tiering-policy.ts)
  )`,
  `CREATE TABLE rollup_day (
    table_name TEXT NOT NULL,
    shard TEXT NOT NULL,
    day INTEGER NOT NULL,
    through_file INTEGER NOT NULL,     -- its buckets are of samples up to this file
    policy INTEGER NOT NULL,           -- and were made by these rules
    PRIMARY KEY (table_name, shard, day)
  ) WITHOUT ROWID`,
  `CREATE TABLE rollup_plan (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    plan TEXT NOT NULL,
    is_encoded INTEGER NOT NULL        -- 1: all its files are written
  )`,
  `CREATE TABLE rollup_file (
    position INTEGER PRIMARY KEY,
    description TEXT NOT NULL,         -- data-file.ts
    cursor TEXT                        -- where the next file begins
  )`,
  "CREATE INDEX data_file_key ON data_file (json_extract(description, '$.key'))",
  "CREATE INDEX data_manifest_key ON data_manifest (json_extract(description, '$.key'))",
  // When the object store is next searched for objects that nobody refers to (archive/upkeep/orphan-sweep.ts).
  'ALTER TABLE archive_state ADD COLUMN next_sweep_ms INTEGER',
  `CREATE TABLE metadata_archive (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    changes INTEGER NOT NULL,          -- how often metadata came that was not there
    archived_changes INTEGER NOT NULL, -- changes up to this one are in the table \`metadata\` of the archive
    taken_ms INTEGER,                  -- when that was written, Unix milliseconds
    plan TEXT                          -- archive/upkeep/metadata-snapshots.ts: one that is being written
  )`,
  'INSERT INTO metadata_archive (id, changes, archived_changes) SELECT 1, count(*), 0 FROM metric_metadata',
  // Deletions that are not carried out in all files yet (tombstones.ts).
  `CREATE TABLE tombstone (
    tombstone INTEGER PRIMARY KEY,     -- rising
    selectors TEXT NOT NULL,           -- JSON: of each the matchers
    start_ms INTEGER NOT NULL,         -- Unix milliseconds, both inclusive
    end_ms INTEGER NOT NULL,
    flushes TEXT NOT NULL,             -- JSON: by shard the newest flush that may have samples from before it
    noted_ms INTEGER NOT NULL
  )`,
  'ALTER TABLE data_file ADD COLUMN clean_through INTEGER NOT NULL DEFAULT 0', // tombstones up to this one have nothing in the file
  'ALTER TABLE archive_state ADD COLUMN last_tombstone INTEGER NOT NULL DEFAULT 0',
  // Series that have left by their age, though their partition has not, are not in the file (expired-files.ts).
  "ALTER TABLE data_file ADD COLUMN expired TEXT NOT NULL DEFAULT ''",
  // When a shard last committed a flush whose predecessor the catalog has not seen (Unix ms): it began anew, or went back to an earlier state.
  'ALTER TABLE archive_state ADD COLUMN commits_lost_ms INTEGER',
  // Whether the object store has files that the catalog should know of, and does not (archive/upkeep/catalog-recovery.ts): when it is looked next, Unix ms.
  'ALTER TABLE archive_state ADD COLUMN next_look_ms INTEGER',
  // When some were last adopted (Unix ms), and how many in all.
  'ALTER TABLE archive_state ADD COLUMN adopted_ms INTEGER',
  'ALTER TABLE archive_state ADD COLUMN adopted_files INTEGER NOT NULL DEFAULT 0',
  // JSON array: ids of plans for the table's next metadata that were given up, though their objects may be there.
  "ALTER TABLE archive_table ADD COLUMN given_up TEXT NOT NULL DEFAULT '[]'",
  // Shards that have committed a flush that is not the next one: files of those between may be in the object store.
  `CREATE TABLE lost_flush (
    shard TEXT PRIMARY KEY,
    after_flush INTEGER NOT NULL,      -- the newest that was known before
    times INTEGER NOT NULL             -- how often it has happened
  ) WITHOUT ROWID`,
  // What is being read of one table's newer state, until it is adopted in one transaction (adopted-files.ts).
  `CREATE TABLE adopted_file (
    key TEXT PRIMARY KEY,
    shard TEXT NOT NULL,
    day INTEGER NOT NULL,              -- first day (since 1970) of its partition
    rank INTEGER NOT NULL,             -- of the files of this table alone, as run, which is text, and position
    run TEXT NOT NULL,
    position INTEGER NOT NULL,
    clean_through INTEGER NOT NULL,
    description TEXT NOT NULL,         -- data-file.ts
    added_snapshot INTEGER NOT NULL,
    added_sequence INTEGER NOT NULL,
    manifest INTEGER NOT NULL          -- position in adopted_manifest
  ) WITHOUT ROWID`,
  `CREATE TABLE adopted_manifest (
    manifest INTEGER PRIMARY KEY,
    day INTEGER,                       -- as in data_manifest
    live_files INTEGER NOT NULL,
    description TEXT NOT NULL          -- iceberg-manifest.ts
  )`,
  // Objects of the table's data, and files that left with one of the newer state's snapshots.
  `CREATE TABLE seen_object (
    key TEXT PRIMARY KEY,
    size_bytes INTEGER NOT NULL,
    is_removed INTEGER NOT NULL
  ) WITHOUT ROWID`,
  // Another catalog that has the table too, and the metadata that it has (archive/upkeep/catalog-mirror.ts).
  'ALTER TABLE archive_table ADD COLUMN mirrored TEXT',
  // When an object was written, Unix ms by the object store's clock.
  'ALTER TABLE seen_object ADD COLUMN uploaded_ms INTEGER',
  // What shards are asked by the catalog itself (archive/upkeep/shard-calls.ts).
  `CREATE TABLE shard_call (
    shard TEXT PRIMARY KEY,
    is_due INTEGER NOT NULL,           -- 1: how far its samples are in files, since files of it were found that it had forgotten
    asked_day INTEGER                  -- the last day with samples (since 1970) that it was asked to close
  ) WITHOUT ROWID`,
  // When no file that was known had anything of it any more (Unix ms); null: files may have. It stays until files that were forgotten are looked for.
  'ALTER TABLE tombstone ADD COLUMN done_ms INTEGER',
  // Snapshots up to this one are dated ahead of the clock, which was first seen at this time (Unix ms): see snapshot-ages.ts.
  'ALTER TABLE archive_table ADD COLUMN ahead_since_ms INTEGER',
  'ALTER TABLE archive_table ADD COLUMN ahead_snapshot_id INTEGER',
  // Steps of background work in which the catalog itself has failed (step-failures.ts).
  `CREATE TABLE step_failure (
    step TEXT PRIMARY KEY,             -- for people: publish samples
    times INTEGER NOT NULL,            -- how often in all
    in_row INTEGER NOT NULL,           -- and the last times in a row
    failed_ms INTEGER NOT NULL,        -- when last (Unix ms)
    message TEXT NOT NULL,
    is_over INTEGER NOT NULL           -- 1: it has succeeded since
  ) WITHOUT ROWID`,
  // How long tables of roll-ups keep their series: where that comes to be longer, days are made again (warm/rollup-ledger.ts).
  `CREATE TABLE rollup_retention (
    table_name TEXT PRIMARY KEY,
    rules TEXT NOT NULL                -- JSON: of each rule its matchers and milliseconds (archive/series-retention.ts)
  ) WITHOUT ROWID`,
  // CRC-32 of the key and the shard maps. Null beside those of before, which get one when they are next read.
  'ALTER TABLE tenant ADD COLUMN routing_check INTEGER',
];

/** Brings a catalog's database to the newest schema. */
export function migrateCatalog(sql: Sql): void {
  migrate(sql, CATALOG_MIGRATIONS, 'catalog');
}
