import type { Sql } from '../runtime/sql.ts';
import type { ArchiveDayStatus, ArchiveStatusAnswer } from './archive-api.ts';
import { watermarksMs } from './archive-shards.ts';
import { CATALOG_RPC_VERSION } from './catalog-api.ts';
import type { ArchiveTableName } from './iceberg/table-definition.ts';
import { TABLE_DEFINITIONS } from './iceberg/table-definitions.ts';
import type { TableMetadata } from './iceberg/table-metadata.ts';
import { RecoveryState } from './recovery/recovery-state.ts';
import { RemovedObjectsStore } from './removed-objects.ts';

interface DayRow extends Record<string, number | string> {
  readonly table_name: ArchiveTableName;
  readonly day: number;
  readonly files: number;
  readonly bytes: number;
  readonly row_count: number;
  readonly min_time_ms: number;
  readonly max_time_ms: number;
}

interface TableRow extends Record<string, string | number | null> {
  readonly name: string;
  readonly metadata: string | null;
  readonly metadata_key: string | null;
}

/** What an archive has, out of its catalog's database: `samples`, and other tables that have had files. */
export function archiveStatus(sql: Sql): ArchiveStatusAnswer {
  const rows = sql.all<DayRow>(
    `SELECT table_name, day, count(*) AS files,
       sum(json_extract(description, '$.sizeBytes')) AS bytes, sum(json_extract(description, '$.rowCount')) AS row_count,
       min(json_extract(description, '$.minTimeMs')) AS min_time_ms, max(json_extract(description, '$.maxTimeMs')) AS max_time_ms
     FROM data_file WHERE removed_change IS NULL GROUP BY table_name, day ORDER BY table_name, day`,
  );
  const states = sql.all<TableRow>('SELECT name, metadata, metadata_key FROM archive_table');
  const unpublished = sql.all<{ table_name: string; files: number }>(
    `SELECT table_name, count(*) AS files FROM data_file WHERE removed_change IS NULL
       AND added_change > ifnull((SELECT published_change FROM archive_table WHERE name = table_name), 0) GROUP BY table_name`,
  );
  const names = TABLE_DEFINITIONS.map(({ name }) => name).filter((name) => name === 'samples' || states.some((state) => state.name === name) || rows.some((row) => row.table_name === name));
  const tables = names.map((table) => {
    const days = rows
      .filter((row) => row.table_name === table)
      .map((row): ArchiveDayStatus => ({ day: row.day, fileCount: row.files, bytes: row.bytes, rowCount: row.row_count, minTimeMs: row.min_time_ms, maxTimeMs: row.max_time_ms }));
    const { metadata, metadata_key: metadataKey } = states.find(({ name }) => name === table) ?? { metadata: null, metadata_key: null };
    const snapshot = metadata === null || metadataKey === null ? undefined : newestSnapshot(metadata, metadataKey);
    return { table, days, unpublishedFiles: unpublished.find((row) => row.table_name === table)?.files ?? 0, snapshot };
  });
  // As Tombstones.unclean has it.
  const [deletions] = sql.all<{ waiting: number; files: number }>(
    `SELECT (SELECT count(*) FROM tombstone WHERE done_ms IS NULL) AS waiting, (SELECT count(*) FROM data_file WHERE removed_change IS NULL AND table_name = 'samples' AND EXISTS (
       SELECT 1 FROM tombstone WHERE done_ms IS NULL AND clean_through < tombstone AND json_extract(description, '$.maxTimeMs') >= start_ms AND json_extract(description, '$.minTimeMs') <= end_ms)) AS files`,
  );
  return {
    version: CATALOG_RPC_VERSION,
    tables,
    archivedUntilMs: watermarksMs(sql),
    commitsLostMs: new RemovedObjectsStore(sql).commitsLostMs,
    adopted: new RecoveryState(sql).adopted,
    deletions: { waiting: deletions!.waiting, fileCount: deletions!.files },
  };
}

function newestSnapshot(metadata: string, metadataKey: string) {
  const { snapshots } = JSON.parse(metadata) as TableMetadata;
  const newest = snapshots.at(-1);
  return newest && { id: newest['snapshot-id'], timeMs: newest['timestamp-ms'], count: snapshots.length, metadataKey };
}
