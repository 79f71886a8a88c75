import { expect, test, vi } from 'vitest';
import { LabelledSeries } from '../../../ingest/remote-write/labelled-series.ts';
import { SeriesIdColumns } from '../../../ingest/series-id-columns.ts';
import { SeriesHasher } from '../../../storage/model/series-id.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';

const hashers = [1, 2, 3].map((fill) => new SeriesHasher(new Uint8Array(16).fill(fill)));
const ids = new SeriesIdColumns();
const utf8 = new TextEncoder();

type Run = string | Uint8Array;

function bytesOf(run: Run): Uint8Array {
  return typeof run === 'string' ? utf8.encode(run) : run;
}

/** The id of label bytes, as far as these tests go: what no other bytes and no other tenant have. */
function idOf(tenant: number, bytes: Uint8Array): Uint32Array {
  return Uint32Array.of(tenant, bytes.reduce((sum, byte) => (Math.imul(sum, 31) + byte) >>> 0, tenant), bytes.length);
}

/** One request: looks every series up, adds what is not known, and checks each id. Answers how many were known. */
function ask(known: LabelledSeries, tenant: number, runs: readonly Run[]): number {
  const hasher = hashers[tenant]!;
  // At a changing offset, with samples in between: the order of memory is that of a message.
  const parts = runs.map((run, i) => [new Uint8Array((i * 7) % 5), bytesOf(run)] as const);
  const message = Buffer.concat(parts.flat());
  const labelsEnd = Uint32Array.from(parts, ((end) => ([padding, bytes]: (typeof parts)[number]) => (end += padding.length + bytes.length))(0));
  const labelsStart = Uint32Array.from(parts, ([, bytes], i) => labelsEnd[i]! - bytes.length);
  known.begin(hasher, new DataView(message.buffer, message.byteOffset, message.length), { labelsStart, labelsEnd, seriesCount: runs.length });
  ids.reserve(runs.length);
  let knownCount = runs.length;
  let unknown = known.find(0, ids);
  parts.forEach(([, bytes], i) => {
    const want = idOf(tenant, bytes);
    if (i === unknown) {
      knownCount--;
      known.add(i, hasher.words.slice(), want);
      unknown = known.find(i + 1, ids);
      return;
    }
    const got = [ids.low[i], ids.high[i], ids.check[i]];
    if (got.join() !== want.join()) throw new Error(`${Buffer.from(bytes).toString('latin1')}: got ${got.join()}, want ${want.join()}`);
  });
  expect(unknown).toBe(runs.length);
  return knownCount;
}

const SERIES = Array.from({ length: 100 }, (_, i) => `metric_${'x'.repeat(i % 37)}_total{instance="10.0.0.${i >> 3}:8080",job="kubernetes-pods"}`);

function churn(from: number, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `churn_total{instance="10.0.0.1:8080",id="${from + i}",job="kubernetes-pods"}`);
}

test('what was added is known, in the same order, in another, with others in between, however it is cut', () => {
  const known = new LabelledSeries(1000, 100_000);
  expect(ask(known, 0, SERIES)).toBe(0);
  expect(ask(known, 0, SERIES)).toBe(100);
  expect(ask(known, 0, [...SERIES].reverse())).toBe(100);
  expect(ask(known, 0, SERIES.flatMap((text, i) => [text, `new ${i}`]))).toBe(100);
  expect(ask(known, 0, SERIES)).toBe(100);
  for (const cut of [1, 7, 50, 99]) expect([SERIES.slice(0, cut), SERIES.slice(cut)].map((part) => ask(known, 0, part))).toEqual([cut, 100 - cut]);
});

test('series that differ in one byte, in length or hardly at all are not taken for each other', () => {
  const known = new LabelledSeries(2000, 1_000_000);
  const base = 'abcdefgh'.repeat(5);
  const close = [base, ...Array.from({ length: 40 }, (_, i) => `${base.slice(0, i)}_${base.slice(i + 1)}`), base.slice(1), base.slice(8), `${base}a`, `${base}${base}`, ''];
  for (const before of close) for (const text of close) ask(known, 0, [before, text, before, base, text]);
  expect(ask(known, 0, close)).toBe(close.length);
});

test('the same bytes of another tenant are another series', () => {
  const known = new LabelledSeries(1000, 100_000);
  ask(known, 0, SERIES);
  expect(ask(known, 1, SERIES)).toBe(0);
  expect(ask(known, 0, SERIES)).toBe(100);
  expect(ask(known, 1, SERIES)).toBe(100);
});

test('bytes that are zeros, minus zeros or no numbers as doubles are told apart', () => {
  const words = (...values: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);
  const runs = [words(0, 0), words(0, 0x80000000), words(1, 0x7ff00000), words(2, 0x7ff00000), words(0, 0x7ff80000), words(0, 0x7ff80000, 0, 0), words(0, 0x7ff80000, 0, 0x80000000), words(7, 7, 0, 0), words(7, 7, 0, 0x80000000), words(0, 0, 7, 7), words(0, 0x80000000, 7, 7)];
  const known = new LabelledSeries(100, 10_000);
  for (const before of runs) for (const run of runs) for (const after of runs) ask(known, 0, [before, run, before, after]);
  expect(ask(known, 0, runs)).toBe(runs.length);
});

