import { describe, expect, test } from 'vitest';
import { COMMON_AT, ENTRY_WORDS, KeyChain, LENGTH_AT, MIDDLE_AT, NEXT_AT, NO_ENTRY } from '../../../ingest/remote-write/key-chain.ts';
import { SeriesIdColumns } from '../../../ingest/series-id-columns.ts';
import { SeriesHasher } from '../../../storage/model/series-id.ts';
import { CacheBudget, ownShare } from '../../../storage/runtime/cache-budget.ts';
import { Counters } from '../../../storage/runtime/metrics.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';

interface ReadLink {
  readonly next: number;
  readonly common: number;
  readonly middle: readonly number[];
}

/** A chain whose keys are texts, and whose middles have as many words as their length says. */
class Chain {
  readonly chain: KeyChain;
  readonly entriesMax: number;
  readonly #hashers: readonly SeriesHasher[];
  #hasher: SeriesHasher;

  constructor({ entriesMax = 10, middleWordsMax = 100, share = ownShare() } = {}) {
    this.entriesMax = entriesMax;
    this.chain = new KeyChain(entriesMax, middleWordsMax * 4, share);
    // The keys of all are the same: that tenants do not see each other's entries is not for their hashes to see to.
    this.#hashers = Array.from({ length: 3 }, () => new SeriesHasher(new Uint8Array(16).fill(7)));
    this.#hasher = this.#hashers[0]!;
    this.begin();
  }

