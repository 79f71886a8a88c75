import { expect, test } from 'vitest';
import { ByteText } from '../../../query/text/byte-text.ts';

function textOf(write: (text: ByteText) => void): string {
  const text = new ByteText();
  write(text);
  return new TextDecoder().decode(text.written());
}

test('strings as JSON', () => {
  for (const value of ['', 'node:9100', 'a"b', 'back\\slash', 'line\n', '\u0000', '\u007f', 'é世😀', '\ud800']) {
    expect(textOf((text) => text.json(value))).toBe(JSON.stringify(value));
  }
});

test('a buffer that has become very long is not kept', () => {
  const text = new ByteText();
  for (const length of [100_000, 5_000_000]) {
    text.clear();
    text.append(new Uint8Array(length));
    expect(text.written().buffer.byteLength).toBeGreaterThanOrEqual(length);
  }
  text.clear();
  expect(text.written().buffer.byteLength).toBeLessThan(100_000);
});

test('text of any kind, also beyond the first buffer', () => {
  expect(textOf((text) => text.text('é世😀'))).toBe('é世😀');
  const written = textOf((text) => {
    for (let i = 0; i < 10_000; i++) {
      text.ascii('12');
      text.byte(0x2c);
    }
  });
  expect(written).toBe('12,'.repeat(10_000));
});

test('clear begins anew', () => {
  expect(textOf((text) => {
    text.ascii('gone');
    text.clear();
    text.append(new Uint8Array([0x61, 0x62]));
    text.bytes(new Uint8Array([0x61, 0x62, 0x63]), 1, 3);
  })).toBe('abbc');
});
