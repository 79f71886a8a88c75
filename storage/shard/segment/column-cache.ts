import { STALE_BITS_HIGH, STALE_BITS_LOW } from '../../model/sample.ts';
import type { Piece } from '../run/piece.ts';
import type { SegmentReader } from './segment-reader.ts';

/** A piece, and whether there is a stale marker in it. */
export interface DecodedPiece extends Piece {
  readonly hasStale: boolean;
}

/**
 * Decoded columns of segment rows, kept for the next select: dashboards ask for the same hour again and again. What was used longest ago
 * goes first, whole rows at a time, so that finding a column costs no look-up of its own.
 *
 * Weights are numbers of 8 bytes. The row that is being read is never dropped; when it alone fills the cache, its other columns are not kept.
 */
export class ColumnCache {
  readonly #weightMax: number;
  /** By segment, in the order of last use. */
  readonly #rows = new Map<number, DecodedRow>();
  #weight = 0;

  constructor(weightMax: number) {
    this.#weightMax = weightMax;
  }

  get weight(): number {
    return this.#weight;
  }

  /** The columns of a row; `open` reads the row when one is needed that is not there. */
  row(segment: number, open: () => SegmentReader): DecodedRow {
    const known = this.#rows.get(segment);
    if (known !== undefined) {
      this.#rows.delete(segment);
      this.#rows.set(segment, known);
      return known;
    }
    const { refs } = open();
    // Four bytes a ref, and eight for the place of its piece.
    const weight = Math.ceil(refs.length * 1.5);
    const row = new DecodedRow(refs, weight, open, (weight) => this.#reserve(segment, weight));
    this.#rows.set(segment, row);
    this.#weight += weight;
    this.#reserve(segment, 0);
    return row;
  }

  delete(segment: number): void {
    this.#weight -= this.#rows.get(segment)?.weight ?? 0;
    this.#rows.delete(segment);
  }

  /** Makes room for more of a row, and says whether there is. */
  #reserve(segment: number, weight: number): boolean {
    if (!this.#rows.has(segment)) return false;
    for (const oldest of this.#rows.keys()) {
      if (this.#weight + weight <= this.#weightMax) break;
      if (oldest !== segment) this.delete(oldest);
    }
    if (this.#weight + weight > this.#weightMax) return false;
    this.#weight += weight;
    return true;
  }
}

/** One row's columns, decoded when they are asked for. Arrays are shared: not to be written to. */
export class DecodedRow {
  /** The series in the row, in its order; one in several pieces comes several times. */
  readonly refs: Uint32Array;
  readonly #open: () => SegmentReader;
  readonly #reserve: (weight: number) => boolean;
  readonly #pieces: (DecodedPiece | undefined)[];
  #weight: number;
  #lastTimes: Float64Array | undefined;

  constructor(refs: Uint32Array, weight: number, open: () => SegmentReader, reserve: (weight: number) => boolean) {
    this.refs = refs;
    this.#weight = weight;
    this.#open = open;
    this.#reserve = reserve;
    this.#pieces = new Array<DecodedPiece | undefined>(refs.length).fill(undefined);
  }

  get weight(): number {
    return this.#weight;
  }

  timestampsMs(position: number): Float64Array {
    return this.#pieces[position]?.timestampsMs ?? this.#open().timestampsMs(position);
  }

  piece(position: number): DecodedPiece {
    const known = this.#pieces[position];
    if (known !== undefined) return known;
    const reader = this.#open();
    const { bits, payloads, startsMs } = reader.samples(position);
    const piece = { timestampsMs: reader.timestampsMs(position), bits, payloads, startsMs, hasStale: hasStale(bits, 0, bits.length / 2) };
    // Series scraped together share their time column.
    const weight = piece.timestampsMs.length * (piece.timestampsMs === this.#lastTimes ? 1 : 2) + (startsMs?.length ?? 0) + payloadWeight(payloads);
    this.#lastTimes = piece.timestampsMs;
    if (this.#reserve(weight)) {
      this.#weight += weight;
      this.#pieces[position] = piece;
    }
    return piece;
  }
}

/** Of payloads, in numbers of 8 bytes; an array object weighs as much as a dozen. */
export function payloadWeight(payloads: readonly Uint8Array[]): number {
  let weight = 0;
  for (const payload of payloads) weight += Math.ceil(payload.length / 8) + 12;
  return weight;
}

/** Whether there is a stale marker among values `start` to `end`. */
export function hasStale(bits: Uint32Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bits[i * 2] === STALE_BITS_LOW && bits[i * 2 + 1] === STALE_BITS_HIGH) return true;
  return false;
}
