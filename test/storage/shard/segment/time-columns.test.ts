import { expect, test } from 'vitest';
import { NO_COLUMN, TimeColumns } from '../../../../storage/shard/segment/time-columns.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';

/** As a segment's writer uses it: the number of the column, added where it is not there. */
function numberOf(columns: TimeColumns, timesMs: Float64Array, start = 0, end = timesMs.length): number {
  const known = columns.find(timesMs, start, end);
  return known === NO_COLUMN ? columns.add(timesMs, start, end, end - start) : known;
}

test('each distinct column has one number, in whatever order they come', () => {
  const random = new SeededRandom(1);
  const distinct = Array.from({ length: 300 }, (_, i) => Float64Array.from({ length: 1 + (i % 40) }, (_, k) => 1.7e12 + i + k * 15_000));
  const columns = new TimeColumns();
  for (let round = 0; round < 2; round++) {
    const numbers = distinct.map((times) => numberOf(columns, times));
    expect(numbers).toEqual(distinct.map((_, i) => i));
    // The same targets again for the next metric, then at random, and one of them many times.
    expect(distinct.map((times) => numberOf(columns, times))).toEqual(numbers);
    for (let i = 0; i < 1000; i++) {
      const at = random.below(distinct.length);
      expect(numberOf(columns, distinct[at]!)).toBe(at);
    }
    for (let i = 0; i < 5; i++) expect(numberOf(columns, distinct[7]!)).toBe(7);
    expect(columns.count).toBe(distinct.length);
    distinct.forEach((times, i) => expect([columns.lengthOf(i), columns.bytesOf(i)]).toEqual([times.length, times.length]));
    columns.reset();
    expect(columns.count).toBe(0);
  }
});

test('columns that differ in one timestamp, in length or only between the places that are hashed are different', () => {
  const columns = new TimeColumns();
  const times = Float64Array.from({ length: 9 }, (_, i) => i * 1000);
  expect(numberOf(columns, times)).toBe(0);
  expect(numberOf(columns, times, 0, 8)).toBe(1);
  expect(numberOf(columns, times, 1, 9)).toBe(2);
  for (const at of [1, 2, 3, 5, 6, 7]) {
    const other = times.slice();
    other[at]! += 1;
    expect(numberOf(columns, other)).not.toBe(0);
    expect(numberOf(columns, times)).toBe(0);
  }
});
