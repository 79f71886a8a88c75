import { describe, expect, test } from 'vitest';
import { QuantileSketch } from '../../../storage/model/quantile-sketch.ts';
import { parseAggregates, percentileOf, type Aggregate } from '../../../storage/time-series/aggregate.ts';
import { BucketFold } from '../../../storage/time-series/bucket-fold.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';

const ALL: readonly Aggregate[] = ['min', 'max', 'avg', 'sum', 'count', 'first', 'last', 'p0', 'p50', 'p90', 'p99', 'p99.9', 'p100'];

function fold(values: readonly number[], aggregates: readonly Aggregate[] = ALL): Record<string, number> {
  const bucket = new BucketFold(aggregates, 1000);
  for (const value of values) bucket.add(value);
  return Object.fromEntries(aggregates.map((name) => [name, bucket.result(name)]));
}

test('names', () => {
  expect(parseAggregates(['avg', 'p99', 'avg', 'p12.5'], 'metrics')).toEqual(['avg', 'p99', 'p12.5']);
  expect(percentileOf('p99.9')).toBe(99.9);
  const refused = (names: unknown, message: string): void => expect(() => parseAggregates(names as string[], 'metrics')).toThrow(message);
  refused([], 'metrics is empty');
  refused('avg', 'metrics is "avg"; want a list');
  refused(['mean'], 'metrics has "mean"; want min, max');
  refused(['p101'], 'metrics has "p101"');
  refused(['p'], 'metrics has "p"');
  refused(['constructor'], 'metrics has "constructor"');
});

describe('of raw values', () => {
  test('plain', () => {
    expect(fold([3, 1, 2, 4])).toEqual({
      min: 1, max: 4, avg: 2.5, sum: 10, count: 4, first: 3, last: 4, p0: 1, p50: 2.5, p90: 3.7, p99: expect.closeTo(3.97, 12), 'p99.9': expect.closeTo(3.997, 12), p100: 4,
    });
    expect(fold([7])).toEqual(Object.fromEntries(ALL.map((name) => [name, name === 'count' ? 1 : 7])));
  });

  test('nothing is NaN, and counts nothing', () => {
    expect(fold([])).toEqual(Object.fromEntries(ALL.map((name) => [name, name === 'count' ? 0 : NaN])));
  });

  test('NaN and infinities', () => {
    const names: Aggregate[] = ['min', 'max', 'avg', 'sum', 'count', 'first', 'last', 'p50'];
    expect(fold([NaN, 1, 3, NaN], names)).toEqual({ min: 1, max: 3, avg: NaN, sum: NaN, count: 4, first: NaN, last: NaN, p50: 2 });
    expect(fold([NaN], names)).toEqual({ min: NaN, max: NaN, avg: NaN, sum: NaN, count: 1, first: NaN, last: NaN, p50: NaN });
    expect(fold([1, Infinity, Infinity], names)).toMatchObject({ min: 1, max: Infinity, avg: Infinity, sum: Infinity, p50: Infinity });
    expect(fold([-Infinity, Infinity], names)).toMatchObject({ min: -Infinity, max: Infinity, avg: NaN, sum: NaN, p50: NaN });
  });

  test('small values beside a large one are not lost from a sum', () => {
    expect(fold([1e16, 1, 1, -1e16], ['sum'])).toEqual({ sum: 2 });
  });

  test('percentiles are those of the sorted values', () => {
    const random = new SeededRandom(7);
    for (let round = 0; round < 50; round++) {
      const values = Array.from({ length: random.between(1, 700) }, () => random.between(-1000, 1000) / 8);
      const sorted = [...values].sort((a, b) => a - b);
      const percentile = random.between(0, 1000) / 10;
      const rank = (percentile / 100) * (sorted.length - 1);
      const low = sorted[Math.floor(rank)]!;
      const expected = low + (sorted[Math.ceil(rank)]! - low) * (rank % 1);
      const name: Aggregate = `p${percentile}`;
      expect(fold(values, [name])[name]).toBeCloseTo(expected, 9);
    }
  });

  test('too many values for a percentile say so; other aggregates take any number', () => {
    const values = Array.from({ length: 1001 }, (_, i) => i);
    expect(() => fold(values, ['p50'])).toThrow('a bucket has more than 1000 samples, the limit aggregateBucketSamplesMax');
    expect(fold(values, ['max', 'count'])).toEqual({ max: 1000, count: 1001 });
  });
});

