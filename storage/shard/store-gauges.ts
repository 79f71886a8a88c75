import type { DamageNotes } from '../runtime/damage.ts';
import type { LateQueue } from './late/late-queue.ts';
import type { StoreParts } from './upkeep.ts';

type Sources = Pick<StoreParts, 'sql' | 'series' | 'head' | 'wal' | 'segments' | 'snapshots'> & { readonly late: LateQueue; readonly damage: DamageNotes };

/** What a store holds, by the names of its metrics without `varve_shard_`. */
export function storeGauges({ sql, series, head, wal, segments, snapshots, late, damage }: Sources): Record<string, number> {
  return {
    series: series.count,
    log_entries: head.count,
    wal_rows: wal.rowCount,
    segments: segments.live.length,
    snapshots: snapshots.list().length,
    late_samples: late.sampleCount,
    late_bytes: late.bytes,
    storage_bytes: sql.sizeBytes(),
    damaged_rows: damage.rowCount,
  };
}
