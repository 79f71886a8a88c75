import { KahanSum } from '../model/kahan-sum.ts';
import { badData, VarveError } from '../runtime/errors.ts';
import { shown } from './shown.ts';

/**
 * What can be asked of a bucket: `p99` is the 99th percentile, `p99.9` and any other from p0 to p100 likewise.
 *
 * `count` counts all points, JSON values too; the others are about numbers. min, max and percentiles leave NaN values out (and are NaN where
 * there is nothing else); sum and avg become NaN with them.
 */
export type Aggregate = 'min' | 'max' | 'avg' | 'sum' | 'count' | 'first' | 'last' | `p${number}`;

/** Kept beside a roll-up whose bucket also had JSON values: how many of its points were numbers. */
export const NUMBERS = 'numbers';

const PLAIN: ReadonlySet<string> = new Set(['min', 'max', 'avg', 'sum', 'count', 'first', 'last']);
const PERCENTILE = /^p(\d{1,3}(?:\.\d{1,6})?)$/;

/** The aggregates, checked, each once. */
export function parseAggregates(names: readonly string[], what: string): Aggregate[] {
  if (!Array.isArray(names) || names.length === 0) throw badData(`${what} is ${Array.isArray(names) ? 'empty' : shown(names)}; want a list with some of min, max, avg, sum, count, first, last, p50, p99`);
  for (const name of names) {
    if (!PLAIN.has(name) && !(percentileOf(name) <= 100)) {
      throw badData(`${what} has ${shown(name)}; want min, max, avg, sum, count, first, last or a percentile from p0 to p100`);
    }
  }
  return [...new Set(names)] as Aggregate[];
}

/** 99 of `p99`; NaN when it is not a percentile. */
export function percentileOf(name: string): number {
  const match = PERCENTILE.exec(name);
  return match === null ? NaN : Number(match[1]);
}

/** Where a bucket's figures came from. */
export type BucketSource = 'raw' | 'rollup' | 'mixed';

/** The aggregates of one bucket as a roll-up keeps them: `count` is always there. */
export type RolledUp = ReadonlyMap<string, number>;

/**
 * Takes in what one bucket holds, in order of time, and says its aggregates. Percentiles are exact: the values are kept until the bucket
 * is done, up to `samplesMax` of them. Reused from bucket to bucket.
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
  #rolledUp: RolledUp[] = [];

  constructor(aggregates: readonly Aggregate[], samplesMax: number) {
    this.#aggregates = aggregates;
    this.#keepsValues = aggregates.some((name) => !PLAIN.has(name));
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
    if (this.#rolledUp.length === 0 && this.#rawCount === this.#count) return 'raw';
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
    this.#rolledUp = [];
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
    this.#rolledUp.push(bucket);
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
    this.#rolledUp.push(...other.#rolledUp);
  }

  /** Whether `result` has an answer. */
  knows(name: Aggregate): boolean {
    if (name === 'count' || this.#numbers === 0) return true;
    if (!PLAIN.has(name) && this.#rolledUp.length > 0 && !this.#isOneRolledUp) return false;
    return this.#rolledUp.every((bucket) => isKnown(name, bucket));
  }

  /** Whether this has an answer to all that is asked for, or the roll-up of the same stretch has not either. */
  knowsAsMuchAs(bucket: RolledUp): boolean {
    return this.#aggregates.every((name) => this.knows(name) || !isKnown(name, bucket));
  }

  /** How many of the bucket's points were numbers. */
  get numbers(): number {
    return this.#numbers;
  }

  result(name: Aggregate): number {
    if (name === 'count') return this.#count;
    if (this.#numbers === 0) return NaN;
    for (const bucket of this.#rolledUp) {
      if (isKnown(name, bucket)) continue;
      throw new VarveError('execution', `${name} is not known: the raw samples are gone, and their roll-up has only ${[...bucket.keys()].join(', ')}`);
    }
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

  /** A percentile is then the roll-up's own. */
  get #isOneRolledUp(): boolean {
    return this.#rolledUp.length === 1 && this.#rawCount === 0;
  }

  #percentile(name: Aggregate): number {
    if (this.#rolledUp.length === 0) return this.#exactPercentile(percentileOf(name));
    if (this.#isOneRolledUp) return this.#rolledUp[0]!.get(name)!;
    throw new VarveError(
      'execution',
      `${name} is not known for so wide a bucket: the raw samples are gone, and percentiles of smaller buckets cannot be put together; roll up with the bucket that is asked for`,
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
    if (this.#valueCount === this.#values.length) {
      const larger = new Float64Array(this.#values.length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#valueCount++] = value;
    this.#isSorted = false;
  }
}

/** Sum and mean stand in for each other, since the count is always there. */
function isKnown(name: Aggregate, bucket: RolledUp): boolean {
  return bucket.has(name) || (name === 'sum' && bucket.has('avg')) || (name === 'avg' && bucket.has('sum'));
}
