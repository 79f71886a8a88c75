import { crc32 } from 'node:zlib';
import { ByteReader } from '../../../proto/varint.ts';
import { NO_PAYLOADS } from '../../chunk/index.ts';
import { HISTOGRAM_BITS_HIGH } from '../../model/sample.ts';
import { DamagedRowError, readStored } from '../../runtime/damage.ts';
import type { Sql } from '../../runtime/sql.ts';
import { RowBuffer } from './row-buffer.ts';
import { countRowRuns, readRowRefs, writeRowRefs } from './row-refs.ts';

/*
 * One WAL row holds one accepted batch, little-endian:
 *
 *   u8 version │ u8 kind of timestamps │ u16 0 │ u32 samples │ u32 CRC-32 of all that follows │ u32 0; version 2: histograms; 3: runs
 *   f64 base timestamp, ms
 *   timestamps: nothing (all equal the base) │ u32 × samples, added to the base │ f64 × samples
 *   u32 × samples: ref; version 3: the runs that they are (row-refs.ts) │ 8 bytes × samples: value bits
 *   version 2 only: u8 1 when start timestamps follow, else 0 │ f64 × samples: start timestamp, ms
 *                   u32 × histograms: bytes of the payload │ payloads
 *
 * A batch of floats without start timestamps is version 3 where that is shorter, and else version 1.
 */
const VERSION_FLOATS = 1;
const VERSION = 2;
const VERSION_RUNS = 3;
const RUN_BYTES = 8;
const HEADER_BYTES = 16;
const BASE_BYTES = 8;

const TIMES_EQUAL = 0;
const TIMES_OFFSETS = 1;
const TIMES_FULL = 2;
const TIME_BYTES = [0, 4, 8] as const;

/** The samples of a batch with refs in place of series ids; arrays may be longer than the count. */
export interface LogBatch {
  readonly sampleCount: number;
  readonly refs: Uint32Array;
  readonly timestampsMs: Float64Array;
  readonly valueBits: Uint32Array;
  /** Histograms that values stand for (HISTOGRAM_BITS_HIGH); none when absent. */
  readonly payloads?: readonly Uint8Array[];
  /** Start timestamp of each sample, Unix ms, 0 when unknown; absent when none is known. */
  readonly startsMs?: Float64Array | undefined;
}

/** Bytes of the row that such a batch becomes, at the most. */
export function walRowBytesMax(sampleCount: number, hasStarts: boolean, payloadCount: number, payloadBytes: number): number {
  return HEADER_BYTES + BASE_BYTES + 1 + sampleCount * (20 + (hasStarts ? 8 : 0)) + payloadCount * 4 + payloadBytes;
}

/** The row of a batch; in a buffer, it is good until the next one is encoded there. */
export function encodeWalRow(batch: LogBatch, buffer = new RowBuffer()): Uint8Array {
  const { sampleCount, timestampsMs, payloads = NO_PAYLOADS, startsMs } = batch;
  let minMs = Infinity;
  let maxMs = -Infinity;
  for (let i = 0; i < sampleCount; i++) {
    const timestampMs = timestampsMs[i]!;
    if (timestampMs < minMs) minMs = timestampMs;
    if (timestampMs > maxMs) maxMs = timestampMs;
  }
  const kind = minMs === maxMs ? TIMES_EQUAL : maxMs - minMs <= 0xffffffff ? TIMES_OFFSETS : TIMES_FULL;
  const isPlain = payloads.length === 0 && startsMs === undefined;
  const runs = isPlain ? countRowRuns(batch.refs, sampleCount) : sampleCount;
  const isRuns = runs < sampleCount;
  const refsAt = HEADER_BYTES + BASE_BYTES + TIME_BYTES[kind] * sampleCount;
  const valuesAt = refsAt + (isRuns ? runs * RUN_BYTES : sampleCount * 4);
  const extrasAt = valuesAt + sampleCount * 8;
  const bytes = buffer.take(extrasAt + (isPlain ? 0 : extraBytes(batch))).fill(0, 0, valuesAt);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, isRuns ? VERSION_RUNS : isPlain ? VERSION_FLOATS : VERSION);
  view.setUint8(1, kind);
  view.setUint32(4, sampleCount, true);
  view.setUint32(12, isRuns ? runs : payloads.length, true);
  view.setFloat64(HEADER_BYTES, minMs, true);
  if (kind === TIMES_OFFSETS) {
    const offsets = new Uint32Array(bytes.buffer, HEADER_BYTES + BASE_BYTES, sampleCount);
    for (let i = 0; i < sampleCount; i++) offsets[i] = timestampsMs[i]! - minMs;
  } else if (kind === TIMES_FULL) {
    new Float64Array(bytes.buffer, HEADER_BYTES + BASE_BYTES, sampleCount).set(timestampsMs.subarray(0, sampleCount));
  }
  if (isRuns) writeRowRefs(batch.refs, sampleCount, new Uint32Array(bytes.buffer, refsAt, runs * 2));
  else new Uint32Array(bytes.buffer, refsAt, sampleCount).set(batch.refs.subarray(0, sampleCount));
  new Uint32Array(bytes.buffer, valuesAt, sampleCount * 2).set(batch.valueBits.subarray(0, sampleCount * 2));
  if (!isPlain) writeExtras(batch, bytes, extrasAt);
  view.setUint32(8, crc32(bytes.subarray(HEADER_BYTES)), true);
  return bytes;
}

