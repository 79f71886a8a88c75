import { KahanSum } from '../model/kahan-sum.ts';
import { badData, VarveError } from '../runtime/errors.ts';

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
  if (!Array.isArray(names) || names.length === 0) throw badData(`${what} is empty; want some of min, max, avg, sum, count, first, last, p50, p99`);
  for (const name of names) {
    if (!PLAIN.has(name) && !(percentileOf(name) <= 100)) {
      throw badData(`${what} has ${JSON.stringify(name)}; want min, max, avg, sum, count, first, last or a percentile from p0 to p100`);
    }
  }
  return [...new Set(names)] as Aggregate[];
}

/** 99 of `p99`; NaN when it is not a percentile. */
export function percentileOf(name: string): number {
  const match = PERCENTILE.exec(name);
  return match === null ? NaN : Number(match[1]);
}

/** The aggregates of one bucket as a roll-up keeps them: `count` is always there. */
export type RolledUp = ReadonlyMap<string, number>;

/**
 * Takes in what one bucket holds, in order of time, and says its aggregates. Percentiles are exact: the values are kept until the bucket
 * is done, up to `samplesMax` of them. Reused from bucket to bucket.
 */
export class BucketFold {
  readonly #keepsValues: boolean;
  readonly #samplesMax: number;
  #values = new Float64Array(256);
  #valueCount = 0;
  #isSorted = false;
  #count = 0;
  #numbers = 0;
  #sum = new KahanSum();
  #min = NaN;
  #max = NaN;
  #first = NaN;
  #last = NaN;
  #rolledUp: RolledUp[] = [];

  constructor(aggregates: readonly Aggregate[], samplesMax: number) {
    this.#keepsValues = aggregates.some((name) => !PLAIN.has(name));
    this.#samplesMax = samplesMax;
  }

  get count(): number {
    return this.#count;
  }

  clear(): void {
    this.#valueCount = 0;
    this.#count = 0;
    this.#numbers = 0;
    this.#sum = new KahanSum();
    this.#min = NaN;
    this.#max = NaN;
    this.#first = NaN;
    this.#last = NaN;
    this.#rolledUp = [];
  }

  /** A point whose value is no number. */
  addOther(): void {
    this.#count++;
  }

  add(value: number): void {
    this.#count++;
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
    if (numbers === 0) return;
    this.#rolledUp.push(bucket);
    this.#sum.add(bucket.get('sum') ?? (bucket.get('avg') ?? NaN) * numbers);
    this.#spread(bucket.get('min') ?? NaN, bucket.get('max') ?? NaN);
    if (this.#numbers === 0) this.#first = bucket.get('first') ?? NaN;
    this.#last = bucket.get('last') ?? NaN;
    this.#numbers += numbers;
  }

  /** How many of the bucket's points were numbers. */
  get numbers(): number {
    return this.#numbers;
  }

  result(name: Aggregate): number {
    if (name === 'count') return this.#count;
    if (this.#numbers === 0) return NaN;
    for (const bucket of this.#rolledUp) this.#refuseIfUnknown(name, bucket);
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

  #refuseIfUnknown(name: string, bucket: RolledUp): void {
    if (bucket.has(name)) return;
    if ((name === 'sum' && bucket.has('avg')) || (name === 'avg' && bucket.has('sum'))) return;
    throw new VarveError('execution', `${name} is not known: the raw samples are gone, and their roll-up has only ${[...bucket.keys()].join(', ')}`);
  }

  #percentile(name: Aggregate): number {
    if (this.#rolledUp.length === 0) return this.#exactPercentile(percentileOf(name));
    if (this.#rolledUp.length === 1 && this.#valueCount === 0) return this.#rolledUp[0]!.get(name)!;
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
