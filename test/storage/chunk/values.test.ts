import { expect, test } from 'vitest';
import { ByteReader } from '../../../proto/varint.ts';
import { ColumnWriter, decodeValues, encodeValues } from '../../../storage/chunk/index.ts';
import { describeColumnCodec } from '../../contract/column-codec.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';

const STALE = [2, 0x7ff00000] as const;
const random = new SeededRandom(5);

type Value = number | readonly [low: number, high: number];

function columnOf(values: readonly Value[]): Uint32Array {
  const bits = new Uint32Array(values.length * 2);
  const view = new DataView(bits.buffer);
  values.forEach((value, i) => {
    if (typeof value === 'number') view.setFloat64(i * 8, value, true);
    else bits.set(value, i * 2);
  });
  return bits;
}

function column(...values: Value[]): Uint32Array {
  return columnOf(values);
}

function many(count: number, value: (i: number) => Value): Uint32Array {
  return columnOf(Array.from({ length: count }, (_, i) => value(i)));
}

/** `values` with a stale marker at each of the positions that the bits of `mask` name. */
function staleAt(mask: number, ...values: number[]): Uint32Array {
  return column(...values.map((value, i) => ((mask >>> i) & 1 ? STALE : value)));
}

const COLUMNS: Record<string, Uint32Array> = {
  'one value': column(1.5),
  'one zero': column(0),
  'one negative zero': column(-0),
  'one stale marker': column(STALE),
  'only stale markers': column(STALE, STALE, STALE),
  constant: many(1000, () => 42),
  'the same NaN': many(10, () => NaN),
  'NaNs of other payloads': column([1, 0x7ff80000], [0, 0xfff80000], [7, 0x7ff40000], [3, 0x7ff00000], [2, 0xfff00000]),
  'NaN among numbers': column(1, NaN, 2),
  infinities: column(1, Infinity, -Infinity, 2),
  'zeros of both signs': column(0, -0, 0, 1),
  denormals: column(5e-324, -5e-324, 2.2250738585072009e-308, 0),
  'the largest and the smallest': column(Number.MAX_VALUE, -Number.MAX_VALUE, Number.MIN_VALUE),
  'a counter': many(1000, (i) => i * 17),
  'a counter with resets': many(1000, (i) => (i % 100) * 17),
  'integers at the edge of what deltas hold': column(2 ** 51 - 1, -(2 ** 51 - 1), 2 ** 51 - 1, 0),
  'integers at 2^51': column(2 ** 51, -(2 ** 51), 1),
  'integers around 2^53': column(2 ** 53 - 1, 2 ** 53, 2 ** 53 + 2, -(2 ** 53)),
  'huge integers': column(1e18, 1e18 + 1024, 1e300, -1e300),
  'decimals of one place': many(1000, (i) => i / 10),
  'decimals of nine places': column(0.123456789, 1.000000001, -5.5),
  'decimals of ten places': column(0.1234567891, 1),
  'a decimal behind an integer too large to scale': column(4_503_599_627_370_495, 0.1),
  'an integer too large to scale behind a decimal': column(0.1, 4_503_599_627_370_495),
  'sums of decimals, not quite decimal': column(0.1 + 0.2, 0.3, 0.7 + 0.1),
  'small negative numbers that round to zero': column(-0.4, -1e-10, -1e-320),
  measurements: many(500, () => random.uint32() / 2 ** 32),
  'random bits': many(2000, () => random.float64Bits()),
  'random integers': many(2000, () => random.below(2 ** 31) - 2 ** 30),
  'a walk in full precision': many(500, (() => { let at = 50; return () => (at += random.uint32() / 2 ** 32 - 0.5); })()),
  'a walk through zero': many(500, (() => { let at = 0; return () => (at += random.uint32() / 2 ** 32 - 0.5); })()),
  'neighbouring doubles': column(1, [1, 0x3ff00000], [0xffffffff, 0x3fefffff], [0, 0x40000000], [0xffffffff, 0x3fffffff]),
  'bits at both ends': column([0, 0], [0xffffffff, 0xffffffff], [1, 0], [0xffffffff, 0x7fffffff], [0, 0x80000000]),
  'decimals with a NaN among them': many(100, (i) => (i === 50 ? NaN : i / 10)),
  'decimals with zeros of both signs': many(100, (i) => (i % 20 === 3 ? -0 : i % 7)),
  'decimals with exceptions at both ends': many(64, (i) => (i === 0 || i === 63 ? Math.PI : i / 100)),
  'decimals with exceptions and stale markers': many(200, (i) => (i % 40 === 7 ? Infinity : i % 40 === 8 ? STALE : i)),
  'decimals with one that is too large': many(100, (i) => (i === 50 ? 2 ** 60 : i / 10)),
  'integers too far apart, among others': many(100, (i) => (i === 50 ? -(2 ** 51) : i === 51 ? 2 ** 51 : i)),
  'too many exceptions': many(100, (i) => (i % 10 === 0 ? Math.sqrt(i + 2) : i)),
  long: many(200_000, (i) => (i % 1000 === 7 ? STALE : Math.floor(i / 3))),
};
for (let mask = 1; mask < 16; mask++) {
  COLUMNS[`stale markers ${mask.toString(2)} among integers`] = staleAt(mask, 1, 2, 3, 5);
  COLUMNS[`stale markers ${mask.toString(2)} among measurements`] = staleAt(mask, Math.PI, Math.E, NaN, -0);
}

