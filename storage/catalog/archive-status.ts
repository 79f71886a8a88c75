import type { Sql } from '../runtime/sql.ts';
import type { ArchiveDayStatus, ArchiveStatusAnswer } from './archive-api.ts';
import { CATALOG_RPC_VERSION } from './catalog-api.ts';
import type { TableMetadata } from './table-metadata.ts';

interface DayRow extends Record<string, number> {
  readonly day: number;
  readonly files: number;
  readonly bytes: number;
  readonly row_count: number;
  readonly min_time_ms: number;
  readonly max_time_ms: number;
}

interface StateRow extends Record<string, string | number | null> {
  readonly last_file: number;
  readonly published_file: number;
  readonly metadata: string | null;
  readonly metadata_key: string | null;
}

/** What an archive has, out of its catalog's database. */
export function archiveStatus(sql: Sql): ArchiveStatusAnswer {
  const rows = sql.all<DayRow>(
    `SELECT day, count(*) AS files,
       sum(json_extract(description, '$.sizeBytes')) AS bytes, sum(json_extract(description, '$.rowCount')) AS row_count,
       min(json_extract(description, '$.minTimeMs')) AS min_time_ms, max(json_extract(description, '$.maxTimeMs')) AS max_time_ms
     FROM archive_file GROUP BY day ORDER BY day`,
  );
  const days = rows.map((row): ArchiveDayStatus => ({
    day: row.day, fileCount: row.files, bytes: row.bytes, rowCount: row.row_count, minTimeMs: row.min_time_ms, maxTimeMs: row.max_time_ms,
  }));
  const [state] = sql.all<StateRow>('SELECT last_file, published_file, metadata, metadata_key FROM archive_state WHERE id = 1');
  const { last_file: lastFile, published_file: publishedFile, metadata, metadata_key: metadataKey } = state!;
  const shards = sql.all<{ shard: string; archived_until_ms: number }>('SELECT shard, archived_until_ms FROM archive_shard WHERE archived_until_ms IS NOT NULL');
  return {
    version: CATALOG_RPC_VERSION,
    tables: [{ table: 'samples', days, unpublishedFiles: lastFile - publishedFile, snapshot: metadata === null || metadataKey === null ? undefined : newestSnapshot(metadata, metadataKey) }],
    archivedUntilMs: Object.fromEntries(shards.map((row) => [row.shard, row.archived_until_ms])),
  };
}

function newestSnapshot(metadata: string, metadataKey: string) {
  const { snapshots } = JSON.parse(metadata) as TableMetadata;
  const newest = snapshots.at(-1);
  return newest && { id: newest['snapshot-id'], timeMs: newest['timestamp-ms'], count: snapshots.length, metadataKey };
}
