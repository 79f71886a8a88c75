import { DamagedRowError, DamageNotes, readStored } from '../../runtime/damage.ts';
import type { LIMITS } from '../../runtime/limits.ts';
import { LruCache } from '../../runtime/lru-cache.ts';
import type { Sql } from '../../runtime/sql.ts';
import type { Piece } from '../run/piece.ts';
import { coarseRuns, decodeRefRuns, encodeRefRuns, refRunsOf, type RefRuns } from '../run/ref-runs.ts';
import { ColumnCache, payloadWeight, type DecodedRow } from './column-cache.ts';
import { decodeSegmentList, encodeSegmentList } from './segment-list.ts';
import { SegmentReader } from './segment-reader.ts';
import type { SealedRow } from './segment-rows.ts';

type SegmentLimits = Pick<typeof LIMITS, 'openSegmentBytesMax' | 'openColumnSamplesMax' | 'selectColumnSamplesMax' | 'refRunsInMemoryMax'>;

/** What is known of a segment row without reading it. */
export interface SegmentInfo {
  readonly segment: number;
  /** Rows that one seal or one merge made share it; they follow each other and hold different series or different times of one. */
  readonly seal: number;
  readonly minTimeMs: number;
  readonly maxTimeMs: number;
  readonly firstMetric: string;
  readonly lastMetric: string;
  readonly sampleCount: number;
  readonly bytes: number;
  /** Which series it may hold: never one too few. */
  readonly refs: RefRuns;
}

/** The shard's present and each of its snapshots: which segment rows, in the order of precedence, and from which time on. */
export interface SegmentState {
  readonly live: readonly SegmentInfo[];
  /** Samples in segments older than this are not to be read; -Infinity when nothing was pruned. */
  readonly floorMs: number;
}

/** A segment row holds what no later one and not the log holds: of equal timestamps of a series the one further behind counts. */
export class Segments {
  readonly #sql: Sql;
  readonly #limits: SegmentLimits;
  readonly #damage: DamageNotes;
  #state: SegmentState = { live: [], floorMs: -Infinity };
  #oldestEndMs = Infinity;
  #generation: number;
  #nextSegment: number;
  #nextSeal: number;
  /** Every stored row, also those that only snapshots hold. */
  readonly #infos = new Map<number, SegmentInfo>();
  readonly #open: LruCache<number, SegmentReader>;
  /** By segment and position in it. */
  readonly #pieces: LruCache<string, Piece>;
  /** What selects have decoded. */
  readonly #columns: ColumnCache;

