import type { Sql } from '../runtime/sql.ts';
import { encodeDataFile, type DataFile } from './iceberg/data-file.ts';
import type { StoredPlace } from './iceberg/iceberg-manifest.ts';
import { partitionDay } from './iceberg/table-definition.ts';
import { tableDefinition } from './iceberg/table-definitions.ts';

/** A change brings a file, which queries read from then on; its partition is to be looked at. Inside the caller's transaction, who counts files (archive-counters.ts). */
export function insertDataFile(sql: Sql, number: number, file: DataFile, { shard, rank, run, position, cleanThrough }: StoredPlace, change: number): void {
  const day = partitionDay(tableDefinition(file.table), file.minTimeMs);
  sql.run(
    'INSERT INTO data_file (file, table_name, day, shard, rank, run, position, clean_through, description, added_change) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    number, file.table, day, shard, rank, run, position, cleanThrough, encodeDataFile(file), change,
  );
  sql.run('INSERT OR IGNORE INTO changed_partition (table_name, day, shard) VALUES (?, ?, ?)', file.table, day, shard);
}
