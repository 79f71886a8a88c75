import { expect, test } from 'vitest';
import { ByteText } from '../../query/byte-text.ts';

function textOf(write: (text: ByteText) => void): string {
  const text = new ByteText();
  write(text);
  return new TextDecoder().decode(text.written());
}

test('whole numbers in digits', () => {
  for (const value of [0, 1, 9, 10, 99, 100, 12_345, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 10 ** 15 - 1, 10 ** 15, 2 ** 53 - 1]) {
    expect(textOf((text) => text.digits(value))).toBe(String(value));
  }
  for (let power = 0; power < 53; power++) expect(textOf((text) => text.digits(2 ** power - 1))).toBe(String(2 ** power - 1));
});

test('numbers with few decimals, as JavaScript prints them; others are left to the caller', () => {
  let seed = 1;
  const next = (): number => (seed = (seed * 48_271) % 0x7fffffff);
  const values = [0.001, 0.01, 0.5, 1, 1.5, 12_345.67, 100, 999.999, 0.1 + 0.2, 1 / 3, 1e12 - 0.5, 1e15, 1e300, 0, -1, NaN, Infinity, 5e-324];
  for (let i = 0; i < 20_000; i++) values.push((next() * next()) / 10 ** (next() % 12), next() / 1000, next() / 100);
  let writtenCount = 0;
  for (const value of values) {
    const text = textOf((out) => {
      if (out.decimal(value)) writtenCount++;
      else out.ascii('-');
    });
    if (text !== '-') expect(text).toBe(String(value));
  }
  expect(writtenCount).toBeGreaterThan(40_000);
});

test('text of any kind, also beyond the first buffer', () => {
  expect(textOf((text) => text.text('é世😀'))).toBe('é世😀');
  const written = textOf((text) => {
    for (let i = 0; i < 10_000; i++) {
      const start = text.length;
      text.ascii('12');
      text.byte(0x2c);
      text.again(start, text.length);
    }
  });
  expect(written).toBe('12,12,'.repeat(10_000));
});

test('clear begins anew', () => {
  expect(textOf((text) => {
    text.ascii('gone');
    text.clear();
    text.append(new Uint8Array([0x61, 0x62]));
    text.bytes(new Uint8Array([0x61, 0x62, 0x63]), 1, 3);
  })).toBe('abbc');
});
