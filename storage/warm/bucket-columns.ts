import { HISTOGRAM_BITS_HIGH } from '../model/sample.ts';
import { ROLLUP_NUMBERS, type RollupNumber } from './rollup-schema.ts';

/** A column of numbers some of which are missing: two views of the same bytes. What is missing has the bits of a histogram, which no float has. */
export interface NumberColumn {
  readonly values: Float64Array;
  readonly bits: Uint32Array;
}

/** Of a column’s bits, two words a row. */
export function isMissing(bits: Uint32Array, row: number): boolean {
  return bits[row * 2 + 1] === HISTOGRAM_BITS_HIGH;
}

function setMissing({ bits }: NumberColumn, row: number): void {
  bits[row * 2] = 0;
  bits[row * 2 + 1] = HISTOGRAM_BITS_HIGH;
}

/** One bucket, as it is handed to `BucketColumns.push`. A number that is `undefined` is missing. Times are Unix ms. */
export interface Bucket extends Partial<Record<RollupNumber, number | undefined>> {
  /** The bucket has what is later than this, up to and including `startMs` + resolution. */
  readonly startMs: number;
  readonly count: number;
  readonly firstMs: number | undefined;
  readonly lastMs: number | undefined;
  readonly sketch: Uint8Array | undefined;
  readonly staleCount: number;
  readonly histogramCount: number;
}

/** Buckets of series, one behind the other, as growing columns. */
export class BucketColumns {
  length = 0;
  startMs: Float64Array;
  count: Float64Array;
  staleCount: Float64Array;
  histogramCount: Float64Array;
  /** NaN where there is no float. */
  firstMs: Float64Array;
  lastMs: Float64Array;
  numbers: Record<RollupNumber, NumberColumn>;
  sketches: (Uint8Array | undefined)[] = [];
  sketchBytes = 0;

  /** Room for so many buckets; it grows. */
  constructor(capacity = 256) {
    this.startMs = new Float64Array(capacity);
    this.count = new Float64Array(capacity);
    this.staleCount = new Float64Array(capacity);
    this.histogramCount = new Float64Array(capacity);
    this.firstMs = new Float64Array(capacity);
    this.lastMs = new Float64Array(capacity);
    this.numbers = Object.fromEntries(ROLLUP_NUMBERS.map((name) => [name, newColumn(capacity)])) as Record<RollupNumber, NumberColumn>;
  }

  clear(): void {
    this.length = 0;
    this.sketches = [];
    this.sketchBytes = 0;
  }

  push(bucket: Bucket): void {
    this.#reserve(this.length + 1);
    const row = this.length++;
    this.startMs[row] = bucket.startMs;
    this.count[row] = bucket.count;
    this.staleCount[row] = bucket.staleCount;
    this.histogramCount[row] = bucket.histogramCount;
    this.firstMs[row] = bucket.firstMs ?? NaN;
    this.lastMs[row] = bucket.lastMs ?? NaN;
    for (const name of ROLLUP_NUMBERS) {
      const value = bucket[name];
      if (value === undefined) setMissing(this.numbers[name], row);
      else this.numbers[name].values[row] = value;
    }
    this.sketches.push(bucket.sketch);
    this.sketchBytes += bucket.sketch?.length ?? 0;
  }

  append(source: BucketColumns, from: number, to: number): void {
    const start = this.length;
    this.#reserve(start + to - from);
    this.startMs.set(source.startMs.subarray(from, to), start);
    this.count.set(source.count.subarray(from, to), start);
    this.staleCount.set(source.staleCount.subarray(from, to), start);
    this.histogramCount.set(source.histogramCount.subarray(from, to), start);
    this.firstMs.set(source.firstMs.subarray(from, to), start);
    this.lastMs.set(source.lastMs.subarray(from, to), start);
    // As bits, so that what is missing stays so.
    for (const name of ROLLUP_NUMBERS) this.numbers[name].bits.set(source.numbers[name].bits.subarray(from * 2, to * 2), start * 2);
    for (let row = from; row < to; row++) {
      this.sketches.push(source.sketches[row]);
      this.sketchBytes += source.sketches[row]?.length ?? 0;
    }
    this.length = start + to - from;
  }

  #reserve(length: number): void {
    if (length <= this.startMs.length) return;
    const capacity = Math.max(length, this.startMs.length * 2);
    const grown = (column: Float64Array): Float64Array => {
      const larger = new Float64Array(capacity);
      larger.set(column.subarray(0, this.length));
      return larger;
    };
    this.startMs = grown(this.startMs);
    this.count = grown(this.count);
    this.staleCount = grown(this.staleCount);
    this.histogramCount = grown(this.histogramCount);
    this.firstMs = grown(this.firstMs);
    this.lastMs = grown(this.lastMs);
    for (const name of ROLLUP_NUMBERS) {
      const larger = newColumn(capacity);
      larger.bits.set(this.numbers[name].bits.subarray(0, this.length * 2));
      this.numbers[name] = larger;
    }
  }
}

function newColumn(capacity: number): NumberColumn {
  const bits = new Uint32Array(capacity * 2);
  return { bits, values: new Float64Array(bits.buffer) };
}