describe('of roll-ups', () => {
  const minute = (entries: Record<string, number>): Map<string, number> => new Map(Object.entries(entries));

  test('smaller buckets add up', () => {
    const bucket = new BucketFold(ALL, 1000);
    bucket.addRolledUp(minute({ count: 2, sum: 3, min: 1, max: 2, first: 2, last: 1 }));
    bucket.addRolledUp(minute({ count: 1, sum: 10, min: 10, max: 10, first: 10, last: 10 }));
    bucket.add(4);
    const names: Aggregate[] = ['count', 'sum', 'min', 'max', 'avg', 'first', 'last'];
    expect(names.map((name) => bucket.result(name))).toEqual([4, 17, 1, 10, 4.25, 2, 4]);
    expect(() => bucket.result('p50')).toThrow('p50 is not known: the raw samples are gone, and a roll-up of theirs does not have it');
  });

  test('sum and avg stand in for each other', () => {
    const bucket = new BucketFold(ALL, 1000);
    bucket.addRolledUp(minute({ count: 3, avg: 2 }));
    bucket.addRolledUp(minute({ count: 1, sum: 6 }));
    expect([bucket.result('sum'), bucket.result('avg')]).toEqual([12, 3]);
    expect(() => bucket.result('min')).toThrow('min is not known');
  });

  test('a percentile is answered by a roll-up of the same width, or by the sketches of several', () => {
    const bucket = new BucketFold(ALL, 1000);
    bucket.addRolledUp(minute({ count: 3, p99: 5 }));
    expect(bucket.result('p99')).toBe(5);
    bucket.addRolledUp(minute({ count: 3, p99: 6 }));
    expect([bucket.knows('p99'), bucket.sketch()]).toEqual([false, undefined]);
    expect(() => bucket.result('p99')).toThrow('p99 is not known for so wide a bucket: the raw samples are gone, and a roll-up of theirs has no sketch');
    bucket.clear();
    for (const values of [[1, 2, 3], [-7], [Infinity, 0]]) {
      const sketch = new QuantileSketch();
      for (const value of values) sketch.add(value);
      bucket.addRolledUp(Object.assign(minute({ count: values.length, p50: values[0]! }), { sketch }));
    }
    bucket.add(50);
    expect([bucket.knows('p99'), bucket.isExact('p99'), bucket.isExact('sum')]).toEqual([true, false, true]);
    expect([bucket.result('p0'), bucket.result('p50'), bucket.result('p100')]).toEqual([expect.closeTo(-7, 0.8), expect.closeTo(2, 0.8), Infinity]);
    expect(bucket.result('p75')).toBeCloseTo(26.5, 0);
  });

  test('a roll-up that has the percentile itself says more than the sketches of its parts', () => {
    const parts = new BucketFold(['p99'], 1000);
    const sketch = new QuantileSketch();
    sketch.add(5);
    for (let i = 0; i < 2; i++) parts.addRolledUp(Object.assign(minute({ count: 1, p99: 5 }), { sketch }));
    expect(parts.knowsAsMuchAs(minute({ count: 2, p99: 5 }))).toBe(false);
    expect(parts.knowsAsMuchAs(Object.assign(minute({ count: 2 }), { sketch }))).toBe(true);
    expect(parts.knowsAsMuchAs(minute({ count: 2, max: 5 }))).toBe(true);
  });

  test('points that are no numbers are counted and weigh nothing', () => {
    const bucket = new BucketFold(ALL, 1000);
    bucket.addOther();
    expect([bucket.result('count'), bucket.result('avg')]).toEqual([1, NaN]);
    bucket.addRolledUp(minute({ count: 3, numbers: 1, avg: 8 }));
    bucket.addRolledUp(minute({ count: 2, numbers: 0 }));
    bucket.add(2);
    expect([bucket.result('count'), bucket.result('avg')]).toEqual([7, 5]);
  });
});
