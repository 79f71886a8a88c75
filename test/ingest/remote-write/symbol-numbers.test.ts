import { describe, expect, test } from 'vitest';
import { NO_NUMBER, SymbolNumbers } from '../../../ingest/remote-write/symbol-numbers.ts';
import { RequestColumns } from '../../../proto/remote-write-v2.ts';
import { SeriesHasher } from '../../../storage/model/series-id.ts';
import { ownShare } from '../../../storage/runtime/cache-budget.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';

class CountingHasher extends SeriesHasher {
  hashed = 0;

  override hashSpan(view: DataView, start: number, end: number): void {
    this.hashed++;
    super.hashSpan(view, start, end);
  }
}

const counting = new CountingHasher(new Uint8Array(16).fill(3));
const hashers = [...[1, 2].map((fill) => new SeriesHasher(new Uint8Array(16).fill(fill))), counting];

/** The numbers of a request's symbols; what is in memory behind them is told apart by `round`. */
function read(numbers: SymbolNumbers, tenant: number, symbols: readonly string[], round = 0): number[] {
  const parts = symbols.map((symbol) => Buffer.from(symbol));
  const message = Buffer.concat([...parts, Buffer.alloc(8, round)]);
  const ends = Uint32Array.from(parts, (() => ((end) => (part: Buffer) => (end += part.length))(0))());
  const starts = Uint32Array.from(parts, (part, i) => ends[i]! - part.length);
  numbers.read(hashers[tenant]!, new DataView(message.buffer, message.byteOffset, message.length), starts, ends, symbols.length);
  expect(numbers.numbers[symbols.length]).toBe(NO_NUMBER);
  return [...numbers.numbers.subarray(0, symbols.length)];
}

const SYMBOLS = ['', ...Array.from({ length: 100 }, (_, i) => 'symbol'.repeat(i % 4).slice(0, i % 19) + i)];

function churn(from: number, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `churn ${from + i}`);
}

test('a symbol keeps its number, in any order, and no other has it', () => {
  const numbers = new SymbolNumbers(1000, 100_000);
  const first = read(numbers, 0, SYMBOLS);
  expect(new Set(first).size).toBe(SYMBOLS.length);
  expect(first).not.toContain(NO_NUMBER);
  expect(read(numbers, 0, SYMBOLS, 1)).toEqual(first);
  expect(read(numbers, 0, [...SYMBOLS].reverse())).toEqual([...first].reverse());
  expect(read(numbers, 0, SYMBOLS.flatMap((symbol, i) => [symbol, `new ${i}`])).filter((_, i) => i % 2 === 0)).toEqual(first);
  const others = read(numbers, 1, SYMBOLS);
  expect(others.filter((number) => first.includes(number))).toEqual([]);
  expect(read(numbers, 0, SYMBOLS.slice(0, 3))).toEqual(first.slice(0, 3));
});

test('what fits stays known, what is not used makes room, and a number is given once', () => {
  const numbers = new SymbolNumbers(150, 10_000);
  const first = read(numbers, 0, SYMBOLS);
  const given = new Map(SYMBOLS.map((symbol, i) => [first[i]!, symbol]));
  let unknown = 0;
  for (let round = 0; round < 100; round++) {
    const others = churn(round * 40, 40);
    read(numbers, 1, others).forEach((number, i) => {
      if (number === NO_NUMBER) unknown++;
      else {
        expect(given.get(number) ?? others[i]).toBe(others[i]);
        given.set(number, others[i]!);
      }
    });
    expect(read(numbers, 0, SYMBOLS)).toEqual(first);
  }
  expect(unknown).toBeGreaterThan(1000);
  expect(given.size).toBeGreaterThan(400);
});

describe('numbers that come to their end', () => {
  const NUMBER_MAX = 2 ** 32 - 1;

  function near(left: number): SymbolNumbers {
    return new SymbolNumbers(50_000, 1_000_000, ownShare(), NUMBER_MAX - left);
  }

  test('are given anew before a request, never within one', () => {
    for (const left of [0, 1, 5000, 1_000_000]) {
      const numbers = near(left);
      if (numbers.isExhausted) numbers.clear();
      const given = read(numbers, 0, churn(0, 20_000));
      expect(new Set(given).size, `${left} left`).toBe(20_000);
      expect(given).not.toContain(NO_NUMBER);
    }
    expect(() => read(near(99), 0, churn(0, 100))).toThrow('a number for each symbol');
    expect(read(near(3), 0, churn(0, 3))).toEqual([NUMBER_MAX - 2, NUMBER_MAX - 1, NUMBER_MAX]);
  });

  test('are enough for the largest request until then', () => {
    const columns = new RequestColumns(LIMITS.writeEntriesMax);
    expect(() => {
      for (;;) columns.growSymbols();
    }).toThrow('send smaller requests');
    const symbolsMax = columns.symbolStart.length;
    expect(symbolsMax).toBeGreaterThanOrEqual(LIMITS.writeEntriesMax);
    expect(near(symbolsMax - 1).isExhausted).toBe(true);
    const numbers = near(LIMITS.writeEntriesMax * 2);
    expect(numbers.isExhausted).toBe(false);
    read(numbers, 0, ['a']);
    expect(numbers.isExhausted).toBe(true);
    numbers.clear();
    expect(numbers.isExhausted).toBe(false);
    expect(read(numbers, 0, ['a', 'b'])).toEqual([1, 2]);
  });
});

