import { DecodeError } from '../../../proto/decode-error.ts';
import { isSameBytes } from '../../../proto/same-bytes.ts';
import { DamageNotes } from '../../runtime/damage.ts';
import type { LIMITS } from '../../runtime/limits.ts';
import type { Sql } from '../../runtime/sql.ts';
import { DAY_MS } from '../../runtime/units.ts';
import { decodeLateBatch, type LateSeries } from './late-batch.ts';

/** How many heads are asked of the database at a time, when many are wanted. */
const HEADS_PER_PAGE = 1024;

type LateLimits = Pick<typeof LIMITS, 'lateQueueBytesMax' | 'lateRowsMax' | 'sqlRowBytesMax' | 'archiveLateDaysMax'>;

export type LateAnswer =
  /** The batch is durable, now or since an earlier try. */
  | { readonly status: 'stored'; readonly samplesStored: number }
  /** Nothing was stored. `isFull`: the queue has no room for it, and may have later; otherwise sending the same again is useless. */
  | { readonly status: 'refused'; readonly isFull: boolean; readonly message: string };

/** A batch that waits, without it. */
export interface LateHead {
  readonly sequence: number;
  readonly sampleCount: number;
  /** Unix milliseconds of its oldest and its newest sample. */
  readonly oldestMs: number;
  readonly newestMs: number;
}

/**
 * Samples older than the hot tier takes, kept until the archive takes them: batches as they came, one row each, in the order of
 * acceptance. They are durable here, and not readable by queries until they are in the archive.
 *
 * Whoever drains the queue reads the oldest row, makes it durable elsewhere, and drops it here: dying in between means that it does so
 * again, so it must know what it has written before.
 */
export class LateQueue {
  readonly #sql: Sql;
  readonly #limits: LateLimits;
  readonly #damage: DamageNotes;
  /** CRC-32 of each batch → rows that have it: finds a batch that is sent again. */
  readonly #rowsByCrc = new Map<number, number[]>();
  #nextSequence = 1;
  /** The newest row, when its batch was dropped: it stays without one, so that no sequence is ever given twice. */
  #emptySequence: number | undefined;
  #rows = 0;
  #bytes = 0;
  #samples = 0;

  constructor(sql: Sql, limits: LateLimits, damage = new DamageNotes()) {
    this.#sql = sql;
    this.#limits = limits;
    this.#damage = damage;
    const rows = sql.each<{ sequence: number; crc: number; bytes: number; samples: number }>(
      'SELECT sequence, crc, length(batch) AS bytes, sample_count AS samples FROM late_batch ORDER BY sequence',
    );
    for (const { sequence, crc, bytes, samples } of rows) {
      if (bytes === 0) {
        this.#emptySequence = sequence;
        this.#nextSequence = sequence + 1;
      } else this.#note(sequence, crc, bytes, samples);
    }
  }

  /** Samples waiting. One that was sent twice in different batches counts twice. */
  get sampleCount(): number {
    return this.#samples;
  }

