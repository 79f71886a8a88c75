import { grown } from '../../proto/grown.ts';
import { KahanSum } from '../model/kahan-sum.ts';
import { QuantileSketch } from '../model/quantile-sketch.ts';
import { VarveError } from '../runtime/errors.ts';
import { isPercentile, NUMBERS, percentileOf, type Aggregate } from './aggregate.ts';

/** Where a bucket's figures came from. */
export type BucketSource = 'raw' | 'rollup' | 'mixed';

/** The aggregates of one bucket as a roll-up keeps them: `count` is always there, and a sketch where percentiles were asked for. */
export type RolledUp = ReadonlyMap<string, number> & { readonly sketch?: QuantileSketch | undefined };

/**
 * Takes in what one bucket holds, in order of time, and says its aggregates. Percentiles are exact where the values are there, which are kept
 * until the bucket is done, up to `samplesMax` of them; of several roll-ups they are within 1 %. Reused from bucket to bucket.
 */
export class BucketFold {
  readonly #aggregates: readonly Aggregate[];
  readonly #keepsValues: boolean;
  readonly #samplesMax: number;
  #values = new Float64Array(256);
  #valueCount = 0;
  #isSorted = false;
  #count = 0;
  #rawCount = 0;
  #seen = 0;
  #numbers = 0;
  #sum = new KahanSum();
  #min = NaN;
  #max = NaN;
  #first = NaN;
  #last = NaN;
  #rolledUpCount = 0;
  /** The roll-up, when it is one. */
  #only: RolledUp | undefined;
  /** Of what is asked for, what some roll-up does not know. */
  readonly #lacking = new Set<Aggregate>();
  /** Of all roll-ups, where each has one: there may be a million. */
  #sketch = new QuantileSketch();
  #isSketched = true;

  constructor(aggregates: readonly Aggregate[], samplesMax: number) {
    this.#aggregates = aggregates;
    this.#keepsValues = aggregates.some(isPercentile);
    this.#samplesMax = samplesMax;
  }

  get count(): number {
    return this.#count;
  }

  /** The points that are counted, and those beside them that are not asked for. */
  get seen(): number {
    return this.#seen;
  }

