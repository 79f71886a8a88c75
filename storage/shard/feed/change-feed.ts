import { NO_PAYLOADS } from '../../chunk/index.ts';
import type { Labels } from '../../model/labels.ts';
import type { DamageNotes } from '../../runtime/damage.ts';
import type { Sql } from '../../runtime/sql.ts';
import type { SeriesIndex } from '../index/series-index.ts';
import { decodeWalRow, type LogBatch, type Wal } from '../log/wal.ts';
import { rebasePayloads } from '../run/payloads.ts';

/**
 * An answer ends with the row that reaches this. With labels for each sample it is some 6 MB of heap, which a stream holds while its client is
 * slow, and with a row as long as can be a message of 17 MB, which one RPC carries.
 */
const CHANGES_SAMPLES_TARGET = 4 * 1024;

/** The samples that one batch brought to one series, in the order of acceptance. */
export interface SeriesChange {
  readonly labels: Labels;
  readonly timestampsMs: Float64Array;
  /** Two words a value, the low one first. */
  readonly valueBits: Uint32Array;
  /** Histograms that values stand for; absent when there are none. */
  readonly payloads?: readonly Uint8Array[];
}

/** What one accepted batch changed: sequences rise by one from batch to batch, series are in the order in which the batch has them. */
export interface BatchChange {
  readonly sequence: number;
  readonly series: readonly SeriesChange[];
}

export type ChangesAnswer =
  /** Batches behind the cursor, in the order of commit; none when there is nothing new. `cursor` is the last one's sequence. */
  | { readonly status: 'changes'; readonly batches: readonly BatchChange[]; readonly cursor: number }
  /** What came behind the cursor is no longer known in order. Whoever follows reads the state anew and goes on at `cursor`. */
  | { readonly status: 'resync'; readonly cursor: number };

interface FeedSources {
  readonly sql: Sql;
  readonly wal: Wal;
  readonly index: SeriesIndex;
  readonly damage: DamageNotes;
}

/*
 * The change feed is the WAL, read by sequence. It costs a writer nothing and keeps nothing in memory: rows stay in their slots behind a
 * seal until later ones replace them one by one. So it reaches back at any time over the open log, and over some walRingSlots rows or the last
 * sealed log, whichever is longer; a consumer that falls further behind is told to read the state anew, and never holds up a write.
 */

/** The batches behind a cursor (a sequence), oldest first, at most `rowsMax`; of each the series that `isMeant` accepts, which may be none. */
export function readChanges({ sql, wal, index, damage }: FeedSources, cursor: number, rowsMax: number, isMeant?: (ref: number) => boolean): ChangesAnswer {
  const { lastSequence } = wal;
  if (cursor === lastSequence) return { status: 'changes', batches: [], cursor };
  // A cursor from the future belongs to a database that has since gone back in time.
  if (cursor > lastSequence || cursor < refsSince(sql)) return { status: 'resync', cursor: lastSequence };
  const batches: BatchChange[] = [];
  let samples = 0;
  for (const { slot, sequence } of slotsBehind(sql, wal, cursor, rowsMax)) {
    if (sequence !== cursor + batches.length + 1) break;
    const [row] = sql.all<{ samples: ArrayBuffer }>('SELECT samples FROM wal WHERE slot = ? AND sequence = ?', slot, sequence);
    if (row === undefined) break;
    const batch = damage.read('wal', slot, () => decodeWalRow(row.samples, `WAL slot ${slot}`));
    batches.push({ sequence, series: bySeries(batch, index, isMeant) });
    samples += batch.sampleCount + payloadSamples(batch);
    if (samples >= CHANGES_SAMPLES_TARGET) break;
  }
  if (batches.length === 0) return { status: 'resync', cursor: lastSequence };
  return { status: 'changes', batches, cursor: cursor + batches.length };
}

/** The cursor from which on nothing is missing: the earliest that a new consumer can begin with. */
export function oldestCursor({ sql, wal }: Pick<FeedSources, 'sql' | 'wal'>): number {
  const { lastSequence } = wal;
  // Sequences fall by one from row to row as far as none is missing. A cursor that is left half read would keep the database from dropping tables.
  const [row] = sql.all<{ first: number | null }>(
    'SELECT min(sequence) AS first FROM (SELECT sequence, row_number() OVER (ORDER BY sequence DESC) AS place FROM wal WHERE sequence <= ?) WHERE sequence + place = ? + 1',
    lastSequence,
    lastSequence,
  );
  const first = row?.first ?? lastSequence + 1;
  return Math.min(lastSequence, Math.max(first - 1, refsSince(sql)));
}

/** Rows up to this sequence cannot be read any more: their refs have been given anew, or a restore has taken them back. */
function refsSince(sql: Sql): number {
  return sql.all<{ refs_since_sequence: number }>('SELECT refs_since_sequence FROM shard_state WHERE id = 1')[0]!.refs_since_sequence;
}

function slotsBehind(sql: Sql, wal: Wal, cursor: number, rowsMax: number): { slot: number; sequence: number }[] {
  const { sealedSequence, lastSequence } = wal;
  if (cursor < sealedSequence) {
    return sql.all<{ slot: number; sequence: number }>('SELECT slot, sequence FROM wal WHERE sequence > ? ORDER BY sequence LIMIT ?', cursor, rowsMax);
  }
  // The open log's slots are known: nothing has to be searched.
  const count = Math.min(rowsMax, lastSequence - cursor);
  return Array.from({ length: count }, (_, i) => ({ slot: wal.slotOf(cursor + i + 1), sequence: cursor + i + 1 }));
}

function bySeries(batch: LogBatch, index: SeriesIndex, isMeant: ((ref: number) => boolean) | undefined): SeriesChange[] {
  const entries = new Map<number, number[]>();
  let sampleCount = 0;
  for (let i = 0; i < batch.sampleCount; i++) {
    const ref = batch.refs[i]!;
    const known = entries.get(ref);
    if (known === undefined && isMeant?.(ref) === false) continue;
    sampleCount++;
    if (known === undefined) entries.set(ref, [i]);
    else known.push(i);
  }
  const { payloads: batchPayloads = NO_PAYLOADS } = batch;
  // Series have views of one buffer of each kind: a buffer of its own for each would cost RPC more time and memory than all that they hold.
  const timestampsMs = new Float64Array(sampleCount);
  const valueBits = new Uint32Array(sampleCount * 2);
  let end = 0;
  return [...entries].map(([ref, positions]) => {
    const start = end;
    for (const i of positions) {
      timestampsMs[end] = batch.timestampsMs[i]!;
      valueBits[end * 2] = batch.valueBits[i * 2]!;
      valueBits[end * 2 + 1] = batch.valueBits[i * 2 + 1]!;
      end++;
    }
    const change = { labels: index.labelsOf(ref), timestampsMs: timestampsMs.subarray(start, end), valueBits: valueBits.subarray(start * 2, end * 2) };
    if (batchPayloads.length === 0) return change;
    const payloads: Uint8Array[] = [];
    rebasePayloads(change.valueBits, 0, positions.length, batchPayloads, payloads);
    return { ...change, payloads };
  });
}

/** About what a sample with labels of its own takes in an answer. */
const SAMPLE_BYTES = 256;

/** What a batch's histograms weigh in an answer, as a number of such samples. */
function payloadSamples({ payloads = NO_PAYLOADS }: LogBatch): number {
  return payloads.reduce((samples, payload) => samples + payload.length / SAMPLE_BYTES, 0);
}
