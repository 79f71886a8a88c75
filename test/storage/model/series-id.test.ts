import { describe, expect, test } from 'vitest';
import { normalizeLabels } from '../../../ingest/validate.ts';
import { encodeWriteRequest } from '../../../proto/encode-write-request.ts';
import { readLabels } from '../../../proto/remote-write-v1.ts';
import { labelsFrom, type Labels } from '../../../storage/model/labels.ts';
import { SeriesHasher } from '../../../storage/model/series-id.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';

/** Distinct label sets to try. */
const SETS = Number(process.env['SERIES_ID_SETS'] ?? 1_000_000);

const key = Uint8Array.from({ length: 16 }, (_, i) => i * 7 + 1);
const hasher = new SeriesHasher(key);

function idOf(labels: Labels, by = hasher): string {
  by.hashLabels(labels);
  return [...by.words].join(':');
}

function must(labels: Labels | { readonly invalid: string }): Labels {
  if ('invalid' in labels) throw new Error(labels.invalid);
  return labels;
}

test('the id does not depend on the order in which a sender has the labels', () => {
  const random = new SeededRandom(1);
  const pairs = [['__name__', 'up'], ['job', 'é'], ['a', '😀'], ['\ue000', 'x'], ['\u{1f600}', 'y'], ['empty', '']] as const;
  const wanted = idOf(labelsFrom(pairs));
  for (let i = 0; i < 50; i++) {
    const message = encodeWriteRequest([{ labels: random.shuffle(pairs).flat(), timestampsMs: [], values: [] }]);
    const lengthBytes = message[1]! < 0x80 ? 1 : 2;
    expect(idOf(must(normalizeLabels(readLabels(message, 1 + lengthBytes, message.length), LIMITS)))).toBe(wanted);
  }
});

test('an id is the same for ever: these are stored', () => {
  expect(idOf([])).toMatchInlineSnapshot(`"1949788009:1679915374:1552977986"`);
  expect(idOf(['__name__', 'up', 'job', 'é😀'])).toMatchInlineSnapshot(`"3664808990:2906085478:2296684795"`);
  const bytes = new TextEncoder().encode('abcdefghi');
  hasher.hashSpan(new DataView(bytes.buffer), 1, 8);
  expect([...hasher.words].join(':')).toMatchInlineSnapshot(`"1960386588:2623754665:623970491"`);
});

test('labels are hashed as the UTF-8 that they are, whatever was hashed before', () => {
  const texts = ['__name__', 'up', 'long', 'x'.repeat(2000), 'longer', `${'x'.repeat(3000)}é`, 'é', '😀', 'é short', 'ascii'];
  const hashes = texts.map((text) => {
    const bytes = new TextEncoder().encode(text);
    hasher.hashSpan(new DataView(bytes.buffer), 0, bytes.length);
    return hasher.words.slice();
  });
  const folded = new Uint8Array(Uint32Array.from(hashes.flatMap((words) => [...words])).buffer);
  hasher.hashSpan(new DataView(folded.buffer), 0, folded.length);
  const wanted = [...hasher.words].join(':');
  expect(idOf(texts, new SeriesHasher(key))).toBe(wanted);
  expect(idOf(texts)).toBe(wanted);
});

describe('what differs in the least has another id', () => {
  function differ(...sets: Labels[]): void {
    test(JSON.stringify(sets).slice(0, 60), () => expect(new Set(sets.map((labels) => idOf(labels))).size).toBe(sets.length));
  }
  differ(['ab', 'c'], ['a', 'bc'], ['abc', ''], ['', 'abc'], ['c', 'ab']);
  differ(['a', 'b'], ['b', 'a'], ['a', 'b', 'a', 'b'], []);
  differ(['a', '\0'], ['a', '\0\0'], ['a', ''], ['a', '\0\0\0'], ['a', '\0\0\0\0'], ['a', '\0'.repeat(256)], ['a', '\0'.repeat(257)]);
  differ(...Array.from({ length: 32 }, (_, bit) => ['a', String.fromCharCode(0x4e00 ^ (1 << bit % 12)) + bit]));
  differ(['a', 'x'.repeat(2000)], ['a', `${'x'.repeat(1999)}y`], ['a', `y${'x'.repeat(1999)}`]);
});

test('labels hashed again with another text in one place are as if hashed anew', () => {
  const texts = ['', 'x', 'é', '\ud800', 'y'.repeat(63), 'y'.repeat(64), 'y'.repeat(65), `${'y'.repeat(63)}é`, 'z'.repeat(3000), '1'];
  const labels = ['__name__', 'up', 'a', 'b', 'le', '0.5'];
  hasher.hashLabels(labels);
  const rehashed = texts.flatMap((text) =>
    [1, 5].map((index) => {
      labels[index] = text;
      hasher.rehashLabels(index, text);
      return { labels: [...labels], id: [...hasher.words].join(':') };
    }),
  );
  for (const { labels: changed, id } of rehashed) expect(id, changed.join(' ')).toBe(idOf(changed, new SeriesHasher(key)));
});

test('only who hashed the last labels may hash them again', () => {
  const another = new SeriesHasher(new Uint8Array(16).fill(9));
  hasher.hashLabels(['a', 'b']);
  another.hashLabels(['a', 'b']);
  another.rehashLabels(1, 'c');
  expect([...another.words].join(':')).toBe(idOf(['a', 'c'], another));
  hasher.hashLabels(['a', 'b']);
  expect(() => another.rehashLabels(1, 'c')).toThrow('BUG');
});

test('another key gives other ids, whichever of its bits is changed', () => {
  const ids = new Set<string>();
  for (let bit = 0; bit < 128; bit++) {
    const changed = key.slice();
    changed[bit >> 3]! ^= 1 << (bit & 7);
    ids.add(idOf(['__name__', 'up'], new SeriesHasher(changed)));
  }
  ids.add(idOf(['__name__', 'up']));
  expect(ids.size).toBe(129);
});

test('a key of another length is our mistake', () => {
  expect(() => new SeriesHasher(new Uint8Array(15))).toThrow('BUG');
});

test(`${SETS} label sets have as many ids, and all three words are spread evenly`, { timeout: 300_000 }, () => {
  // Low and high words as one number in a sorted array: equal neighbours are the only suspects.
  const ids = new BigUint64Array(SETS);
  const words = new Uint32Array(ids.buffer);
  const buckets = [0, 1, 2].map(() => new Uint32Array(64));
  const shared = ['__name__', 'http_request_duration_seconds_bucket', 'instance', '', 'le', ''];
  for (let i = 0; i < SETS; i++) {
    shared[3] = `10.0.${(i >>> 8) & 0xff}.${i >>> 16}:9100`;
    shared[5] = String(i & 0xff);
    hasher.hashLabels(shared);
    words[i * 2] = hasher.words[0]!;
    words[i * 2 + 1] = hasher.words[1]!;
    buckets.forEach((counts, word) => counts[hasher.words[word]! & 63]!++);
  }
  ids.sort();
  let equal = 0;
  for (let i = 1; i < SETS; i++) if (ids[i] === ids[i - 1]) equal++;
  expect(equal).toBe(0);
  // Chi squared with 63 degrees of freedom: 150 is beyond any honest chance (p < 1e-8).
  for (const counts of buckets) expect(counts.reduce((sum, count) => sum + (count - SETS / 64) ** 2 / (SETS / 64), 0)).toBeLessThan(150);
});