  get source(): BucketSource {
    if (this.#rolledUpCount === 0 && this.#rawCount === this.#count) return 'raw';
    return this.#rawCount === 0 ? 'rollup' : 'mixed';
  }

  clear(): void {
    this.#valueCount = 0;
    this.#isSorted = false;
    this.#count = 0;
    this.#rawCount = 0;
    this.#seen = 0;
    this.#numbers = 0;
    this.#sum = new KahanSum();
    this.#min = NaN;
    this.#max = NaN;
    this.#first = NaN;
    this.#last = NaN;
    this.#rolledUpCount = 0;
    this.#only = undefined;
    this.#lacking.clear();
    this.#sketch.clear();
    this.#isSketched = true;
  }

  /** A point that is there and not asked for. */
  addOutside(): void {
    this.#seen++;
  }

  /** A point whose value is no number. */
  addOther(): void {
    this.#count++;
    this.#rawCount++;
    this.#seen++;
  }

  add(value: number): void {
    this.#count++;
    this.#rawCount++;
    this.#seen++;
    this.#sum.add(value);
    this.#spread(value, value);
    if (this.#numbers++ === 0) this.#first = value;
    this.#last = value;
    if (this.#keepsValues && !Number.isNaN(value)) this.#keep(value);
  }

  /** A whole smaller bucket, or one of the same width. */
  addRolledUp(bucket: RolledUp): void {
    const count = bucket.get('count') ?? 0;
    const numbers = bucket.get(NUMBERS) ?? count;
    this.#count += count;
    this.#seen += count;
    if (numbers === 0) return;
    this.#only = this.#rolledUpCount++ === 0 ? bucket : undefined;
    for (const name of this.#aggregates) if (!isKnown(name, bucket)) this.#lacking.add(name);
    if (bucket.sketch === undefined) this.#isSketched = false;
    else if (this.#keepsValues) this.#sketch.merge(bucket.sketch);
    this.#sum.add(bucket.get('sum') ?? (bucket.get('avg') ?? NaN) * numbers);
    this.#spread(bucket.get('min') ?? NaN, bucket.get('max') ?? NaN);
    if (this.#numbers === 0) this.#first = bucket.get('first') ?? NaN;
    this.#last = bucket.get('last') ?? NaN;
    this.#numbers += numbers;
  }

  /** What another fold has taken in, which lies behind all that this one has. */
  addAll(other: BucketFold): void {
    this.#count += other.#count;
    this.#rawCount += other.#rawCount;
    this.#seen += other.#seen;
    if (other.#numbers === 0) return;
    if (this.#numbers === 0) this.#first = other.#first;
    this.#last = other.#last;
    this.#numbers += other.#numbers;
    this.#sum.add(other.#sum.value());
    this.#spread(other.#min, other.#max);
    for (let i = 0; i < other.#valueCount; i++) this.#keep(other.#values[i]!);
    this.#only = this.#rolledUpCount + other.#rolledUpCount === 1 ? (this.#only ?? other.#only) : undefined;
    this.#rolledUpCount += other.#rolledUpCount;
    for (const name of other.#lacking) this.#lacking.add(name);
    this.#isSketched &&= other.#isSketched;
    this.#sketch.merge(other.#sketch);
  }

  /** Whether `result` has an answer. */
  knows(name: Aggregate): boolean {
    if (name === 'count' || this.#numbers === 0) return true;
    return isPercentile(name) && !this.#isOneRolledUp ? this.#isSketched : !this.#lacking.has(name);
  }

  /** Whether this has an answer to all that is asked for as good as the one of a roll-up of the same stretch, or that has none either. */
  knowsAsMuchAs(bucket: RolledUp): boolean {
    return this.#aggregates.every((name) => !isKnown(name, bucket) || (this.knows(name) && (this.isExact(name) || !bucket.has(name))));
  }

  /** Whether an answer to `name` is what the values themselves would say: percentiles of several roll-ups are near it. */
  isExact(name: Aggregate): boolean {
    return !isPercentile(name) || this.#rolledUpCount === 0 || (this.#isOneRolledUp && this.#only!.has(name));
  }

  /** The distribution of all numbers but NaN; undefined where percentiles are not asked for, or a roll-up has none. */
  sketch(): QuantileSketch | undefined {
    if (!this.#keepsValues || !this.#isSketched) return undefined;
    const merged = new QuantileSketch();
    merged.merge(this.#sketch);
    for (let i = 0; i < this.#valueCount; i++) merged.add(this.#values[i]!);
    return merged;
  }

  /** How many of the bucket's points were numbers. */
  get numbers(): number {
    return this.#numbers;
  }

  result(name: Aggregate): number {
    if (name === 'count') return this.#count;
    if (this.#numbers === 0) return NaN;
    if (this.#lacking.has(name)) throw new VarveError('execution', `${name} is not known: the raw samples are gone, and a roll-up of theirs does not have it`);
    switch (name) {
      case 'min':
        return this.#min;
      case 'max':
        return this.#max;
      case 'sum':
        return this.#sum.value();
      case 'avg':
        return this.#sum.value() / this.#numbers;
      case 'first':
        return this.#first;
      case 'last':
        return this.#last;
      default:
        return this.#percentile(name);
    }
  }

  /** A percentile that the roll-up has is then the bucket's. */
  get #isOneRolledUp(): boolean {
    return this.#rolledUpCount === 1 && this.#rawCount === 0;
  }

  #percentile(name: Aggregate): number {
    if (this.#rolledUpCount === 0) return this.#exactPercentile(percentileOf(name));
    const exact = this.#isOneRolledUp ? this.#only!.get(name) : undefined;
    if (exact !== undefined) return exact;
    const sketch = this.sketch();
    if (sketch !== undefined) return sketch.quantile(percentileOf(name) / 100);
    throw new VarveError(
      'execution',
      `${name} is not known for so wide a bucket: the raw samples are gone, and a roll-up of theirs has no sketch, from which percentiles are put together`,
    );
  }

  /** Linear between the two nearest ranks, as PromQL's quantile_over_time. */
  #exactPercentile(percentile: number): number {
    if (this.#valueCount === 0) return NaN;
    const values = this.#values.subarray(0, this.#valueCount);
    if (!this.#isSorted) values.sort();
    this.#isSorted = true;
    const rank = (percentile / 100) * (values.length - 1);
    const lower = values[Math.floor(rank)]!;
    const upper = values[Math.ceil(rank)]!;
    const weight = rank - Math.floor(rank);
    // With equal neighbours, or none above, there is nothing to weigh: infinities would make it NaN.
    return weight === 0 || lower === upper ? lower : lower * (1 - weight) + upper * weight;
  }

  #spread(least: number, greatest: number): void {
    if (!(this.#min <= least) && !Number.isNaN(least)) this.#min = least;
    if (!(this.#max >= greatest) && !Number.isNaN(greatest)) this.#max = greatest;
  }

  #keep(value: number): void {
    if (this.#valueCount >= this.#samplesMax) {
      throw new VarveError('limit', `a bucket has more than ${this.#samplesMax} samples, the limit aggregateBucketSamplesMax for percentiles; ask for smaller buckets`);
    }
    if (this.#valueCount === this.#values.length) this.#values = grown(this.#values);
    this.#values[this.#valueCount++] = value;
    this.#isSorted = false;
  }
}

/** Sum and mean stand in for each other, since the count is always there, and the sketch for any percentile. */
function isKnown(name: Aggregate, bucket: RolledUp): boolean {
  if (isPercentile(name) && bucket.sketch !== undefined) return true;
  return bucket.has(name) || (name === 'sum' && bucket.has('avg')) || (name === 'avg' && bucket.has('sum'));
}