  /** Batches waiting. */
  get batchCount(): number {
    return this.#rows;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Of the newest batch that was ever accepted; 0 before the first. */
  get lastSequence(): number {
    return this.#nextSequence - 1;
  }

  /**
   * Takes a batch. One that waits already is the same one, sent again, unless it `isNew`: its sender knows that it has not sent it before, and
   * what came in between must not count more.
   */
  append(message: ArrayBuffer, { isNew = false }: { readonly isNew?: boolean } = {}): LateAnswer {
    let head;
    const days = new Set<number>();
    try {
      head = decodeLateBatch(message, ({ timestampsMs }) => {
        for (const timeMs of timestampsMs) days.add(Math.floor(timeMs / DAY_MS));
      });
    } catch (error) {
      if (error instanceof DecodeError) return { status: 'refused', isFull: false, message: error.message };
      throw error;
    }
    const { lateQueueBytesMax, lateRowsMax, sqlRowBytesMax, archiveLateDaysMax } = this.#limits;
    if (message.byteLength > sqlRowBytesMax) {
      return { status: 'refused', isFull: false, message: `a batch of old samples has ${message.byteLength} bytes, the limit sqlRowBytesMax is ${sqlRowBytesMax}` };
    }
    if (days.size > archiveLateDaysMax) {
      return { status: 'refused', isFull: false, message: `a batch of old samples is of ${days.size} days, the limit archiveLateDaysMax is ${archiveLateDaysMax}` };
    }
    const crc = new DataView(message).getUint32(4, true);
    if (!isNew && this.#holds(crc, message)) return { status: 'stored', samplesStored: head.sampleCount };
    if (this.#bytes + message.byteLength > lateQueueBytesMax) return full(`${this.#bytes} bytes, the limit lateQueueBytesMax is ${lateQueueBytesMax}`);
    if (this.#rows >= lateRowsMax) return full(`${this.#rows} batches, the limit lateRowsMax is ${lateRowsMax}`);
    const sequence = this.#nextSequence;
    const before = sequence === 1 ? null : sequence - 1;
    const row = [sequence, crc, head.sampleCount, head.oldestMs, head.newestMs, message] as const;
    const rowsWritten = this.#sql.rowsWritten();
    // Commit point: this row. A crash before it leaves nothing of the batch; a crash behind it leaves all of it, and its sender, who may not
    // have the answer, sends it again and is told that it is stored.
    if (this.#emptySequence === undefined) {
      this.#sql.run(
        `INSERT INTO late_batch (sequence, crc, sample_count, oldest_ms, newest_ms, batch)
         SELECT ?, ?, ?, ?, ?, ? WHERE (SELECT max(sequence) FROM late_batch) IS ?`,
        ...row,
        before,
      );
    } else {
      this.#sql.run(
        `UPDATE late_batch SET sequence = ?, crc = ?, sample_count = ?, oldest_ms = ?, newest_ms = ?, batch = ?
         WHERE sequence = ? AND (SELECT max(sequence) FROM late_batch) IS ?`,
        ...row,
        this.#emptySequence,
        before,
      );
    }
    if (this.#sql.rowsWritten() === rowsWritten) throw new Error('this instance of the shard has been replaced: send again');
    this.#emptySequence = undefined;
    this.#note(sequence, crc, message.byteLength, head.sampleCount);
    return { status: 'stored', samplesStored: head.sampleCount };
  }

  /** The sequence of the oldest batch behind one; from the start by default. Sequences rise, and no two batches ever have the same. */
  nextSequence(after = 0): number | undefined {
    return this.#sql.all<{ sequence: number }>('SELECT sequence FROM late_batch WHERE sequence > ? AND length(batch) > 0 ORDER BY sequence LIMIT 1', after)[0]?.sequence;
  }

  /** What waits, in the order of acceptance: until more samples than `samplesTarget` have been named, or `batchesMax` batches. */
  waiting(samplesTarget: number, batchesMax: number): LateHead[] {
    // Asked with every write, and nearly always so.
    if (this.#rows === 0) return [];
    const heads: LateHead[] = [];
    let samples = 0;
    // A page at a time: a cursor that is left half read would keep the database from dropping tables. The first is one row, which is all that writes ask for.
    for (let after = 0, rowsMax = 1; ; rowsMax = HEADS_PER_PAGE) {
      const rows = this.#sql.all<{ sequence: number; samples: number; oldest_ms: number; newest_ms: number }>(
        'SELECT sequence, sample_count AS samples, oldest_ms, newest_ms FROM late_batch WHERE sequence > ? AND length(batch) > 0 ORDER BY sequence LIMIT ?',
        after,
        rowsMax,
      );
      for (const row of rows) {
        heads.push({ sequence: row.sequence, sampleCount: row.samples, oldestMs: row.oldest_ms, newestMs: row.newest_ms });
        samples += row.samples;
        if (samples > samplesTarget || heads.length === batchesMax) return heads;
      }
      if (rows.length < rowsMax) return heads;
      after = heads.at(-1)!.sequence;
    }
  }

  /** Whether samples of a time (Unix ms, both inclusive) may wait. */
  overlaps(startMs: number, endMs: number): boolean {
    return this.#sql.all('SELECT 1 FROM late_batch WHERE length(batch) > 0 AND oldest_ms <= ? AND newest_ms >= ? LIMIT 1', endMs, startMs).length > 0;
  }

  /** Hands out the series of the batch of a sequence, which waits. */
  read(sequence: number, each: (series: LateSeries) => void): void {
    const [row] = this.#sql.all<{ batch: ArrayBuffer }>('SELECT batch FROM late_batch WHERE sequence = ?', sequence);
    if (row === undefined || row.batch.byteLength === 0) throw new Error(`late batch ${sequence} is missing`);
    this.#damage.read('late_batch', sequence, () => decodeLateBatch(row.batch, each));
  }

  /** Forgets a batch that is durable elsewhere; one that is gone already is fine. */
  drop(sequence: number): void {
    const [row] = this.#sql.all<{ crc: number; bytes: number; samples: number }>(
      'SELECT crc, length(batch) AS bytes, sample_count AS samples FROM late_batch WHERE sequence = ?',
      sequence,
    );
    if (row === undefined || row.bytes === 0) return;
    // Commit point: the row goes, or its batch does. A crash before it leaves the batch to be archived once more.
    if (sequence === this.#nextSequence - 1) {
      this.#sql.run("UPDATE late_batch SET sample_count = 0, batch = x'' WHERE sequence = ?", sequence);
      this.#emptySequence = sequence;
    } else this.#sql.run('DELETE FROM late_batch WHERE sequence = ?', sequence);
    this.#rows--;
    this.#bytes -= row.bytes;
    this.#samples -= row.samples;
    const rows = this.#rowsByCrc.get(row.crc)!.filter((other) => other !== sequence);
    if (rows.length === 0) this.#rowsByCrc.delete(row.crc);
    else this.#rowsByCrc.set(row.crc, rows);
  }

  #note(sequence: number, crc: number, bytes: number, samples: number): void {
    const rows = this.#rowsByCrc.get(crc);
    if (rows === undefined) this.#rowsByCrc.set(crc, [sequence]);
    else rows.push(sequence);
    this.#nextSequence = sequence + 1;
    this.#rows++;
    this.#bytes += bytes;
    this.#samples += samples;
  }

  #holds(crc: number, message: ArrayBuffer): boolean {
    return (this.#rowsByCrc.get(crc) ?? []).some((sequence) => {
      const [row] = this.#sql.all<{ batch: ArrayBuffer }>('SELECT batch FROM late_batch WHERE sequence = ?', sequence);
      return row !== undefined && isSameBytes(new Uint8Array(row.batch), new Uint8Array(message));
    });
  }
}

function full(what: string): LateAnswer {
  return { status: 'refused', isFull: true, message: `samples older than the hot tier takes wait for the archive, and their queue is full: it holds ${what}` };
}
