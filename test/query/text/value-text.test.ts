import { expect, test } from 'vitest';
import { writeShortest } from '../../../query/text/shortest-decimal.ts';
import { formatValue, VALUE_BYTES_MAX, writeValue } from '../../../query/text/value-text.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';

test('values: the shortest digits, as Go writes them', () => {
  const f = (value: number, text: string): void => expect(formatValue(value)).toBe(text);
  f(0, '0');
  f(-0, '-0');
  f(1, '1');
  f(-2.5, '-2.5');
  f(0.1, '0.1');
  f(1e-6, '0.000001');
  f(9.99e-7, '9.99e-07');
  f(1e-7, '1e-07');
  f(-1e-10, '-1e-10');
  f(1e-100, '1e-100');
  f(999999999999999900000, '999999999999999900000');
  f(1e21, '1e+21');
  f(-1.5e21, '-1.5e+21');
  f(Number.MAX_VALUE, '1.7976931348623157e+308');
  f(Number.MIN_VALUE, '5e-324');
  f(2 ** 53, '9007199254740992');
  f(1 / 3, '0.3333333333333333');
  f(NaN, 'NaN');
  f(Infinity, '+Inf');
  f(-Infinity, '-Inf');
});

const bytes = new Uint8Array(VALUE_BYTES_MAX + 16);
const view = new DataView(bytes.buffer);
const decoder = new TextDecoder();
const START = 8;

function written(value: number): string {
  bytes.fill(0x3f);
  const end = writeValue(bytes, view, START, value);
  expect(bytes.subarray(0, START).every((byte) => byte === 0x3f)).toBe(true);
  expect(bytes.subarray(START + VALUE_BYTES_MAX).every((byte) => byte === 0x3f)).toBe(true);
  return decoder.decode(bytes.subarray(START, end));
}

/** Writes each value, and fails with the first one whose text is not the same; answers how many the fast way could write. */
function compareAll(count: number, valueAt: (i: number) => number): number {
  let fastCount = 0;
  for (let i = 0; i < count; i++) {
    const value = valueAt(i);
    const end = writeValue(bytes, view, START, value);
    const text = decoder.decode(bytes.subarray(START, end));
    if (text !== formatValue(value)) expect({ value, text }).toEqual({ value, text: formatValue(value) });
    if (writeShortest(bytes, view, START, value) > START) fastCount++;
  }
  return fastCount;
}

test('bytes are the same text, and stay within their room', () => {
  const f = (value: number): void => expect(written(value)).toBe(formatValue(value));
  for (const value of [0, -0, NaN, Infinity, -Infinity, Number.MAX_VALUE, -Number.MAX_VALUE, Number.MIN_VALUE, -5e-324, -1e-300, 1 / 3, -1 / 3]) f(value);
  for (const value of [-1.234567890123456e-6, 0.000009999999999999999, 999999999.999999, 1e9 - 1e-6, 2 ** 53 - 1, 2 ** 53, 2 ** 53 + 2, -(2 ** 53), 4929839220, 5e-7]) f(value);
  for (let power = -330; power < 309; power++) for (const factor of [1, -1, 1.5, 9.999999999999999]) f(factor * Number(`1e${power}`));
});

test('values around powers of two and of ten', () => {
  const double = new Float64Array(1);
  const bits = new BigInt64Array(double.buffer);
  const near = (value: number, step: number): number => {
    double[0] = value;
    bits[0]! += BigInt(step);
    return double[0]!;
  };
  for (let power = -60; power < 70; power++) compareAll(60, (i) => near(2 ** power, i - 30));
  for (let power = -8; power < 23; power++) compareAll(400, (i) => near(Number(`1e${power}`), i - 200));
});

test('random bits, quotients, rates, decimals and whole numbers', () => {
  const random = new SeededRandom(20);
  const words = new Uint32Array(2);
  const double = new Float64Array(words.buffer);
  compareAll(200_000, () => {
    words.set(random.float64Bits());
    return double[0]!;
  });
  // Of the range in which digits are found here, all bits of the fraction.
  const fastCount = compareAll(300_000, () => {
    words.set([random.uint32(), ((1023 + random.between(-19, 48)) << 20) | random.below(2 ** 20)]);
    return double[0]!;
  });
  expect(fastCount).toBeGreaterThan(290_000);
  compareAll(200_000, () => (random.below(1e6) - 5e5) / random.between(1, 3600));
  compareAll(200_000, () => (random.oneIn(2) ? 1 : -1) * (random.uint32() * 2 ** random.between(0, 21)));
  compareAll(300_000, () => Math.round(random.uint32() * 2 ** random.between(-20, 20)) / 10 ** random.between(0, 20));
});
