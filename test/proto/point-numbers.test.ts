import { expect, test } from 'vitest';
import { DecodeError } from '../../proto/decode-error.ts';
import { PointNumbers } from '../../proto/otlp-histogram-points.ts';
import { WireReader } from '../../proto/wire-reader.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { varintField } from './protobuf-fields.ts';

/** Reads `bytes` from an offset up to where others follow, behind `before` numbers, and answers with those that have come; or the error. */
function read(bytes: readonly number[], how: 'pushVarints' | 'pushDoubles' | 'pushFixed64s', { lengthMax = 5000, before = 0 } = {}): number[] | string {
  const numbers = new PointNumbers(lengthMax);
  for (let i = 0; i < before; i++) numbers.push(-1);
  const reader = new WireReader(Uint8Array.from([0xff, ...bytes, 1, 1, 1, 1, 1, 1, 1, 1, 1]), 'test');
  reader.position = 1;
  const end = 1 + bytes.length;
  try {
    numbers[how](reader, end);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return error.message;
  }
  expect(reader.position).toBe(end);
  expect(numbers.isTooLong).toBe(numbers.length > lengthMax);
  return [...numbers.values.subarray(before, Math.min(numbers.length, lengthMax))];
}

/** From one byte to nine, runs of the same length or all mixed. */
function someNumbers(random: SeededRandom): number[] {
  const bits = random.between(0, 53);
  const isMixed = random.oneIn(2);
  return Array.from({ length: random.below(100) }, () => Math.floor((random.uint32() / 2 ** 32) * 2 ** (isMixed ? random.between(0, 53) : bits)));
}

test('varints of all lengths, in all orders', () => {
  const random = new SeededRandom(1);
  for (let round = 0; round < 5000; round++) {
    const numbers = someNumbers(random);
    const bytes = numbers.flatMap((number) => varintField(1, BigInt(number)).slice(1));
    expect(read(bytes, 'pushVarints', { before: random.below(80) })).toEqual(numbers);
    const cut = random.below(bytes.length + 1);
    const whole = cut === 0 || bytes[cut - 1]! < 0x80;
    expect(typeof read(bytes.slice(0, cut), 'pushVarints')).toBe(whole ? 'object' : 'string');
  }
});

test('varints that are longer than need be, and too long', () => {
  expect(read([0x80, 0x00, 0x81, 0x80, 0x00, 0x80, 0x80, 0x80, 0x00, 5], 'pushVarints')).toEqual([0, 1, 0, 5]);
  expect(read([1, ...Array.from({ length: 10 }, () => 0x80), 1], 'pushVarints')).toContain('above 64 bits');
});

test.each(['pushDoubles', 'pushFixed64s'] as const)('%s: eight bytes each, and what is cut off is an error', (how) => {
  const random = new SeededRandom(2);
  for (let round = 0; round < 500; round++) {
    const numbers = someNumbers(random);
    const bytes = [...new Uint8Array(how === 'pushDoubles' ? Float64Array.from(numbers).buffer : BigUint64Array.from(numbers, BigInt).buffer)];
    expect(read(bytes, how, { before: random.below(80) })).toEqual(numbers);
    if (numbers.length > 0) expect(read(bytes.slice(0, -random.between(1, 7)), how)).toContain('reaches beyond its end');
  }
});

test.each(['pushVarints', 'pushDoubles', 'pushFixed64s'] as const)('%s: past the most that are kept they are counted', (how) => {
  const bytes = Array.from({ length: 8 * 100 }, () => 0);
  expect(read(bytes, how, { lengthMax: 40 })).toEqual(Array.from({ length: 40 }, () => 0));
});