test.each([20, 200, 2000])('whatever comes, symbols with one number are the same: %i entries', (entries) => {
  const random = new SeededRandom(entries);
  const numbers = new SymbolNumbers(entries, entries * 20);
  const symbolOf = new Map<number, string>();
  for (let round = 0; round < 2000; round++) {
    const tenant = random.below(2);
    const from = random.below(SYMBOLS.length);
    const symbols = [...SYMBOLS.slice(from, from + random.below(40)), ...churn(random.below(300), random.below(10))];
    const sent = random.oneIn(4) ? random.shuffle(symbols) : symbols;
    read(numbers, tenant, sent, round).forEach((number, i) => {
      if (number === NO_NUMBER) return;
      const symbol = `${tenant} ${sent[i]}`;
      expect(symbolOf.get(number) ?? symbol).toBe(symbol);
      symbolOf.set(number, symbol);
    });
  }
});

test('hashes are those of the request’s symbols, of ASCII alone', () => {
  const numbers = new SymbolNumbers(1000, 100_000);
  const hashOf = (symbol: number): number[] | undefined => {
    const words = new Uint32Array(5);
    return numbers.copyHash(symbol, words, 2) ? [...words] : undefined;
  };
  const bytes = Buffer.from('metric');
  hashers[0]!.hashSpan(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length);
  const hash = [0, 0, ...hashers[0]!.words];
  for (let round = 0; round < 3; round++) {
    read(numbers, 0, ['', 'metric', 'größe', 'more']);
    expect([hashOf(1), hashOf(2), hashOf(3) === undefined, hashOf(4)]).toEqual([hash, undefined, false, undefined]);
  }
  read(numbers, 0, ['', 'metric']);
  expect([hashOf(1), hashOf(2), hashOf(3)]).toEqual([hash, undefined, undefined]);
  numbers.rest();
  expect(hashOf(1)).toBeUndefined();
});

test('what a large request took is given back, and what was forgotten gets other numbers', () => {
  const numbers = new SymbolNumbers(50_000, 1_000_000);
  const atFirst = numbers.numbers.length;
  const first = read(numbers, 0, churn(0, 20_000));
  expect(numbers.numbers.length).toBeGreaterThan(20_000);
  const hasHash = (symbol: number): boolean => {
    const words = new Uint32Array(3);
    return numbers.copyHash(symbol, words, 0) && words.every((word) => word !== 0);
  };
  expect([hasHash(19_999), hasHash(20_000)]).toEqual([true, false]);
  numbers.rest();
  expect(hasHash(19_999)).toBe(false);
  expect([numbers.numbers.length, numbers.numbers.some((number) => number !== NO_NUMBER)]).toEqual([atFirst, false]);
  expect(read(numbers, 0, churn(0, 100))).toEqual(first.slice(0, 100));
  numbers.empty();
  expect(read(numbers, 0, churn(0, 100))).toEqual(first.slice(0, 100).map((number) => number + 20_000));
});

describe('what comes behind the same symbol as before', () => {
  /** How many symbols of a request are hashed. */
  function hashedOf(numbers: SymbolNumbers, ...symbols: string[]): number {
    const before = counting.hashed;
    read(numbers, hashers.indexOf(counting), symbols);
    return counting.hashed - before;
  }

  test('is not hashed, nor does one without room change that', () => {
    const numbers = new SymbolNumbers(4, 10_000);
    const inOrder = ['', 'a', 'b', 'symbol'];
    expect([hashedOf(numbers, ...inOrder), hashedOf(numbers, ...inOrder)]).toEqual([4, 1]);
    expect([hashedOf(numbers, '', 'a', 'new', 'b', 'symbol'), hashedOf(numbers, ...inOrder)]).toEqual([2, 1]);
    expect([hashedOf(numbers, '', 'b', 'symbol'), hashedOf(numbers, '', 'b', 'symbol')]).toEqual([2, 1]);
  });

  test('is hashed where there is no room for its bytes, which touches no other', () => {
    const numbers = new SymbolNumbers(10, 40);
    const request = ['', 'four', 'long '.repeat(8)];
    expect([1, 2, 3].map(() => hashedOf(numbers, ...request))).toEqual([3, 2, 2]);
  });
});
