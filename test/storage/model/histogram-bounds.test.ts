import { describe, expect, test } from 'vitest';
import { bucketBound, coarserIndex, exponentialBound } from '../../../storage/model/histogram-bounds.ts';

describe('bounds of exponential buckets', () => {
  function f(index: number, schema: number, bound: number): void {
    test(`bucket ${index} of schema ${schema}`, () => expect(exponentialBound(index, schema)).toBe(bound));
  }
  f(0, 0, 1);
  f(1, 0, 2);
  f(-1, 0, 0.5);
  f(10, 0, 1024);
  f(1, 1, 1.414213562373095);
  f(2, 1, 2);
  f(-1, 1, 0.7071067811865475);
  f(1, 8, 1.0027112750502025);
  f(256, 8, 2);
  f(-257, 8, 0.4986480280427349);
  f(1, -1, 4);
  f(1, -4, 65536);
  f(-1, -4, 2 ** -16);
  // The last finite bucket ends at the largest double, the one above it counts infinity.
  f(1024, 0, Number.MAX_VALUE);
  f(1025, 0, Infinity);
  f(2048, 1, Number.MAX_VALUE);
  f(2049, 1, Infinity);
  f(64, -4, Number.MAX_VALUE);
  f(65, -4, Infinity);
  f(1023, 0, 2 ** 1023);
  // Subnormal bounds, down to nothing.
  f(-1022, 0, 2 ** -1022);
  f(-1074, 0, Number.MIN_VALUE);
  f(-1075, 0, 0);
  f(-(2 ** 31), 8, 0);
  f(2 ** 31 - 1, 8, Infinity);

  test('rise strictly over the normal doubles', () => {
    for (let schema = 0; schema <= 8; schema++) {
      for (let index = -1000; index < 1000; index++) expect(exponentialBound(index, schema)).toBeLessThan(exponentialBound(index + 1, schema));
    }
  });

  test('are among those of every finer schema', () => {
    for (let schema = -4; schema < 8; schema++) {
      for (let index = -20; index <= 20; index++) expect(exponentialBound(index, schema)).toBe(exponentialBound(index * 2, schema + 1));
    }
  });

  test('enclose the buckets that are joined into them', () => {
    for (let index = -600; index <= 600; index++) {
      const coarse = coarserIndex(index, 8, 3);
      expect(exponentialBound(coarse, 3)).toBeGreaterThanOrEqual(exponentialBound(index, 8));
      expect(exponentialBound(coarse - 1, 3)).toBeLessThanOrEqual(exponentialBound(index - 1, 8));
    }
  });
});

describe('coarserIndex', () => {
  function f(index: number, schema: number, targetSchema: number, expected: number): void {
    test(`bucket ${index} of schema ${schema} in schema ${targetSchema}`, () => expect(coarserIndex(index, schema, targetSchema)).toBe(expected));
  }
  f(1, 1, 0, 1);
  f(2, 1, 0, 1);
  f(3, 1, 0, 2);
  f(0, 1, 0, 0);
  f(-1, 1, 0, 0);
  f(-2, 1, 0, -1);
  f(2 ** 31 - 1, 8, -4, 2 ** 19);
  f(5, 52, 8, 1);
  f(-(2 ** 31), 52, 8, 0);
});

describe('bounds of custom buckets', () => {
  function f(index: number, bound: number): void {
    test(`bucket ${index}`, () => expect(bucketBound(index, -53, [-2, 0, 5])).toBe(bound));
  }
  f(-1, -Infinity);
  f(0, -2);
  f(2, 5);
  f(3, Infinity);
  f(4, Infinity);
});
