import { compareStrings } from '../model/labels.ts';
import type { LIMITS } from '../runtime/limits.ts';
import { SegmentWriter, type SegmentRow } from './segment.ts';

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

/** Cuts a stream of series, in label order, into segment rows of about the target size. */
export class SegmentRowsWriter {
  readonly #limits: SegmentRowLimits;
  readonly #writer: SegmentWriter;
  #firstMetric = '';
  #lastMetric = '';

  constructor(limits: SegmentRowLimits) {
    this.#limits = limits;
    this.#writer = new SegmentWriter(limits.segmentFrameBytesTarget);
  }

  /** Adds one series' samples `start` to `end`, timestamps rising, and hands out the rows that it fills. */
  *add(ref: number, metric: string, timestampsMs: Float64Array, values: Float64Array, bits: Uint32Array, start: number, end: number): Generator<SealedRow> {
    for (let from = start; from < end; from += PIECE_SAMPLES_MAX) {
      this.#writer.add(ref, timestampsMs, values, bits, from, Math.min(end, from + PIECE_SAMPLES_MAX));
      this.#take(metric);
      if (this.#writer.bytes >= this.#limits.segmentRowBytesTarget) yield* this.finish();
    }
  }

  /** The last row, if there is anything in it. */
  *finish(): Generator<SealedRow> {
    if (this.#writer.seriesCount === 0) return;
    yield { ...this.#writer.finish(), firstMetric: this.#firstMetric, lastMetric: this.#lastMetric };
  }

  /** Not simply the first and the last series: a label that sorts before `__name__` comes first in label order. */
  #take(metric: string): void {
    const isFirst = this.#writer.seriesCount === 1;
    if (isFirst || compareStrings(metric, this.#firstMetric) < 0) this.#firstMetric = metric;
    if (isFirst || compareStrings(metric, this.#lastMetric) > 0) this.#lastMetric = metric;
  }
}
