import { describe, expect, test } from 'vitest';
import { parseFloatBytes, parseScaledInteger, parseShortInteger, parseWords } from '../../proto/number-bytes.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';

const utf8 = new TextEncoder();

function float(text: string): number | undefined {
  const bytes = utf8.encode(`x${text}x`);
  return parseFloatBytes(bytes, 1, bytes.length - 1);
}

function scaled(text: string, scale: number): number | undefined {
  const bytes = utf8.encode(`9${text}9`);
  return parseScaledInteger(bytes, 1, bytes.length - 1, scale);
}

test('floats are those that JavaScript reads, to the bit', () => {
  const random = new SeededRandom(11);
  const digits = (): string => Array.from({ length: random.below(20) }, () => random.below(10)).join('');
  for (let round = 0; round < 50_000; round++) {
    const text = `${random.pick(['', '-', '+'])}${digits()}${random.pick(['', '.', `.${digits()}`])}${random.pick(['', '', `e${random.between(-330, 330)}`])}`;
    const want = /^[+-]?(\d|\.\d)/.test(text) && Number.isFinite(Number(text)) ? Number(text) : undefined;
    expect(Object.is(float(text), want), text).toBe(true);
  }
});

test.each(['', '-', '.', 'e5', '1e', '1e+', '1..2', '1.2.3', '0x10', '1_0', ' 1', '1 ', 'in', 'infinit', 'nano', '1e309', '-1e400', '1.7976931348623159e308', '9'.repeat(310), '1'.repeat(500)])('%j is no number', (text) => {
  expect(float(text)).toBeUndefined();
});

describe('scaled whole numbers', () => {
  function scales(text: string, scale: number, want: number | undefined): void {
    test(`${text} by 10^${scale}`, () => expect(scaled(text, scale)).toBe(want));
  }
  scales('1700000000.123', 3, 1_700_000_000_123);
  scales('1700000000.1', 3, 1_700_000_000_100);
  scales('1700000000.1239999', 3, 1_700_000_000_123);
  scales('1700000000', 3, 1_700_000_000_000);
  scales('-1.5', 3, -1500);
  scales('-1.0005', 3, -1001);
  scales('1.7e9', 3, 1_700_000_000_000);
  scales('1700000000123456789', -6, 1_700_000_000_123);
  scales('-1700000000123456789', -6, -1_700_000_000_124);
  scales('5', -6, 0);
  scales('-5', -6, -1);
  scales('-0', -6, 0);
  scales('+7', 0, 7);
  scales('7.', 0, 7);
  scales('.5', 3, 500);
  scales('9007199254740993', 0, undefined);
  scales('9'.repeat(390), 0, undefined);
  scales('1e300', 3, undefined);
  scales('', 3, undefined);
  scales('-', 3, undefined);
  scales('.', 3, undefined);
  scales('1x', 3, undefined);
  scales('1.2.3', 3, undefined);
  scales('nan', 3, undefined);
});

describe('whole numbers', () => {
  const words = new Uint32Array(2);
  const asWords = (text: string): bigint | undefined => (parseWords(utf8.encode(`x${text}7`), 1, text.length + 1, words) ? (BigInt(words[1]!) << 32n) | BigInt(words[0]!) : undefined);
  const asShort = (text: string): number | undefined => parseShortInteger(utf8.encode(`x${text}7`), 1, text.length + 1);

  test('of up to 19 digits are two words, of up to 15 a number, exactly', () => {
    const random = new SeededRandom(12);
    for (let round = 0; round < 50_000; round++) {
      const text = Array.from({ length: random.between(1, 19) }, () => random.pick([random.below(10), 0, 9])).join('');
      expect(asWords(text), text).toBe(BigInt(text));
      expect(asShort(text), text).toBe(text.length <= 15 ? Number(text) : undefined);
      expect(asShort(`-${text}`), text).toBe(text.length <= 15 ? -Number(text) : undefined);
    }
  });

  test.each(['', '-', '+1', '1.0', '1e3', '1 ', '0x1', '1'.repeat(20)])('%j is none', (text) => {
    expect(asWords(text)).toBeUndefined();
    expect(asShort(text)).toBeUndefined();
  });
});
