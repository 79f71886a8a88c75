import type { Sql } from '../runtime/sql.ts';
import type { Segments } from './segments.ts';
import type { Wal } from './wal.ts';

/** In one statement: each costs as much as a small read has to do besides. */
const STATE =
  'SELECT sealed_sequence, generation, (SELECT sequence FROM wal WHERE slot = ?) AS next_sequence FROM shard_state WHERE id = 1';

/** Whether storage still holds what this instance has in memory, or another one has written since. Two rows read. */
export function isCurrent(sql: Sql, wal: Wal, segments: Pick<Segments, 'generation'>): boolean {
  const [state] = sql.all<{ sealed_sequence: number; generation: number; next_sequence: number | null }>(STATE, wal.nextSlot);
  return state!.generation === segments.generation && wal.agreesWith(state!.sealed_sequence, state!.next_sequence);
}
