import { expect, test } from 'vitest';
import { DecodeError } from '../../../proto/decode-error.ts';
import { ByteReader } from '../../../proto/varint.ts';
import { decodeLabels, encodeLabels } from '../../../storage/chunk/index.ts';
import { fuzzDecoder, fuzzRounds } from '../../proto/fuzz-bytes.ts';

const LABELS = [
  [],
  ['__name__', 'up'],
  ['__name__', 'http_requests_total', 'code', '200', 'path', '/é/😀/\0'],
  ['', ''],
  ['\ufeffbom', '\ufeff'],
  ['long', 'x'.repeat(20_000)],
  ['long but for its end', `${'x'.repeat(20_000)}é`, 'at two lengths of a varint', `${'x'.repeat(126)}é`, 'no pair', '\ud800'.toWellFormed()],
  Array.from({ length: 512 }, (_, i) => `s${i}`),
];

test.each(LABELS.map((labels) => [labels]))('%j comes back', (labels) => {
  const reader = new ByteReader(encodeLabels(labels));
  expect(decodeLabels(reader)).toEqual(labels);
  expect(reader.done).toBe(true);
});

test('cut off at any byte', () => {
  const bytes = encodeLabels(LABELS[2]!);
  for (let length = 0; length < bytes.length; length++) {
    expect(() => decodeLabels(new ByteReader(bytes, 0, length)), `${length} bytes`).toThrow(DecodeError);
  }
});

test('an odd number of strings, and bytes that are no UTF-8', () => {
  expect(() => decodeLabels(new ByteReader(Uint8Array.of(1, 1, 97)))).toThrow('1 strings are no pairs');
  expect(() => decodeLabels(new ByteReader(Uint8Array.of(2, 1, 97, 1, 0xff)))).toThrow('invalid UTF-8');
});

test('damaged labels give labels or a DecodeError', { timeout: 600_000 }, () => {
  const originals = LABELS.slice(0, 5).map(encodeLabels);
  const check = (): void => originals.forEach((bytes, i) => expect(decodeLabels(new ByteReader(bytes))).toEqual(LABELS[i]));
  expect(fuzzDecoder(originals, fuzzRounds(50_000), (bytes) => void decodeLabels(new ByteReader(bytes)), check)).toBeGreaterThan(0);
});