  begin(tenant = 0, lookUps = 0): void {
    this.#hasher = this.#hashers[tenant]!;
    this.chain.begin(this.#hasher, lookUps);
  }

  beginGeneration(tenant = 0): void {
    this.begin(tenant, this.entriesMax * 2);
  }

  /** Of a chain that is full: all that it has, which nobody uses, makes room for others when the tenant begins. */
  makeRoom(tenant = 0): void {
    for (let generation = 0; generation < 2; generation++) this.beginGeneration(tenant);
    expect(this.added('?')).toBe('');
    this.begin(tenant);
  }

  find(text: string): number {
    const bytes = new TextEncoder().encode(text);
    return this.chain.findHash(new DataView(bytes.buffer), 0, bytes.length);
  }

  /** The entry of a text that has none, or NO_ENTRY. */
  add(text: string, words = Uint32Array.of(1, 2, 3)): number {
    expect(this.find(text)).toBe(NO_ENTRY);
    return this.chain.add(this.#hasher.words, words);
  }

  addAll(texts: string): number[] {
    return Array.from(texts, (text) => this.add(text));
  }

  /** Those of the letters that are known, which is a use of them. */
  known(letters: string): string {
    return Array.from(letters, (letter) => (this.find(letter) === NO_ENTRY ? '' : letter)).join('');
  }

  /** Those of the letters for which there was room. */
  added(letters: string): string {
    return Array.from(letters, (letter) => (this.add(letter) === NO_ENTRY ? '' : letter)).join('');
  }

  link(entry: number, next: number, middle: readonly number[], common = 0): boolean {
    const at = this.chain.link(entry, next, { common, length: middle.length, words: middle.length });
    this.chain.middles.set(at === 0 ? [] : middle, at);
    return at !== 0;
  }

  linkOf(entry: number): ReadLink | undefined {
    const { entries, middles } = this.chain;
    const at = entry * ENTRY_WORDS;
    if (entries[at + NEXT_AT] === NO_ENTRY) return undefined;
    const start = entries[at + MIDDLE_AT]! + 1;
    return { next: entries[at + NEXT_AT]!, common: entries[at + COMMON_AT]!, middle: [...middles.subarray(start, start + (entries[at + LENGTH_AT]! >>> 16))] };
  }
}

const LETTERS = 'abcdefghij';
const four = (from: number): number[] => [from, from + 1, from + 2, from + 3];

test('what was added is found by its bytes with its words, by its tenant alone', () => {
  const chain = new Chain();
  const entry = chain.add('a', Uint32Array.of(7, 8, 9));
  expect([chain.find('a'), chain.find('b')]).toEqual([entry, NO_ENTRY]);
  const ids = new SeriesIdColumns();
  chain.chain.copyId(entry, ids, 5);
  expect([ids.low[5], ids.high[5], ids.check[5]]).toEqual([7, 8, 9]);
  chain.begin(1);
  expect(chain.find('a')).toBe(NO_ENTRY);
  const other = chain.add('a');
  expect(chain.find('a')).toBe(other);
  chain.begin(0);
  expect(chain.find('a')).toBe(entry);
});

describe('when it is full', () => {
  test('what was not used for a generation makes room, and what was stays', () => {
    const chain = new Chain();
    expect(chain.added(LETTERS + 'k')).toBe(LETTERS);
    chain.begin(0, 19);
    expect(chain.added('k')).toBe('');
    chain.begin(0, 1);
    expect(chain.known('bdfhj')).toBe('bdfhj');
    expect(chain.added('k')).toBe('');
    chain.begin(0, 19);
    expect(chain.added('k')).toBe('');
    chain.begin(0, 1);
    expect(chain.known(LETTERS)).toBe('bdfhj');
    expect(chain.added('klmnopq')).toBe('klmno');
    expect(chain.known('bdfhjklmno')).toBe('bdfhjklmno');
  });

  test('and only then, again and again', () => {
    const chain = new Chain();
    for (let round = 0; round < 300; round++) {
      expect(chain.added(LETTERS)).toBe(LETTERS);
      for (let generation = 0; generation < 3; generation++) chain.beginGeneration();
      expect(chain.known(LETTERS)).toBe(LETTERS);
      chain.makeRoom();
      expect(chain.known(LETTERS)).toBe('');
    }
  });

  /** With all entries taken by tenant 0, who has used `used` of them since; then one without room, which is tenant `last`. */
  function filled(used: string, last: number): Chain {
    const chain = new Chain();
    chain.addAll(LETTERS);
    chain.beginGeneration();
    chain.known(used);
    chain.begin(last);
    expect(chain.added('z')).toBe('');
    chain.beginGeneration(last);
    return chain;
  }

  test('of several tenants each takes half of what has become free, however often it comes', () => {
    const chain = filled('ab', 1);
    expect(chain.added('klmnopqr')).toBe('klmn');
    chain.begin(1);
    expect(chain.added('opqr')).toBe('');
    chain.begin(0);
    expect(chain.known(LETTERS)).toBe('ab');
    expect(chain.added('klmnopqr')).toBe('klmn');
    chain.begin(2);
    expect(chain.added('k')).toBe('');
    chain.makeRoom(1);
    chain.begin(0);
    expect(chain.added(LETTERS)).toBe('abcde');
  });

  test('one that is alone takes all of it, and so does one that is alone again', () => {
    expect(filled('ab', 0).added('klmnopqrst')).toBe('klmnopqr');
    const chain = filled('', 1);
    expect(chain.added('klmnopqrst')).toBe('klmno');
    // Nobody else has come since room was made; before that somebody had.
    chain.beginGeneration(1);
    expect(chain.added('ABCDEFGHIJ')).toBe('ABCDE');
  });

  test('entries that were free before are room as well', () => {
    const chain = filled('', 1);
    expect(chain.added('klmno')).toBe('klmno');
    expect(chain.added('p')).toBe('');
    chain.beginGeneration(1);
    chain.begin(0);
    expect(chain.added('ABCDE')).toBe('ABC');
  });
});

describe('a link', () => {
  test('is what its owner has put there, until it is made another one', () => {
    const chain = new Chain();
    const [a, b, c] = chain.addAll('abc') as [number, number, number];
    expect(chain.linkOf(a)).toBeUndefined();
    expect(chain.link(a, b, four(10), 5)).toBe(true);
    expect(chain.link(b, c, four(20), 6)).toBe(true);
    expect([chain.linkOf(a), chain.linkOf(b)]).toEqual([{ next: b, common: 5, middle: four(10) }, { next: c, common: 6, middle: four(20) }]);
    expect(chain.link(a, c, [1, 2, 3], 7)).toBe(true);
    expect([chain.linkOf(a), chain.linkOf(b)]).toEqual([{ next: c, common: 7, middle: [1, 2, 3] }, { next: c, common: 6, middle: four(20) }]);
    chain.beginGeneration();
    expect(chain.find('a')).toBe(a);
    expect(chain.linkOf(a)).toEqual({ next: c, common: 7, middle: [1, 2, 3] });
  });

  test('keeps its length over more generations than are told apart', () => {
    const chain = new Chain();
    const [a, b] = chain.addAll('ab') as [number, number];
    chain.link(a, b, four(10));
    for (let generation = 0; generation < 70_000; generation++) chain.beginGeneration();
    expect(chain.find('a')).toBe(a);
    expect(chain.linkOf(a)).toEqual({ next: b, common: 0, middle: four(10) });
  });

  test('is changed for half of all entries in a generation, and is made at any time', () => {
    const chain = new Chain({ entriesMax: 9 });
    const [a, b, c] = chain.addAll('abc') as [number, number, number];
    const changes = (): number => {
      let count = 0;
      while (chain.chain.mayLink(a) && count < 100) {
        chain.link(a, count % 2 === 0 ? b : c, [count], 5);
        count++;
      }
      return count;
    };
    expect(changes()).toBe(1 + 5);
    expect([b, NO_ENTRY].map((entry) => chain.chain.mayLink(entry))).toEqual([true, false]);
    chain.begin();
    expect(changes()).toBe(0);
    chain.beginGeneration();
    expect(changes()).toBe(5);
  });

  test('has its room for another one that is no longer, and none is made where there is no room', () => {
    const chain = new Chain({ middleWordsMax: 20 });
    const [a, b, c, d] = chain.addAll('abcd') as [number, number, number, number];
    expect([chain.link(a, b, four(10)), chain.link(b, c, four(20)), chain.link(c, d, four(30)), chain.link(d, a, four(40))]).toEqual([true, true, true, false]);
    expect(chain.linkOf(d)).toBeUndefined();
    expect(chain.link(b, d, [1, 2])).toBe(true);
    expect(chain.link(b, c, four(50))).toBe(true);
    expect(chain.link(b, d, [1, 2, 3, 4, 5])).toBe(false);
    expect([a, b, c].map((entry) => chain.linkOf(entry)!.middle)).toEqual([four(10), four(50), four(30)]);
    expect(chain.linkOf(b)!.next).toBe(c);
    // Its words are all that there are.
    expect(chain.link(d, a, [1, 2, 3])).toBe(true);
    expect(chain.link(d, a, four(1))).toBe(false);
  });

  test('that needs more room leaves its own to others, once there is none and a quarter is such', () => {
    const chain = new Chain({ middleWordsMax: 40 });
    const [long, five] = [[...four(100), ...four(200)], [...four(300), 304]];
    const lackAndGain = (): void => {
      const [a, b, c, d] = chain.addAll('abcd') as [number, number, number, number];
      const made = [chain.link(a, d, four(10)), chain.link(b, d, four(20)), chain.link(c, d, [30]), chain.link(d, a, five), chain.link(b, a, long), chain.link(a, b, long), chain.link(d, b, long)];
      expect(made).toEqual([true, true, true, true, true, true, false]);
      // 10 words are wasted of 41.
      chain.begin();
      expect(chain.link(d, b, long)).toBe(false);
      expect(chain.link(c, b, [40, 41])).toBe(true);
      chain.begin();
      expect(chain.link(d, b, long)).toBe(true);
      expect([a, b, c, d].map((entry) => chain.linkOf(entry)!.middle)).toEqual([long, long, [40, 41], long]);
      // What is wasted since is less.
      for (let i = 0; i < 2; i++) {
        expect(chain.link(c, b, [1, 2, 3])).toBe(false);
        chain.begin();
      }
    };
    lackAndGain();
    chain.chain.clear();
    lackAndGain();
    chain.chain.clear();
    // Entries without a link leave nothing.
    expect(chain.added(LETTERS)).toBe(LETTERS);
    chain.makeRoom();
    lackAndGain();
  });

  test('goes with either of its entries, and what it took is for others', () => {
    const chain = new Chain({ middleWordsMax: 30 });
    const entries = chain.addAll(LETTERS);
    const linked = entries.map((entry, i) => i < 9 && chain.link(entry, entries[i + 1]!, four(i * 10)));
    expect(linked.filter((isLinked) => isLinked)).toHaveLength(5);
    expect(chain.added('k')).toBe('');
    chain.beginGeneration();
    expect(chain.known('cd')).toBe('cd');
    expect(chain.added('k')).toBe('');
    chain.beginGeneration();
    const [, , c, d] = entries as [number, number, number, number];
    expect([chain.linkOf(c), chain.linkOf(d)]).toEqual([{ next: d, common: 0, middle: four(20) }, undefined]);
    const others = chain.addAll('klmnopqr');
    expect(others.map((entry) => chain.linkOf(entry))).toEqual(others.map(() => undefined));
    expect(others.filter((entry, i) => chain.link(entry, c, four(100 + i)))).toHaveLength(4);
    expect(chain.linkOf(c)).toEqual({ next: d, common: 0, middle: four(20) });
    expect(others.slice(0, 4).map((entry) => chain.linkOf(entry)!.middle)).toEqual([100, 101, 102, 103].map(four));
  });
});

describe('memory', () => {
  function budgetOf(workerCacheBytesMax: number): CacheBudget {
    return new CacheBudget({ workerCacheBytesMax, workerCacheIdleMs: 1000 }, new FixedClock(0), new Counters());
  }

  /** How many of so many texts find room. */
  function fill(chain: Chain, count: number): number {
    let added = 0;
    for (let i = 0; i < count; i++) if (chain.find(`text ${i}`) === NO_ENTRY && chain.add(`text ${i}`) !== NO_ENTRY) added++;
    return added;
  }

  test('is counted as it grows, up to the bound, and given back', () => {
    const share = budgetOf(2 ** 30).open('chain', 1, () => chain.chain.empty());
    const chain = new Chain({ entriesMax: 5000, middleWordsMax: 100_000, share });
    const initial = [chain.chain.entries.length, chain.chain.middles.length] as const;
    for (let round = 0; round < 2; round++) {
      expect([fill(chain, 1023), share.bytes]).toEqual([1023, 0]);
      const first = chain.find('text 0');
      expect(fill(chain, 6000)).toBe(5000 - 1023);
      expect(share.bytes).toBe((5001 * ENTRY_WORDS - initial[0] + 16_384 - 2048) * 4);
      expect(chain.find('text 0')).toBe(first);
      expect(Array.from({ length: 6000 }, (_, i) => chain.find(`text ${i}`)).filter((entry) => entry !== NO_ENTRY)).toHaveLength(5000);
      for (let i = 1; i < 10; i++) expect(chain.link(i, i + 1, Array.from({ length: 1000 }, () => i))).toBe(true);
      share.empty();
      expect([chain.chain.entries.length, chain.chain.middles.length, chain.find('text 0')]).toEqual([...initial, NO_ENTRY]);
    }
  });

  test.each([
    { room: 0, entries: 2047 },
    { room: -1, entries: 1023 },
  ])('grows where there is room for what is copied too: $entries entries', ({ room, entries }) => {
    const bytes = (1024 * ENTRY_WORDS + 2048) * 4;
    const chain = new Chain({ entriesMax: 2047, share: budgetOf(bytes + 1024 * ENTRY_WORDS * 4 + room).open('chain', 1, () => {}) });
    expect(fill(chain, 3000)).toBe(entries);
  });

  test('for what links have in between is the same', () => {
    const middle = Array.from({ length: 1000 }, (_, i) => i);
    const linked = (middleWordsMax: number, bytes: number): number => {
      const budget = budgetOf(bytes);
      const chain = new Chain({ middleWordsMax, share: budget.open('chain', 1, () => {}) });
      const entries = chain.addAll(LETTERS);
      const count = entries.filter((entry) => chain.link(entry, 1, middle)).length;
      for (const entry of entries.slice(0, count)) expect(chain.linkOf(entry)!.middle).toEqual(middle);
      expect(budget.bytes).toBe(count <= 8 ? 0 : (Math.min(middleWordsMax, 16_384) - 8192) * 4);
      return count;
    };
    expect(linked(20_000, 8192 * 4 * 2)).toBe(10);
    expect(linked(20_000, 8192 * 4 * 2 - 1)).toBe(8);
    expect(linked(10_010, 2 ** 20)).toBe(9);
    expect(linked(10_011, 2 ** 20)).toBe(10);
  });

  test('is as at first when everything is forgotten', () => {
    const chain = new Chain({ middleWordsMax: 20 });
    for (let round = 0; round < 3; round++) {
      chain.begin(round);
      const entries = chain.addAll(LETTERS);
      expect(entries).not.toContain(NO_ENTRY);
      expect(entries.filter((entry) => chain.link(entry, 1, four(0)))).toHaveLength(3);
      // Room has been made, of which some is left, or none.
      chain.makeRoom(round);
      expect(chain.added('klm')).toBe('klm');
      if (round > 0) expect(chain.added('nop')).toBe('no');
      chain.chain.clear();
      expect(chain.known(LETTERS)).toBe('');
    }
  });
});