function extraBytes({ sampleCount, payloads = NO_PAYLOADS, startsMs }: LogBatch): number {
  return 1 + (startsMs === undefined ? 0 : sampleCount * 8) + payloads.reduce((sum, payload) => sum + 4 + payload.length, 0);
}

function writeExtras({ sampleCount, payloads = NO_PAYLOADS, startsMs }: LogBatch, bytes: Uint8Array, at: number): void {
  const view = new DataView(bytes.buffer);
  bytes[at++] = startsMs === undefined ? 0 : 1;
  if (startsMs !== undefined) {
    // Not aligned: a copy of its bytes.
    bytes.set(new Uint8Array(startsMs.buffer, startsMs.byteOffset, sampleCount * 8), at);
    at += sampleCount * 8;
  }
  for (const payload of payloads) {
    view.setUint32(at, payload.length, true);
    at += 4;
  }
  for (const payload of payloads) {
    bytes.set(payload, at);
    at += payload.length;
  }
}

/** The batch of a row as views into it. `where` names the row in errors. */
export function decodeWalRow(buffer: ArrayBuffer, where: string): LogBatch {
  const view = new DataView(buffer);
  if (buffer.byteLength < HEADER_BYTES + BASE_BYTES) throw new Error(`${where}: ${buffer.byteLength} bytes is no WAL row`);
  const version = view.getUint8(0);
  if (version !== VERSION_FLOATS && version !== VERSION && version !== VERSION_RUNS) {
    throw new Error(`${where}: version ${version}, this build knows ${VERSION_FLOATS}, ${VERSION} and ${VERSION_RUNS}`);
  }
  const crc = crc32(new Uint8Array(buffer, HEADER_BYTES));
  if (crc !== view.getUint32(8, true)) throw new Error(`${where}: damaged, CRC-32 is ${crc}, want ${view.getUint32(8, true)}`);
  const payloadCount = version === VERSION ? view.getUint32(12, true) : 0;
  const runs = version === VERSION_RUNS ? view.getUint32(12, true) : 0;
  if (view.getUint16(2) !== 0 || (version === VERSION_FLOATS && view.getUint32(12) !== 0)) throw new Error(`${where}: reserved bytes are not zero`);
  const kind = view.getUint8(1);
  const sampleCount = view.getUint32(4, true);
  const timeBytes = TIME_BYTES[kind];
  if (timeBytes === undefined) throw new Error(`${where}: kind of timestamps ${kind}`);
  const refsAt = HEADER_BYTES + BASE_BYTES + timeBytes * sampleCount;
  const valuesAt = refsAt + (version === VERSION_RUNS ? runs * RUN_BYTES : sampleCount * 4);
  const extrasAt = valuesAt + sampleCount * 8;
  if (version === VERSION ? buffer.byteLength <= extrasAt : buffer.byteLength !== extrasAt) {
    throw new Error(`${where}: got ${buffer.byteLength} bytes, want ${extrasAt}${version === VERSION ? ' and more' : ''}`);
  }
  const refs = version === VERSION_RUNS ? readRowRefs(new Uint32Array(buffer, refsAt, runs * 2), sampleCount) : new Uint32Array(buffer, refsAt, sampleCount);
  if (refs === undefined) throw new Error(`${where}: the ${runs} runs are not the refs of ${sampleCount} samples`);
  const baseMs = view.getFloat64(HEADER_BYTES, true);
  let timestampsMs: Float64Array;
  if (kind === TIMES_FULL) timestampsMs = new Float64Array(buffer, HEADER_BYTES + BASE_BYTES, sampleCount);
  else {
    timestampsMs = new Float64Array(sampleCount).fill(baseMs);
    if (kind === TIMES_OFFSETS) {
      const offsets = new Uint32Array(buffer, HEADER_BYTES + BASE_BYTES, sampleCount);
      for (let i = 0; i < sampleCount; i++) timestampsMs[i] = baseMs + offsets[i]!;
    }
  }
  const batch = {
    sampleCount,
    refs,
    timestampsMs,
    valueBits: new Uint32Array(buffer, valuesAt, sampleCount * 2),
  };
  if (version !== VERSION) return batch;
  const extras = readExtras(new ByteReader(new Uint8Array(buffer), extrasAt), sampleCount, payloadCount, where);
  checkHistograms(batch, payloadCount, where);
  return { ...batch, ...extras };
}

