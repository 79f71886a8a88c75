import type { JoinedDecimals } from '../../chunk/index.ts';
import { compareStrings } from '../../model/labels.ts';
import type { LIMITS } from '../../runtime/limits.ts';
import { payloadOf } from '../run/payloads.ts';
import { SegmentWriter, type SegmentRow, type SeriesSamples } from './segment.ts';

export interface SealedRow extends SegmentRow {
  /** Least and greatest metric name in the row. */
  readonly firstMetric: string;
  readonly lastMetric: string;
}

export type SegmentRowLimits = Pick<typeof LIMITS, 'segmentRowBytesTarget' | 'segmentFrameBytesTarget'>;

/**
 * A series with more samples is stored in pieces, one behind the other. A piece is what reading one sample decodes, so it is about a
 * frame; and the one that fills a row adds at most 17 bytes a sample to `segmentRowBytesTarget`.
 */
export const PIECE_SAMPLES_MAX = 4096;

/** A piece with histograms ends when they have so many bytes, for the same reasons. */
const PIECE_PAYLOAD_BYTES_TARGET = 128 * 1024;

/** Cuts a stream of series, in label order, into segment rows of about the target size. */
export class SegmentRowsWriter {
  readonly #limits: SegmentRowLimits;
  readonly #writer: SegmentWriter;
  #rows: SealedRow[] = [];
  #rowNumber = 0;
  #firstMetric = '';
  #lastMetric = '';

  constructor(limits: SegmentRowLimits) {
    this.#limits = limits;
    this.#writer = new SegmentWriter(limits.segmentFrameBytesTarget);
  }

  /** Adds one series' samples `start` to `end`, timestamps rising; says whether it has filled a row or several, which are to be taken. */
  add(ref: number, metric: string, samples: SeriesSamples, start: number, end: number): boolean {
    for (let from = start, to: number; from < end; from = to) {
      to = pieceEnd(samples, from, end);
      this.#writer.add(ref, samples, from, to);
      this.#endPiece(metric);
    }
    return this.#rows.length > 0;
  }

  /** How many rows have been begun: as long as it stays, numbers of time columns are good. */
  get rowNumber(): number {
    return this.#rowNumber;
  }

  /** The number of the column of these timestamps, rising, in the row that is open. */
  timeColumn(timestampsMs: Float64Array): number {
    return this.#writer.timeColumn(timestampsMs, 0, timestampsMs.length);
  }

  /** Adds a series that is one piece, at the times of a column of the open row; says whether its values could be written. */
  addJoined(ref: number, metric: string, timeColumn: number, values: JoinedDecimals): boolean {
    if (!this.#writer.addJoined(ref, timeColumn, values)) return false;
    this.#endPiece(metric);
    return true;
  }

  /** The rows that are full, each once. */
  take(): readonly SealedRow[] {
    const rows = this.#rows;
    this.#rows = [];
    return rows;
  }

  /** Those and the last row, if there is anything in it. */
  finish(): readonly SealedRow[] {
    if (this.#writer.seriesCount > 0) this.#closeRow();
    return this.take();
  }

  #endPiece(metric: string): void {
    this.#noteMetric(metric);
    if (this.#writer.bytes >= this.#limits.segmentRowBytesTarget) this.#closeRow();
  }

  #closeRow(): void {
    this.#rowNumber++;
    this.#rows.push({ ...this.#writer.finish(), firstMetric: this.#firstMetric, lastMetric: this.#lastMetric });
  }

  /** Not simply the first and the last series: a label that sorts before `__name__` comes first in label order. */
  #noteMetric(metric: string): void {
    const isFirst = this.#writer.seriesCount === 1;
    if (!isFirst && metric === this.#lastMetric) return;
    if (isFirst || compareStrings(metric, this.#firstMetric) < 0) this.#firstMetric = metric;
    if (isFirst || compareStrings(metric, this.#lastMetric) > 0) this.#lastMetric = metric;
  }
}

function pieceEnd({ bits, payloads }: SeriesSamples, from: number, end: number): number {
  const to = end - from > PIECE_SAMPLES_MAX ? from + PIECE_SAMPLES_MAX : end;
  if (payloads.length === 0) return to;
  let bytes = 0;
  for (let i = from; i < to; i++) {
    bytes += payloadOf(bits, i, payloads)?.length ?? 0;
    if (bytes >= PIECE_PAYLOAD_BYTES_TARGET) return i + 1;
  }
  return to;
}
