import { encodeSketch } from '../chunk/quantile-sketch-codec.ts';
import { isStartReset } from '../model/counter-reset.ts';
import { nextCompensation } from '../model/kahan-sum.ts';
import { QuantileSketch } from '../model/quantile-sketch.ts';
import { quantileOfSorted } from '../model/quantile.ts';
import { HISTOGRAM_BITS_HIGH, isStaleBits } from '../model/sample.ts';
import type { RunSource } from '../shard/run/sample-run.ts';
import type { BucketColumns } from './bucket-columns.ts';
import type { RollupAggregates } from './rollup-aggregates.ts';

/** The start of the bucket that a time is in. Buckets are open on the left, as the windows of PromQL are. */
export function bucketStartMs(timestampMs: number, resolutionMs: number): number {
  return (Math.ceil(timestampMs / resolutionMs) - 1) * resolutionMs;
}

/**
 * Makes buckets of the samples of series, one series after the other, each in the order of time. Every figure of a bucket is what PromQL
 * says of the same samples: `sum` is compensated, `min` and `max` leave NaN out unless there is nothing else, p50 and p99 are
 * interpolated between ranks, a drop or a later start timestamp is a reset of a counter. Stale markers are counted and nothing else;
 * native histograms too.
 */
export class BucketFold {
  readonly #resolutionMs: number;
  readonly #samplesMax: number;
  #aggregates: RollupAggregates;
  #startMs = NaN;
  #count = 0;
  #staleCount = 0;
  #histogramCount = 0;
  #sum = 0;
  #compensation = 0;
  #min = NaN;
  #max = NaN;
  #first = NaN;
  #firstMs = NaN;
  #last = NaN;
  #lastMs = NaN;
  #lastStartMs = 0;
  /** What a counter stood at before each of its resets, together. */
  #beforeResets = 0;
  #values = new Float64Array(1024);
  readonly #sketch = new QuantileSketch();

  /** Percentiles are kept of buckets with up to `samplesMax` floats: these are held until the bucket is full. */
  constructor(resolutionMs: number, samplesMax: number, aggregates: RollupAggregates) {
    this.#resolutionMs = resolutionMs;
    this.#samplesMax = samplesMax;
    this.#aggregates = aggregates;
  }

  /** What is kept of the series that begins now. */
  begin(aggregates: RollupAggregates): void {
    this.#aggregates = aggregates;
  }

  /** Takes the samples `from` to `to`; buckets that are full go to `out`. */
  add({ timestampsMs, bits, startsMs }: RunSource, from: number, to: number, out: BucketColumns): void {
    const values = new Float64Array(bits.buffer, bits.byteOffset, bits.length / 2);
    const keepsValues = this.#aggregates.has('p50') || this.#aggregates.has('p99');
    const keepsSketch = this.#aggregates.has('sketch');
    for (let i = from; i < to; i++) {
      const timestampMs = timestampsMs[i]!;
      // Not "within": the first sample finds no bucket, and NaN is neither.
      if (!(timestampMs <= this.#startMs + this.#resolutionMs)) {
        this.finish(out);
        this.#startMs = bucketStartMs(timestampMs, this.#resolutionMs);
      }
      const high = bits[i * 2 + 1]!;
      if (high === HISTOGRAM_BITS_HIGH) this.#histogramCount++;
      else if (isStaleBits(bits[i * 2]!, high)) this.#staleCount++;
      else this.#addFloat(timestampMs, values[i]!, startsMs?.[i] ?? 0, keepsValues, keepsSketch);
    }
  }

  #addFloat(timestampMs: number, value: number, startMs: number, keepsValues: boolean, keepsSketch: boolean): void {
    if (this.#count === 0) {
      this.#sum = value;
      this.#first = this.#min = this.#max = value;
      this.#firstMs = timestampMs;
    } else {
      const next = this.#sum + value;
      this.#compensation = nextCompensation(value, this.#sum, next, this.#compensation);
      this.#sum = next;
      // Of equal values the first one stays, which shows in the sign of a zero.
      if (value < this.#min || this.#min !== this.#min) this.#min = value;
      if (value > this.#max || this.#max !== this.#max) this.#max = value;
      if (value < this.#last || isStartReset(this.#lastStartMs, this.#lastMs, startMs, timestampMs)) this.#beforeResets += this.#last;
    }
    this.#last = value;
    this.#lastMs = timestampMs;
    this.#lastStartMs = startMs;
    if (keepsValues && this.#count < this.#samplesMax) this.#keep(value);
    if (keepsSketch) this.#sketch.add(value);
    this.#count++;
  }

  /** The bucket that is open goes to `out`: the series is over. */
  finish(out: BucketColumns): void {
    if (this.#count + this.#staleCount + this.#histogramCount > 0) this.#push(out);
    this.#startMs = NaN;
    this.#count = this.#staleCount = this.#histogramCount = 0;
    this.#compensation = this.#beforeResets = 0;
    this.#sketch.clear();
  }

  #push(out: BucketColumns): void {
    const counts = { startMs: this.#startMs, count: this.#count, staleCount: this.#staleCount, histogramCount: this.#histogramCount };
    if (this.#count === 0) {
      out.push({ ...counts, firstMs: undefined, lastMs: undefined, sketch: undefined });
      return;
    }
    const has = this.#aggregates;
    const hasEnds = has.has('increase');
    const isKept = this.#count <= this.#samplesMax && (has.has('p50') || has.has('p99'));
    const sorted = isKept ? this.#values.subarray(0, this.#count).sort() : undefined;
    out.push({
      ...counts,
      sum: has.has('sum') ? (Number.isFinite(this.#sum) ? this.#sum + this.#compensation : this.#sum) : undefined,
      min: has.has('min') ? this.#min : undefined,
      max: has.has('max') ? this.#max : undefined,
      first: hasEnds || has.has('first') ? this.#first : undefined,
      last: hasEnds || has.has('last') ? this.#last : undefined,
      firstMs: hasEnds || has.has('first') ? this.#firstMs : undefined,
      lastMs: hasEnds || has.has('last') ? this.#lastMs : undefined,
      increase: hasEnds ? this.#last - this.#first + this.#beforeResets : undefined,
      p50: sorted !== undefined && has.has('p50') ? quantileOfSorted(0.5, sorted) : undefined,
      p99: sorted !== undefined && has.has('p99') ? quantileOfSorted(0.99, sorted) : undefined,
      sketch: has.has('sketch') ? encodeSketch(this.#sketch) : undefined,
    });
  }

  #keep(value: number): void {
    if (this.#count === this.#values.length) {
      const larger = new Float64Array(this.#values.length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#count] = value;
  }
}
