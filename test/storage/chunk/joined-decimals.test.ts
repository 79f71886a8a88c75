import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteReader } from '../../../proto/varint.ts';
import { ColumnWriter, encodeValues, JoinedDecimals } from '../../../storage/chunk/index.ts';

/** The columns one by one, joined; `undefined` where they cannot be. */
function joined(columns: readonly (readonly number[])[], into = new JoinedDecimals()): Uint8Array | undefined {
  into.clear();
  for (const column of columns) {
    const bytes = encoded(column);
    // Among others, as in a frame.
    const reader = new ByteReader(Uint8Array.of(0xff, ...bytes, 0xff), 1, bytes.length + 1);
    if (!into.append(reader, column.length)) return undefined;
    expect(reader.done).toBe(true);
  }
  const out = new ColumnWriter();
  return into.encode(out) ? out.written() : undefined;
}

function encoded(values: readonly number[]): Uint8Array {
  const column = Float64Array.from(values);
  const out = new ColumnWriter();
  encodeValues(column, new Uint32Array(column.buffer), 0, column.length, out);
  return out.written();
}

const whole = fc.integer({ min: -(2 ** 31), max: 2 ** 31 });
const decimal = fc.tuple(fc.integer({ min: -(2 ** 30), max: 2 ** 30 }), fc.integer({ min: 0, max: 5 })).map(([integer, exponent]) => (integer === 0 ? 0 : integer / 10 ** exponent));
const anyNumber = fc.oneof(whole, decimal, fc.double(), fc.constantFrom(0, -0, NaN, Infinity, 1 / 3, 2 ** 49 - 1, 2 ** 49, -(2 ** 51), 1e300));
const columnOf = (value: fc.Arbitrary<number>): fc.Arbitrary<number[]> => fc.oneof(fc.array(value, { minLength: 1, maxLength: 12 }), value.map((one) => [one, one, one]));

test('decimals and constants are joined to the column that their values make, to the byte', () => {
  const reused = new JoinedDecimals();
  fc.assert(
    fc.property(fc.array(columnOf(fc.oneof(whole, decimal, fc.constant(7))), { minLength: 1, maxLength: 8 }), (columns) => {
      expect(joined(columns, reused)).toEqual(encoded(columns.flat()));
    }),
    { numRuns: 2000 },
  );
});

test('whatever else comes is refused, or is that column too', () => {
  fc.assert(
    fc.property(fc.array(columnOf(anyNumber), { minLength: 1, maxLength: 8 }), (columns) => {
      const bytes = joined(columns);
      if (bytes !== undefined) expect(bytes).toEqual(encoded(columns.flat()));
    }),
    { numRuns: 3000 },
  );
});

test.each([
  ['full precision', [0.1 + 0.2, Math.PI]],
  ['a negative zero', [-0]],
  ['no number', [NaN]],
  ['an integer too large', [2 ** 50]],
  ['one too large beside decimals', [2 ** 45, 0.00001]],
])('%s: no', (_, column) => {
  expect(joined([[1, 2], ...column.map((value) => [value])])).toBeUndefined();
});

test('more than it has had room for', () => {
  const columns = Array.from({ length: 5 }, (_, k) => Array.from({ length: 1000 }, (_, i) => k * 1000 + i * 3));
  expect(joined(columns)).toEqual(encoded(columns.flat()));
});

test('bytes that no writer makes are an error or a no', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 30 }), (bytes, count) => {
      const into = new JoinedDecimals();
      const reader = new ByteReader(bytes);
      try {
        if (!into.append(reader, count)) return;
      } catch (error) {
        expect(error).toMatchObject({ name: 'DecodeError' });
        return;
      }
      expect(reader.position).toBeLessThanOrEqual(bytes.length);
      into.encode(new ColumnWriter());
    }),
    { numRuns: 3000 },
  );
});
