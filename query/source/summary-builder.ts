import type { RawSeries, SummaryPart } from '../../promql/series-source.ts';
import { mergeEncodedSketch } from '../../storage/chunk/quantile-sketch-codec.ts';
import type { Labels } from '../../storage/model/labels.ts';
import { QuantileSketch } from '../../storage/model/quantile-sketch.ts';
import { assert } from '../../storage/runtime/assert.ts';
import { isMissing, type BucketColumns } from '../../storage/warm/bucket-columns.ts';
import type { BucketPart } from '../../storage/warm/rollup-file-reader.ts';

/** What must be read of buckets for parts of summaries. */
export function bucketPartsOf(parts: ReadonlySet<SummaryPart>): BucketPart[] {
  return [...parts].flatMap((part): BucketPart[] => (part === 'first' ? ['first', 'firstMs'] : part === 'last' ? ['last', 'lastMs'] : [part]));
}

type SummaryColumn = Exclude<SummaryPart, 'sketch'> | 'firstMs' | 'lastMs';

/** Puts the summaries of one series together, in the order of time: buckets of roll-ups as they are, samples as summaries of one each. */
export class SummaryBuilder {
  readonly #parts: ReadonlySet<SummaryPart>;
  readonly #timestampsMs: number[] = [];
  readonly #counts: number[] = [];
  readonly #values: number[] = [];
  readonly #columns: Record<SummaryColumn, number[]> = { sum: [], min: [], max: [], first: [], last: [], increase: [], firstMs: [], lastMs: [] };
  readonly #sketches: (QuantileSketch | undefined)[] = [];

  constructor(parts: ReadonlySet<SummaryPart>) {
    this.#parts = parts;
  }

  /** Buckets `from` to before `to`; those without a float are left out. A bucket stands at its end, which is the last moment that is in it. */
  addBuckets(buckets: BucketColumns, from: number, to: number, resolutionMs: number): void {
    const { numbers } = buckets;
    for (let row = from; row < to; row++) {
      if (buckets.count[row] === 0) continue;
      this.#at(buckets.startMs[row]! + resolutionMs, buckets.count[row]!, NaN);
      for (const part of this.#parts) {
        if (part === 'sketch') {
          const sketch = new QuantileSketch();
          const bytes = buckets.sketches[row];
          assert(bytes !== undefined, 'a bucket without the sketch that it was chosen for');
          mergeEncodedSketch(bytes, sketch);
          this.#sketches.push(sketch);
          continue;
        }
        assert(!isMissing(numbers[part].bits, row), `a bucket without the ${part} that it was chosen for`);
        this.#columns[part].push(numbers[part].values[row]!);
        if (part === 'first') this.#columns.firstMs.push(buckets.firstMs[row]!);
        if (part === 'last') this.#columns.lastMs.push(buckets.lastMs[row]!);
      }
    }
  }

  /** Samples without histograms among them; stale markers are left out. */
  addSamples({ timestampsMs, values, isStale }: Pick<RawSeries, 'timestampsMs' | 'values' | 'isStale'>): void {
    for (let i = 0; i < timestampsMs.length; i++) {
      if (isStale?.[i] === 1) continue;
      const value = values[i]!;
      this.#at(timestampsMs[i]!, 1, value);
      for (const part of this.#parts) {
        if (part === 'sketch') this.#sketches.push(undefined);
        else this.#columns[part].push(part === 'increase' ? 0 : value);
        if (part === 'first') this.#columns.firstMs.push(timestampsMs[i]!);
        if (part === 'last') this.#columns.lastMs.push(timestampsMs[i]!);
      }
    }
  }

  /** `undefined` when there is nothing. */
  finish(labels: Labels): RawSeries | undefined {
    if (this.#counts.length === 0) return undefined;
    const column = (part: Exclude<SummaryPart, 'sketch'>, own: SummaryColumn = part): Float64Array | undefined =>
      this.#parts.has(part) ? Float64Array.from(this.#columns[own]) : undefined;
    return {
      labels,
      timestampsMs: Float64Array.from(this.#timestampsMs),
      values: Float64Array.from(this.#values),
      isStale: undefined,
      histograms: undefined,
      startTimestampsMs: undefined,
      summaries: {
        counts: Float64Array.from(this.#counts),
        sums: column('sum'), mins: column('min'), maxes: column('max'), firsts: column('first'), firstTimesMs: column('first', 'firstMs'),
        lasts: column('last'), lastTimesMs: column('last', 'lastMs'), increases: column('increase'),
        sketches: this.#parts.has('sketch') ? this.#sketches : undefined,
      },
    };
  }

  #at(timestampMs: number, count: number, value: number): void {
    this.#timestampsMs.push(timestampMs);
    this.#counts.push(count);
    this.#values.push(value);
  }
}