  constructor(sql: Sql, limits: SegmentLimits, damage = new DamageNotes()) {
    this.#sql = sql;
    this.#limits = limits;
    this.#damage = damage;
    this.#open = new LruCache(limits.openSegmentBytesMax);
    this.#pieces = new LruCache(limits.openColumnSamplesMax);
    this.#columns = new ColumnCache(limits.selectColumnSamplesMax);
    const state = sql.all<StateRow>('SELECT next_segment, next_seal, generation, floor_ms, live_segments FROM shard_state WHERE id = 1')[0]!;
    this.#generation = state.generation;
    this.#nextSegment = state.next_segment;
    this.#nextSeal = state.next_seal;
    this.#readInfos();
    const live = state.live_segments === null ? [...this.#infos.keys()] : readStored('shard_state', 1, () => decodeSegmentList(state.live_segments!, 'live segments'));
    const infos = live.map((segment) => readStored('segment', segment, () => this.infoOf(segment)));
    this.#take({ live: infos, floorMs: state.floor_ms ?? -Infinity });
  }

  get live(): readonly SegmentInfo[] {
    return this.#state.live;
  }

  get floorMs(): number {
    return this.#state.floorMs;
  }

  /** The time of the newest sample in the live row that ends first; Infinity when there is none. */
  get oldestEndMs(): number {
    return this.#oldestEndMs;
  }

  stored(): Iterable<SegmentInfo> {
    return this.#infos.values();
  }

  infoOf(segment: number): SegmentInfo {
    const info = this.#infos.get(segment);
    if (info === undefined) throw new Error(`segment ${segment} is missing`);
    return info;
  }

  /** Reads a row, which is kept open when `keep` says so. Throws DamagedRowError. */
  open(info: SegmentInfo, keep: boolean): SegmentReader {
    const { segment } = info;
    const known = this.#open.get(segment);
    if (known !== undefined) return known;
    const bytes = this.#read(info);
    const reader = this.#damage.read('segment', segment, () => new SegmentReader(bytes, `segment ${segment}`));
    if (keep) this.#open.set(segment, reader, reader.memoryBytes);
    return reader;
  }

  /** The columns at a position of an open row; remembered. */
  piece(info: SegmentInfo, reader: SegmentReader, position: number): Piece {
    const key = `${info.segment}:${position}`;
    let piece = this.#pieces.get(key);
    if (piece === undefined) {
      piece = { timestampsMs: reader.timestampsMs(position), ...reader.samples(position) };
      this.#pieces.set(key, piece, piece.timestampsMs.length + payloadWeight(piece.payloads) / 2);
    }
    return piece;
  }

  /** The columns of a row, for selects: those of many series at a time. */
  columns(info: SegmentInfo): DecodedRow {
    return this.#columns.row(info.segment, () => this.open(info, true));
  }

  /** The exact refs of a row, from storage. */
  refsOf(info: SegmentInfo): RefRuns {
    const [row] = this.#sql.all<{ refs: ArrayBuffer }>('SELECT refs FROM segment_refs WHERE segment = ?', info.segment);
    return (row === undefined ? undefined : this.#decodeRefs(info.segment, row.refs)) ?? refRunsOf(this.open(info, false).refs);
  }

  /** Writes rows that share a seal, one of their own if none is given, inside the caller's transaction. They are not live yet. */
  insert(rows: Iterable<SealedRow>, seal: number = this.#nextSeal++): SegmentInfo[] {
    const infos: SegmentInfo[] = [];
    for (const row of rows) {
      const segment = this.#nextSegment++;
      const { minTimeMs, maxTimeMs, firstMetric, lastMetric, sampleCount, bytes } = row;
      this.#sql.run(
        `INSERT INTO segment (segment, seal, min_time_ms, max_time_ms, first_metric, last_metric, sample_count, samples)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        segment,
        seal,
        minTimeMs,
        maxTimeMs,
        firstMetric,
        lastMetric,
        sampleCount,
        bytes,
      );
      const runs = refRunsOf(row.refs);
      this.#sql.run('INSERT INTO segment_refs (segment, refs) VALUES (?, ?)', segment, encodeRefRuns(runs));
      const refs = coarseRuns(runs, this.#limits.refRunsInMemoryMax);
      const info = { segment, seal, minTimeMs, maxTimeMs, firstMetric, lastMetric, sampleCount, bytes: bytes.length, refs };
      this.#infos.set(segment, info);
      infos.push(info);
    }
    return infos;
  }

  /** Makes another state the present, inside the caller's transaction, which is the commit point. Rows that have left it stay stored. */
  become(state: SegmentState): void {
    this.#generation++;
    this.#sql.run(
      'UPDATE shard_state SET next_segment = ?, next_seal = ?, generation = ?, floor_ms = ?, live_segments = ? WHERE id = 1',
      this.#nextSegment,
      this.#nextSeal,
      this.#generation,
      state.floorMs === -Infinity ? null : state.floorMs,
      encodeSegmentList(state.live.map((info) => info.segment)),
    );
    this.#take(state);
  }

  /**
   * The same state under a new number, inside the caller's transaction: ids that were given are known as such after a crash, and an instance that
   * has been replaced finds out.
   */
  renew(): void {
    this.become(this.#state);
  }

  /** Deletes the stored rows that are neither live nor held, inside the caller's transaction. */
  sweep(isHeld: (segment: number) => boolean): void {
    const live = new Set(this.#state.live.map((info) => info.segment));
    for (const segment of [...this.#infos.keys()]) {
      if (live.has(segment) || isHeld(segment)) continue;
      this.#sql.run('DELETE FROM segment WHERE segment = ?', segment);
      this.#sql.run('DELETE FROM segment_refs WHERE segment = ?', segment);
      this.#infos.delete(segment);
      // Its pieces go by themselves: ids are never given again.
      this.#open.delete(segment);
      this.#columns.delete(segment);
    }
  }

  /** Rises with every change of the state; storage has the same (fence.ts), or another instance has changed it. */
  get generation(): number {
    return this.#generation;
  }

  #take(state: SegmentState): void {
    this.#state = state;
    this.#oldestEndMs = state.live.reduce((oldest, info) => Math.min(oldest, info.maxTimeMs), Infinity);
  }

  /** The refs beside a segment row; `undefined` when they are damaged: the row itself has them too, and nothing is lost. */
  #decodeRefs(segment: number, refs: ArrayBuffer): RefRuns | undefined {
    try {
      return this.#damage.read('segment_refs', segment, () => decodeRefRuns(refs, `refs of segment ${segment}`));
    } catch (error) {
      if (error instanceof DamagedRowError) return undefined;
      throw error;
    }
  }

  #read({ segment }: SegmentInfo): ArrayBuffer {
    const [row] = this.#sql.all<{ samples: ArrayBuffer }>('SELECT samples FROM segment WHERE segment = ?', segment);
    if (row === undefined) throw new Error(`segment ${segment} is gone: this instance of the shard has been replaced: ask again`);
    return row.samples;
  }

  #readInfos(): void {
    const runs = new Map<number, RefRuns>();
    for (const row of this.#sql.each<{ segment: number; refs: ArrayBuffer }>('SELECT segment, refs FROM segment_refs')) {
      const refs = this.#decodeRefs(row.segment, row.refs);
      // A row from before refs were stored may hold anything, and so may one whose refs are damaged: it is found out when somebody reads it.
      if (refs !== undefined) runs.set(row.segment, coarseRuns(refs, this.#limits.refRunsInMemoryMax));
    }
    const rows = this.#sql.each<InfoRow>(
      `SELECT segment, seal, min_time_ms, max_time_ms, first_metric, last_metric, sample_count, length(samples) AS bytes
       FROM segment ORDER BY segment`,
    );
    for (const row of rows) {
      this.#infos.set(row.segment, {
        segment: row.segment,
        seal: row.seal,
        minTimeMs: row.min_time_ms,
        maxTimeMs: row.max_time_ms,
        firstMetric: row.first_metric,
        lastMetric: row.last_metric,
        sampleCount: row.sample_count,
        bytes: row.bytes,
        refs: runs.get(row.segment) ?? EVERY_REF,
      });
    }
  }
}

const EVERY_REF: RefRuns = Uint32Array.of(0, 0xffffffff);

interface StateRow extends Record<string, number | ArrayBuffer | null> {
  next_segment: number;
  next_seal: number;
  generation: number;
  floor_ms: number | null;
  live_segments: ArrayBuffer | null;
}

interface InfoRow extends Record<string, number | string> {
  segment: number;
  seal: number;
  min_time_ms: number;
  max_time_ms: number;
  first_metric: string;
  last_metric: string;
  sample_count: number;
  bytes: number;
}