function readExtras(reader: ByteReader, sampleCount: number, payloadCount: number, where: string): { payloads: Uint8Array[]; startsMs: Float64Array | undefined } {
  const hasStarts = reader.byte();
  if (hasStarts > 1) throw new Error(`${where}: kind of start timestamps ${hasStarts}`);
  const startsMs = hasStarts === 1 ? new Float64Array(reader.take(sampleCount * 8).slice().buffer) : undefined;
  const lengths = Array.from({ length: payloadCount }, () => reader.uint32());
  const payloads = lengths.map((length) => reader.take(length).slice());
  if (!reader.done) throw new Error(`${where}: ${reader.end - reader.position} bytes too many`);
  return { payloads, startsMs };
}

function checkHistograms({ sampleCount, valueBits }: LogBatch, payloadCount: number, where: string): void {
  for (let i = 0; i < sampleCount; i++) {
    if (valueBits[i * 2 + 1] === HISTOGRAM_BITS_HIGH && valueBits[i * 2]! >= payloadCount) throw new Error(`${where}: sample ${i} is histogram ${valueBits[i * 2]} of ${payloadCount}`);
  }
}

/**
 * The write-ahead log of a shard: rows in reused slots, in the order of their sequence.
 *
 * Each row goes into the slot behind the one before, and into slot 0 again once that is past `ringSlots` and the open log has left the lower
 * half of the ring: however small the logs are that are sealed, about so many rows, and more than half of them, stay for the change feed, and
 * however long one is, the slots below it are used before it has doubled. Where the next row goes follows from what is stored alone: two instances never differ in it.
 */
export class Wal {
  readonly #sql: Sql;
  readonly #ringSlots: number;
  readonly #rowBuffer = new RowBuffer();
  /** Of the rows of the open log, by sequence from the one behind `#sealedSequence` on. */
  #openSlots: number[] = [];
  readonly #isOpen = new Set<number>();
  /** The least and the greatest of them. */
  #lowestSlot = Infinity;
  #highestSlot = -1;
  #lastSlot: number | undefined;
  #nextSlot: number;
  #lastSequence: number;
  /** Rows at or below are in segments. */
  #sealedSequence: number;

