import { expect, test } from 'vitest';
import { NumberedSeries } from '../../../ingest/remote-write/numbered-series.ts';
import { NO_NUMBER } from '../../../ingest/remote-write/symbol-numbers.ts';
import { SeriesIdColumns } from '../../../ingest/series-id-columns.ts';
import { SeriesHasher } from '../../../storage/model/series-id.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { varint } from '../../proto/protobuf-fields.ts';

const hashers = [7, 8].map((fill) => new SeriesHasher(new Uint8Array(16).fill(fill)));

interface Series {
  readonly labels: readonly string[];
  readonly type?: number;
  readonly help?: string;
  readonly unit?: string;
}

/** How a sender writes a message: where its symbols begin, whether some stand there twice, and whether references have more bytes than they need. */
interface Style {
  readonly firstRef?: number;
  readonly doubles?: SeededRandom;
  readonly isPadded?: boolean;
}

/** Symbols by their numbers; those that begin with `?` never get one. */
class Symbols {
  readonly #numbers = new Map<string, number>();

  number(symbol: string): number {
    if (symbol.startsWith('?')) return NO_NUMBER;
    if (!this.#numbers.has(symbol)) this.#numbers.set(symbol, this.#numbers.size + 1);
    return this.#numbers.get(symbol)!;
  }
}

/** One request: looks every series up, adds what is not known, and checks each id. Answers how many were known. */
function ask(known: NumberedSeries, symbols: Symbols, tenant: number, all: readonly Series[], { firstRef = 1, doubles, isPadded = false }: Style = {}): number {
  const numbers: number[] = new Array<number>(firstRef).fill(NO_NUMBER);
  numbers[0] = symbols.number('');
  const refs = new Map([['', 0]]);
  const refOf = (symbol: string): number => {
    let ref = refs.get(symbol);
    if (ref === undefined || (doubles?.oneIn(10) ?? false)) {
      ref = numbers.push(symbols.number(symbol)) - 1;
      refs.set(symbol, ref);
    }
    return ref;
  };
  const bytes: number[] = [1, 2, 3];
  const column = (): Uint32Array<ArrayBuffer> => new Uint32Array(all.length);
  const columns = { seriesCount: all.length, refsStart: column(), refsEnd: column(), metadataType: column(), helpRef: column(), unitRef: column() };
  all.forEach(({ labels, type, help, unit }, i) => {
    columns.refsStart[i] = bytes.length;
    for (const label of labels) {
      const ref = refOf(label);
      bytes.push(...varint(ref, isPadded && i % 3 === 0 ? 2 : 0));
    }
    columns.refsEnd[i] = bytes.length;
    bytes.push(0x12, 0x10);
    if (type === undefined) return;
    columns.metadataType[i] = type;
    columns.helpRef[i] = refOf(help ?? '');
    columns.unitRef[i] = refOf(unit ?? '');
  });
  const hasher = hashers[tenant]!;
  const message = Uint8Array.from(bytes);
  known.begin(hasher, new DataView(message.buffer), Uint32Array.from([...numbers, NO_NUMBER, NO_NUMBER]), columns);
  let knownCount = all.length;
  const ids = new SeriesIdColumns();
  let unknown = known.find(0, ids);
  all.forEach((series, i) => {
    const want = idOf(tenant, series);
    if (i === unknown) {
      knownCount--;
      known.add(i, hasher.words.slice(), want);
      unknown = known.find(i + 1, ids);
      return;
    }
    const got = [ids.low[i], ids.high[i], ids.check[i]];
    if (got.join() !== want.join()) throw new Error(`${JSON.stringify(series)}: got ${got.join()}, want ${want.join()}`);
  });
  expect(unknown).toBe(all.length);
  return knownCount;
}

/** What no other series and no other tenant have. */
function idOf(tenant: number, { labels, type = 0, help = '', unit = '' }: Series): Uint32Array {
  const text = JSON.stringify([labels, type, help, unit]);
  return Uint32Array.of(tenant, [...text].reduce((sum, character) => (Math.imul(sum, 31) + character.charCodeAt(0)) >>> 0, 0), text.length);
}

const LABELS = ['__name__', 'm'];

test.each([1, 0xffff_ffff])('a series is known by its metadata too, of type %i', (type) => {
  const none = { labels: LABELS };
  const some = { labels: LABELS, type, help: 'What it is.' };
  const without = { labels: LABELS, type, help: '?' };
  const known = (...requests: readonly Series[]): boolean[] => {
    const [series, symbols] = [new NumberedSeries(100, 10_000, 10), new Symbols()];
    return requests.map((request) => ask(series, symbols, 0, [{ labels: ['__name__', 'first'] }, request]) === 2);
  };
  expect(known(none, none, none, some, some, some)).toEqual([false, true, true, false, true, true]);
  expect(known(some, some, some, none, none, none)).toEqual([false, true, true, false, true, true]);
  // Where the help text is none of the request's symbols, there is something to say about it.
  expect(known(none, none, none, without, without)).toEqual([false, true, true, false, false]);
});

function fleet(count: number, from = 0): Series[] {
  return Array.from({ length: count }, (_, i) => {
    const labels = ['__name__', `metric_${i % 7}`, 'instance', `10.0.0.${from + (i >> 3)}`, 'job', 'node', ...(i % 11 === 0 ? ['zone', 'a'] : [])];
    return i % 13 === 0 ? { labels } : { labels, type: 1 + (i % 2), help: `Help of ${i % 7}.` };
  });
}

const SERIES = fleet(300);

test('however the sender numbers its symbols, what was added is known, and cut anywhere', () => {
  const [known, symbols] = [new NumberedSeries(1000, 100_000, 10), new Symbols()];
  expect(ask(known, symbols, 0, SERIES)).toBe(0);
  for (const firstRef of [1, 40, 100, 127, 128, 129, 5000]) {
    expect(ask(known, symbols, 0, SERIES, { firstRef })).toBe(300);
    expect([SERIES.slice(firstRef % 200), SERIES.slice(0, firstRef % 200)].map((part) => ask(known, symbols, 0, part))).toEqual([300 - (firstRef % 200), firstRef % 200]);
  }
  // Beyond three bytes a reference is read by the slow way alone.
  expect(ask(known, symbols, 0, SERIES, { isPadded: true })).toBe(300);
  expect(ask(known, symbols, 0, [...SERIES].reverse())).toBe(300);
  expect(ask(known, symbols, 1, SERIES)).toBe(0);
});

test('what has more labels than the limit, or a symbol without a number, is never known, and breaks no chain', () => {
  const [known, symbols] = [new NumberedSeries(1000, 100_000, 4), new Symbols()];
  const long = { labels: ['a', 'b', 'c', 'd', 'e'].flatMap((name) => [name, 'x']) };
  const mixed = [...SERIES.slice(0, 100), long, { labels: ['__name__', '?'] }, ...SERIES.slice(100)];
  for (const count of [0, 300, 300, 300]) expect(ask(known, symbols, 0, mixed)).toBe(count);
});

test('series that differ in one symbol, in length or in order are not taken for each other', () => {
  const [known, symbols] = [new NumberedSeries(10_000, 1_000_000, 20), new Symbols()];
  const base = Array.from({ length: 12 }, (_, i) => `s${i}`);
  const close: Series[] = [base, ...base.map((_, i) => base.with(i, 'other')), ...base.map((_, i) => base.toSpliced(i, 1)), ...base.map((_, i) => base.toSpliced(i, 0, base[i]!)), base.slice(6), [...base, ...base], [...base].reverse()].map((labels) => ({ labels }));
  for (const before of close) for (const series of close) ask(known, symbols, 0, [before, series, before, close[0]!, series]);
  expect(new Set(close.map((series) => idOf(0, series).join())).size).toBe(close.length);
  expect(ask(known, symbols, 0, close)).toBe(close.length);
});

test('what is in common in front is counted in references, however many bytes they take now', () => {
  const fillers = (count: number): Series[] => Array.from({ length: count }, (_, i) => ({ labels: [`filler ${i}`, ''] }));
  const [first, second] = [['x', 'y', 'a', 'end'], ['x', 'y', 'b', 'end']].map((labels) => ({ labels }));
  // Two bytes that were two references are one: the next one stands where the third one stood.
  let [known, symbols] = [new NumberedSeries(1000, 100_000, 10), new Symbols()];
  for (const count of [0, 2, 2]) expect(ask(known, symbols, 0, [first!, second!])).toBe(count);
  expect(ask(known, symbols, 0, [first!, { labels: ['x', 'b', 'a', 'end'] }], { firstRef: 128 })).toBe(1);
  // Three bytes that were two references are two and the first byte of a third one, whose second byte would be a reference to `b`.
  [known, symbols] = [new NumberedSeries(1000, 100_000, 10), new Symbols()];
  const long = [{ labels: ['', 'y'] }, ...fillers(130), first!, second!];
  for (const count of [0, 133, 133]) expect(ask(known, symbols, 0, long)).toBe(count);
  const short = [{ labels: ['x', 'b'] }, { labels: ['y', 'end'] }, ...fillers(124), { labels: ['a', 'y'] }, ...fillers(251).slice(124), first!, { labels: ['x', 'y', 'c', 'end'] }];
  expect(ask(known, symbols, 0, short)).toBe(1 + 130);
});

test.each([
  { entries: 60, linkBytes: 400 },
  { entries: 300, linkBytes: 3000 },
  { entries: 2000, linkBytes: 100_000 },
])('whatever is sent, by whom and cut anywhere, no id is another’s: $entries entries', ({ entries, linkBytes }) => {
  const random = new SeededRandom(entries);
  const [known, symbols] = [new NumberedSeries(entries, linkBytes, 10), new Symbols()];
  const senders = Array.from({ length: 4 }, (_, i) => ({ tenant: i % 2, series: fleet(80, i * 5), next: 0 }));
  let knownCount = 0;
  for (let round = 0; round < 3000; round++) {
    const sender = random.pick(senders);
    const { series } = sender;
    const count = 1 + random.below(40);
    const request = Array.from({ length: count }, (_, i) => series[(sender.next + i) % series.length]!);
    sender.next = (sender.next + count) % series.length;
    // Series come and go, and their metadata changes.
    if (random.oneIn(20)) series.splice(random.below(series.length), 1, { labels: ['__name__', `metric_${random.below(7)}`, 'instance', `new ${round}`], type: 1, help: `Help of ${random.below(9)}.` });
    if (random.oneIn(20)) series.splice(random.below(series.length), 1, { ...random.pick(series), type: random.below(3) });
    const style = { firstRef: random.pick([1, 1, 120, 1000]), ...(random.oneIn(5) ? { doubles: random } : {}), isPadded: random.oneIn(8) };
    knownCount += ask(known, symbols, sender.tenant, random.oneIn(20) ? random.shuffle(request) : request, style);
  }
  expect(knownCount).toBeGreaterThan(3000);
});
