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
