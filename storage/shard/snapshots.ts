import { readStored } from '../runtime/damage.ts';
import { VarveError } from '../runtime/errors.ts';
import type { LIMITS } from '../runtime/limits.ts';
import type { Sql } from '../runtime/sql.ts';
import { decodeSegmentList, encodeSegmentList } from './segment/segment-list.ts';
import type { Segments, SegmentState } from './segment/segments.ts';
import type { SnapshotShardAnswer } from './shard-api.ts';

type SnapshotLimits = Pick<typeof LIMITS, 'snapshotsMax'>;

interface Snapshot {
  readonly segments: readonly number[];
  readonly floorMs: number;
}

/** One too many as an answer: it changes nothing, and is no reason to start the object anew. */
export function snapshotAnswer(create: () => string): SnapshotShardAnswer {
  try {
    return { status: 'created', id: create() };
  } catch (error) {
    if (error instanceof VarveError && error.kind === 'limit') return { status: 'refused', message: error.message };
    throw error;
  }
}

/**
 * Snapshots of a shard. Segments never change once written, so a snapshot is the list of the live ones, and the floor; the rows that it
 * lists stay stored for as long as it does. The caller has sealed the log and opens the transactions.
 */
export class Snapshots {
  readonly #sql: Sql;
  readonly #limits: SnapshotLimits;
  readonly #snapshots = new Map<string, Snapshot>();

  constructor(sql: Sql, limits: SnapshotLimits) {
    this.#sql = sql;
    this.#limits = limits;
    const rows = sql.each<{ snapshot: number; floor_ms: number | null; segments: ArrayBuffer }>(
      'SELECT snapshot, floor_ms, segments FROM snapshot ORDER BY snapshot',
    );
    for (const row of rows) {
      const segments = readStored('snapshot', row.snapshot, () => decodeSegmentList(row.segments, `snapshot ${row.snapshot}`));
      this.#snapshots.set(String(row.snapshot), { segments, floorMs: row.floor_ms ?? -Infinity });
    }
  }

  /** Ids, oldest first. */
  list(): string[] {
    return [...this.#snapshots.keys()];
  }

  create(state: SegmentState): string {
    if (this.#snapshots.size >= this.#limits.snapshotsMax) {
      throw new VarveError('limit', `there are ${this.#snapshots.size} snapshots, the limit snapshotsMax is ${this.#limits.snapshotsMax}; delete one first`);
    }
    const id = this.#sql.all<{ next_snapshot: number }>('SELECT next_snapshot FROM shard_state WHERE id = 1')[0]!.next_snapshot;
    const segments = state.live.map((info) => info.segment);
    const floorMs = state.floorMs === -Infinity ? null : state.floorMs;
    this.#sql.run('INSERT INTO snapshot (snapshot, floor_ms, segments) VALUES (?, ?, ?)', id, floorMs, encodeSegmentList(segments));
    this.#sql.run('UPDATE shard_state SET next_snapshot = ? WHERE id = 1', id + 1);
    this.#snapshots.set(String(id), { segments, floorMs: state.floorMs });
    return String(id);
  }

  stateOf(id: string, segments: Segments): SegmentState {
    const snapshot = this.#find(id);
    return { live: snapshot.segments.map((segment) => segments.infoOf(segment)), floorMs: snapshot.floorMs };
  }

  delete(id: string): void {
    this.#find(id);
    this.#sql.run('DELETE FROM snapshot WHERE snapshot = ?', Number(id));
    this.#snapshots.delete(id);
  }

  /** Tells of a segment whether any snapshot lists it. */
  holds(): (segment: number) => boolean {
    const held = new Set([...this.#snapshots.values()].flatMap((snapshot) => snapshot.segments));
    return (segment) => held.has(segment);
  }

  #find(id: string): Snapshot {
    const snapshot = this.#snapshots.get(id);
    if (snapshot === undefined) throw new VarveError('not-found', `there is no snapshot ${JSON.stringify(id)}`);
    return snapshot;
  }
}