  constructor(sql: Sql, ringSlots = 0) {
    this.#sql = sql;
    this.#ringSlots = ringSlots;
    this.#sealedSequence = readSealedSequence(sql);
    this.#lastSequence = this.#sealedSequence;
    const [sealed] = sql.all<{ slot: number }>('SELECT slot FROM wal WHERE sequence = ?', this.#sealedSequence);
    this.#lastSlot = sealed?.slot;
    this.#nextSlot = this.#findNextSlot();
  }

  get lastSequence(): number {
    return this.#lastSequence;
  }

  /** Rows at or below are in segments, or taken back by a restore. */
  get sealedSequence(): number {
    return this.#sealedSequence;
  }

  /** The slot that the next row goes into. */
  get nextSlot(): number {
    return this.#nextSlot;
  }

  /** Where the newest row is; `undefined` when the newest sequence has none. */
  get lastSlot(): number | undefined {
    return this.#lastSlot;
  }

  /** Rows of the open log. */
  get rowCount(): number {
    return this.#openSlots.length;
  }

  /** Of a row of the open log. */
  slotOf(sequence: number): number {
    return this.#openSlots[sequence - this.#sealedSequence - 1]!;
  }

  /** Hands every unsealed batch to `each`, oldest first, and goes on writing behind them. For waking. */
  replay(each: (batch: LogBatch) => void): void {
    const rows = this.#sql.all<{ slot: number; sequence: number }>('SELECT slot, sequence FROM wal WHERE sequence > ?', this.#sealedSequence);
    rows.sort((a, b) => a.sequence - b.sequence);
    for (const { slot, sequence } of rows) {
      const expected = this.#lastSequence + 1;
      if (sequence !== expected) throw new DamagedRowError('wal', slot, `WAL slot ${slot}: sequence ${sequence}, want ${expected}: a batch is missing`);
      const [row] = this.#sql.all<{ samples: ArrayBuffer }>('SELECT samples FROM wal WHERE slot = ?', slot);
      each(readStored('wal', slot, () => decodeWalRow(row!.samples, `WAL slot ${slot}`)));
      this.#noteRow(slot);
    }
  }

  /**
   * Writes one batch. The caller's transaction is its commit point. Throws, with nothing written, when another instance of the shard has
   * written or sealed since, or has changed segments or series, as `generation` says, which is that of the segments (segments.ts): a replaced
   * instance that lives on must not write over what its successor acknowledged, nor samples of series whose refs are others' by now.
   */
  append(batch: LogBatch, generation: number): void {
    const before = this.#sql.rowsWritten();
    this.#sql.run(
      `INSERT INTO wal (slot, sequence, samples)
       SELECT ?, ?, ? FROM shard_state WHERE id = 1 AND sealed_sequence = ? AND generation = ?
       ON CONFLICT (slot) DO UPDATE SET sequence = excluded.sequence, samples = excluded.samples WHERE wal.sequence <= ?`,
      this.#nextSlot,
      this.#lastSequence + 1,
      encodeWalRow(batch, this.#rowBuffer),
      this.#sealedSequence,
      generation,
      this.#sealedSequence,
    );
    if (this.#sql.rowsWritten() === before) throw new Error('this instance of the shard has been replaced: send again');
    this.#noteRow(this.#nextSlot);
  }

  /**
   * Takes back what the log holds: the change feed, too, begins anew behind a sequence that no row has, so that also a consumer who had
   * seen everything learns of it. Inside the caller's transaction; `restart` with the sequence that this answers follows behind it.
   */
  markTakenBack(): number {
    const sequence = this.#lastSequence + 1;
    this.markSealed(sequence);
    this.#sql.run('UPDATE shard_state SET refs_since_sequence = ? WHERE id = 1', sequence);
    return sequence;
  }

  /** Declares the rows up to a sequence sealed and their slots free. Runs inside the seal's transaction. */
  markSealed(sequence: number): void {
    this.#sql.run('UPDATE shard_state SET sealed_sequence = ? WHERE id = 1', sequence);
  }

  /** After the seal's transaction: the log goes on with the rows behind the sequence, if there are any. */
  restart(sealedSequence: number): void {
    if (sealedSequence > this.#lastSequence) this.#lastSlot = undefined;
    const open = this.#openSlots.slice(sealedSequence - this.#sealedSequence);
    this.#openSlots = [];
    this.#isOpen.clear();
    this.#lowestSlot = Infinity;
    this.#highestSlot = -1;
    for (const slot of open) this.#noteOpen(slot);
    this.#sealedSequence = sealedSequence;
    this.#lastSequence = Math.max(this.#lastSequence, sealedSequence);
    this.#nextSlot = this.#findNextSlot();
  }

  #noteRow(slot: number): void {
    this.#noteOpen(slot);
    this.#lastSequence++;
    this.#lastSlot = slot;
    this.#nextSlot = this.#findNextSlot();
  }

  #noteOpen(slot: number): void {
    this.#openSlots.push(slot);
    this.#isOpen.add(slot);
    if (slot < this.#lowestSlot) this.#lowestSlot = slot;
    if (slot > this.#highestSlot) this.#highestSlot = slot;
  }

  #findNextSlot(): number {
    if (this.#lastSlot === undefined) return 0;
    const next = this.#lastSlot + 1;
    if (next >= this.#ringSlots && this.#lowestSlot > this.#ringSlots / 2) return 0;
    // Slots from 0 on that have come to where the open log begins go on behind its end.
    return this.#isOpen.has(next) ? this.#highestSlot + 1 : next;
  }

  /**
   * Whether storage still holds just what this instance wrote. A replaced instance may live on for a while and answer from memory that
   * misses what its successor acknowledged; every read looks (fence.ts) after its last look at memory and fails when it is false.
   * `nextSequence` is what stands in the slot that comes next, `lastSequence` in `lastSlot`, null for nothing.
   */
  agreesWith(sealedSequence: number, nextSequence: number | null, lastSequence: number | null): boolean {
    if (sealedSequence !== this.#sealedSequence || (nextSequence !== null && nextSequence > this.#sealedSequence)) return false;
    return lastSequence === (this.#lastSlot === undefined ? null : this.#lastSequence);
  }
}

function readSealedSequence(sql: Sql): number {
  return sql.all<{ sealed_sequence: number }>('SELECT sealed_sequence FROM shard_state WHERE id = 1')[0]!.sealed_sequence;
}