describeColumnCodec('values', {
  encode: (bits, start, end, out) => encodeValues(new Float64Array(bits.buffer, bits.byteOffset, bits.length / 2), bits, start, end, out),
  decode: decodeValues,
}, COLUMNS);

function sizeOf(bits: Uint32Array): number {
  const out = new ColumnWriter();
  encodeValues(new Float64Array(bits.buffer), bits, 0, bits.length / 2, out);
  return out.length;
}

function codecOf(bits: Uint32Array): number {
  const out = new ColumnWriter();
  encodeValues(new Float64Array(bits.buffer), bits, 0, bits.length / 2, out);
  return out.written()[0]!;
}

test('each column gets the codec that suits it', () => {
  expect(sizeOf(COLUMNS['constant']!)).toBe(9);
  expect(sizeOf(COLUMNS['only stale markers']!)).toBe(9);
  expect(sizeOf(COLUMNS['a counter']!)).toBeLessThan(1010);
  expect(codecOf(COLUMNS['a counter']!)).toBe(1);
  expect(codecOf(many(100, (i) => i * 1_000_003 + (i * 7919) % 5))).toBe(3);
  expect(codecOf(many(100, (i) => (i * 7919) % 5))).toBe(1);
  expect(codecOf(COLUMNS['random bits']!)).toBe(4);
  expect(codecOf(COLUMNS['a walk in full precision']!)).toBe(7);
  expect(codecOf(COLUMNS['decimals with a NaN among them']!)).toBe(0x41);
  expect(sizeOf(COLUMNS['decimals with a NaN among them']!)).toBeLessThan(100 + 12);
  expect(codecOf(COLUMNS['decimals with exceptions and stale markers']!)).toBe(0xc1);
  expect(codecOf(COLUMNS['too many exceptions']!)).toBe(4);
  expect(codecOf(many(100, (i) => Math.sqrt(i % 7)))).toBe(2);
  expect(sizeOf(COLUMNS['decimals of one place']!)).toBeLessThan(1010);
  expect(sizeOf(COLUMNS['random bits']!)).toBe(1 + 2000 * 8);
  expect(sizeOf(staleAt(1, 0, 1, 2, 3))).toBe(1 + 2 + 1 + 3);
});

test('a codec or an exponent that is not known is refused, and so are stale markers that do not fit', () => {
  const decode = (count: number, ...bytes: number[]) => () => decodeValues(new ByteReader(Uint8Array.from(bytes)), count);
  expect(decode(1, 5, 0, 0, 0, 0, 0, 0, 0, 0)).toThrow('codec 5 is not known');
  expect(decode(1, 1, 10, 0)).toThrow('exponent');
  expect(decode(2, 0x80, 3, 0, 0, 0)).toThrow('3 stale markers among 2');
  expect(decode(2, 0x41, 3, 0, 0, 0)).toThrow('3 exceptions among 2');
  expect(decode(2, 0x41, 1, 2)).toThrow('one of the exceptions at 2 of 2');
  expect(decode(2, 0x80, 1, 2)).toThrow('one of the stale markers at 2 of 2');
});
