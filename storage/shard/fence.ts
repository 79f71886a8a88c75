import type { Sql } from '../runtime/sql.ts';
import type { Wal } from './log/wal.ts';
import type { Segments } from './segment/segments.ts';

/** In one statement: each costs as much as a small read has to do besides. No slot is -1. */
const STATE = `SELECT sealed_sequence, generation, (SELECT sequence FROM wal WHERE slot = ?) AS next_sequence, (SELECT sequence FROM wal WHERE slot = ?) AS last_sequence
  FROM shard_state WHERE id = 1`;
const NO_SLOT = -1;

type StateRow = Record<'sealed_sequence' | 'generation', number> & Record<'next_sequence' | 'last_sequence', number | null>;

/** Storage does not hold what this instance has in memory. Rebuilt from storage, the same may be asked again. */
export class ReplacedError extends Error {
  constructor() {
    super('this instance of the shard has been replaced: ask again');
    this.name = 'ReplacedError';
  }
}

/**
 * Whether storage still holds what this instance has in memory: not when another one has written since, nor when a transaction in which this
 * one wrote was rolled back by who had begun it. Three rows read.
 */
export function isCurrent(sql: Sql, wal: Wal, segments: Pick<Segments, 'generation'>): boolean {
  const [state] = sql.all<StateRow>(STATE, wal.nextSlot, wal.lastSlot ?? NO_SLOT);
  return state!.generation === segments.generation && wal.agreesWith(state!.sealed_sequence, state!.next_sequence, state!.last_sequence);
}

export function mustBeCurrent(sql: Sql, wal: Wal, segments: Pick<Segments, 'generation'>): void {
  if (!isCurrent(sql, wal, segments)) throw new ReplacedError();
}

/** Inside a transaction that writes no row of the log: nothing else tells other instances of it, nor this one of theirs, or that it was rolled back. */
export function renew(sql: Sql, wal: Wal, segments: Pick<Segments, 'generation' | 'renew'>): void {
  mustBeCurrent(sql, wal, segments);
  segments.renew();
}
