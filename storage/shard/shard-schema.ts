import { migrate as migrateTo } from '../runtime/sql-migrations.ts';
import type { Sql } from '../runtime/sql.ts';

/**
 * The schema of a shard's database: numbered steps that are only ever appended to. FORMAT.md draws the bytes of the blobs.
 * Ids are given by the shard, never by SQLite, and every table has an integer key, so that each write is one billed row.
 */
const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `CREATE TABLE shard_state (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      sealed_sequence INTEGER NOT NULL, -- WAL rows up to this sequence are in segments: their slots are free
      next_segment INTEGER NOT NULL,    -- id of the next segment row
      next_seal INTEGER NOT NULL        -- id of the next seal; all segment rows of one seal share it
    )`,
    'INSERT INTO shard_state (id, sealed_sequence, next_segment, next_seal) VALUES (1, 0, 1, 1)',
    `CREATE TABLE wal (
      slot INTEGER PRIMARY KEY,    -- reused: a row is replaced, not deleted, since a deleted row is billed like a written one
      sequence INTEGER NOT NULL,   -- order of acceptance, from 1; rows at or below shard_state.sealed_sequence are void
      samples BLOB NOT NULL        -- wal.ts
    )`,
    `CREATE TABLE series_block (
      first_ref INTEGER PRIMARY KEY, -- refs are given in order; the block holds first_ref, first_ref + 1, …
      series_count INTEGER NOT NULL,
      definitions BLOB NOT NULL      -- series-block.ts
    )`,
    `CREATE TABLE segment (
      segment INTEGER PRIMARY KEY,
      seal INTEGER NOT NULL,           -- the seal that made it: later seals override earlier ones where they hold the same timestamp
      min_time_ms INTEGER NOT NULL,
      max_time_ms INTEGER NOT NULL,
      first_metric TEXT NOT NULL,      -- metric names of the first and the last series: rows are sorted by metric name, then labels
      last_metric TEXT NOT NULL,
      sample_count INTEGER NOT NULL,
      samples BLOB NOT NULL            -- segment.ts
    )`,
  ],
  [
    // The segment rows that are the shard's present, in the order of precedence (segment-list.ts); null stands for all rows by id.
    'ALTER TABLE shard_state ADD COLUMN live_segments BLOB',
    // Samples in segments older than this (Unix ms) are pruned: nobody may read them. Null when nothing has been.
    'ALTER TABLE shard_state ADD COLUMN floor_ms REAL',
    // Counts every change to the two above, so that a replaced instance finds out that it has been.
    'ALTER TABLE shard_state ADD COLUMN generation INTEGER NOT NULL DEFAULT 0',
    'ALTER TABLE shard_state ADD COLUMN next_snapshot INTEGER NOT NULL DEFAULT 1',
    // Key of the series ids that a store makes itself, where no Worker does; random, made at the first need.
    'ALTER TABLE shard_state ADD COLUMN local_hash_key BLOB',
    // Refs in WAL rows up to this sequence may have been given to other series since.
    'ALTER TABLE shard_state ADD COLUMN refs_since_sequence INTEGER NOT NULL DEFAULT 0',
    // When the first sample of the log was accepted (Unix ms), by the shard's clock.
    'ALTER TABLE shard_state ADD COLUMN log_since_ms REAL',
    `CREATE TABLE segment_refs (
      segment INTEGER PRIMARY KEY,
      refs BLOB NOT NULL -- ref-runs.ts: the series in the row; apart, so that they are read without it
    )`,
    `CREATE TABLE snapshot (
      snapshot INTEGER PRIMARY KEY,
      floor_ms REAL,         -- shard_state.floor_ms at the time
      segments BLOB NOT NULL -- shard_state.live_segments at the time
    )`,
  ],
  [
    `CREATE TABLE late_batch (
      sequence INTEGER PRIMARY KEY,  -- order of acceptance, never given twice
      crc INTEGER NOT NULL,          -- the batch's own CRC-32: finds one that is sent again
      sample_count INTEGER NOT NULL,
      oldest_ms INTEGER NOT NULL,    -- Unix milliseconds of the batch's oldest and newest sample
      newest_ms INTEGER NOT NULL,
      batch BLOB NOT NULL            -- late-batch.ts; empty in the newest row when it was dropped
    )`,
  ],
  [
    `CREATE TABLE exemplar_row (
      slot INTEGER PRIMARY KEY,   -- reused, the oldest first
      sequence INTEGER NOT NULL,  -- rises by one with each write of any row
      exemplars BLOB NOT NULL     -- exemplars.ts
    )`,
  ],
  [
    `CREATE TABLE queue_place (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      cursor INTEGER NOT NULL  -- sequence of the last WAL row that the queue has taken (queue-sender.ts)
    )`,
  ],
  [
    // Archived: all samples before this (Unix ms) are in files that the catalog has. Closed: no sample before this is taken any more.
    'ALTER TABLE shard_state ADD COLUMN archived_until_ms REAL',
    'ALTER TABLE shard_state ADD COLUMN closed_until_ms REAL',
    'ALTER TABLE shard_state ADD COLUMN next_flush INTEGER NOT NULL DEFAULT 1',
    // The flush that is under way, if one is (archive/flush/plan-ledger.ts), and the files of it that are in the object store.
    `CREATE TABLE flush_plan (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      plan TEXT NOT NULL,
      is_encoded INTEGER NOT NULL -- 1: no more files are to be written
    )`,
    `CREATE TABLE flush_file (
      position INTEGER PRIMARY KEY,
      description TEXT NOT NULL,  -- catalog/iceberg/data-file.ts
      cursor TEXT                 -- where the next file begins; null behind the last one
    )`,
  ],
  [
    // Time of the newest sample that is in files (Unix ms). Of those of before nobody knows more than that they are not newer than this.
    'ALTER TABLE shard_state ADD COLUMN newest_filed_ms REAL',
    'UPDATE shard_state SET newest_filed_ms = archived_until_ms - 1',
  ],
  // CRC-32 of local_hash_key. Null beside a key of before, which gets one when it is next used.
  ['ALTER TABLE shard_state ADD COLUMN local_hash_check INTEGER'],
];

export function migrate(sql: Sql): void {
  migrateTo(sql, MIGRATIONS, 'shard');
}