/** How many series of a request, all of them known, are found by their hash. */
function hashedOf(known: LabelledSeries, runs: readonly Run[]): number {
  const hashSpan = vi.spyOn(hashers[0]!, 'hashSpan');
  expect(ask(known, 0, runs)).toBe(runs.length);
  const { length } = hashSpan.mock.calls;
  hashSpan.mockRestore();
  return length;
}

/** Neighbours have nothing in common, whichever way around; they are of all lengths. */
const UNLIKE = Array.from({ length: 40 }, (_, i) => String.fromCharCode(97 + (i % 26)).repeat(4 + i));

test('only the first series of a request is hashed when the same ones come again, also where neighbours have nothing in common', () => {
  const known = new LabelledSeries(1000, 100_000);
  for (const runs of [SERIES, UNLIKE]) {
    ask(known, 0, runs);
    expect(hashedOf(known, runs)).toBe(1);
  }
});

test('series that have nothing in common leave a quarter of the room for links to others', () => {
  // 200 words, of which all of these would take more.
  const known = new LabelledSeries(1000, 800);
  ask(known, 0, UNLIKE);
  const linked = UNLIKE.length - hashedOf(known, UNLIKE);
  expect(linked).toBeGreaterThan(10);
  const alike = Array.from({ length: 20 }, (_, i) => `alike_total{id="${1000 + i}",job="kubernetes-pods"}`);
  ask(known, 0, alike);
  expect(hashedOf(known, alike)).toBe(1);
  expect(UNLIKE.length - hashedOf(known, UNLIKE)).toBe(linked);
});

test('of series without anything in common each byte counts', () => {
  const known = new LabelledSeries(1000, 100_000);
  for (const text of UNLIKE.slice(0, 12)) {
    ask(known, 0, ['before', text]);
    for (let i = 0; i < text.length; i++) ask(known, 0, ['before', `${text.slice(0, i)}_${text.slice(i + 1)}`]);
    ask(known, 0, ['before', text]);
  }
});

test('without room for links the hash decides', () => {
  const known = new LabelledSeries(1000, 50);
  ask(known, 0, SERIES);
  expect(ask(known, 0, SERIES)).toBe(100);
});

test('of more series than fit those that were first stay known, round after round', () => {
  const known = new LabelledSeries(80, 100_000);
  for (let round = 0; round < 50; round++) expect(ask(known, 0, SERIES)).toBe(round === 0 ? 0 : 80);
});

test('what does not come any more makes room, and nothing else does', () => {
  const known = new LabelledSeries(200, 100_000);
  for (let round = 0; round < 5; round++) ask(known, 0, [...SERIES, ...churn(0, 100)]);
  const others = churn(1000, 100);
  const counts = Array.from({ length: 12 }, () => ask(known, 0, [...SERIES, ...others]));
  expect(Math.min(...counts)).toBe(100);
  expect(counts.slice(-3)).toEqual([200, 200, 200]);
});

test('a tenant that sends ever new series drives out nobody’s that are in use, and others still find room', () => {
  const known = new LabelledSeries(200, 100_000);
  ask(known, 0, SERIES);
  const late = SERIES.slice(0, 60);
  let lateKnown = 0;
  for (let round = 0; round < 200; round++) {
    ask(known, 2, churn(round * 150, 150));
    expect(ask(known, 0, SERIES)).toBe(100);
    lateKnown = ask(known, 1, late);
  }
  expect(lateKnown).toBe(60);
});

test('a sender without any order costs no links for ever, and one whose order has changed is soon linked again', () => {
  const known = new LabelledSeries(200, 40_000);
  const random = new SeededRandom(3);
  for (let round = 0; round < 500; round++) expect(ask(known, 0, random.shuffle(SERIES))).toBe(round === 0 ? 0 : 100);
  expect(ask(known, 0, SERIES)).toBe(100);
});

test('it grows', () => {
  const known = new LabelledSeries(50_000, 10_000_000);
  const many = churn(0, 20_000);
  expect(ask(known, 0, many)).toBe(0);
  expect(ask(known, 0, many)).toBe(20_000);
});

test.each([
  { entries: 40, linkBytes: 600 },
  { entries: 120, linkBytes: 2000 },
  { entries: 400, linkBytes: 100_000 },
])('whatever is sent, by whom and cut anywhere, no id is another’s: $entries entries', ({ entries, linkBytes }) => {
  const random = new SeededRandom(entries);
  const known = new LabelledSeries(entries, linkBytes);
  const senders = Array.from({ length: 4 }, (_, i) => ({ tenant: i % 3, series: random.shuffle([...SERIES.slice(i * 10, i * 10 + 50), ...churn(i * 30, 20)]), next: 0 }));
  let knownCount = 0;
  for (let round = 0; round < 4000; round++) {
    const sender = random.pick(senders);
    const { series } = sender;
    const count = 1 + random.below(30);
    const request = Array.from({ length: count }, (_, i) => series[(sender.next + i) % series.length]!);
    sender.next = (sender.next + count) % series.length;
    // Series come and go.
    if (random.oneIn(20)) series.splice(random.below(series.length), 1, `new_${round}{job="kubernetes-pods"}`);
    knownCount += ask(known, sender.tenant, random.oneIn(30) ? random.shuffle(request) : request);
  }
  expect(knownCount).toBeGreaterThan(3000);
});
