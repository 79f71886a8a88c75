import { expect, test } from 'vitest';
import { QuickIds } from '../../../ingest/remote-write/quick-ids.ts';
import { SymbolNumbers } from '../../../ingest/remote-write/symbol-numbers.ts';
import { normalizeLabels } from '../../../ingest/validate.ts';
import { decodeWriteRequest, WriteRequestColumns } from '../../../proto/remote-write-v1.ts';
import { decodeRequest, RequestColumns } from '../../../proto/remote-write-v2.ts';
import { SeriesHasher } from '../../../storage/model/series-id.ts';
import { limitsWith } from '../../fakes/limits-with.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { bytesField, label, request, sample, series, varint } from '../../proto/protobuf-fields.ts';
import { v2Request } from '../../proto/v2-request.ts';

const hasher = new SeriesHasher(new Uint8Array(16).fill(7));
const LIMITS = limitsWith({ labelsPerSeriesMax: 6, labelNameBytesMax: 20, labelValueBytesMax: 40 });

/** The ids of series with these labels, by both protocols; `undefined` where the labels have to be parsed. */
function quickIds(labels: readonly string[]): readonly [string | undefined, string | undefined] {
  const quick = new QuickIds(8);
  const pairs = Array.from({ length: labels.length >> 1 }, (_, i) => label(labels[i * 2]!, labels[i * 2 + 1]!));
  const first = request(series(...pairs, sample(1, 5)));
  const columns = new WriteRequestColumns();
  decodeWriteRequest(first, columns);
  const ofFields = quick.ofFields(hasher, new DataView(first.buffer), columns.labelsStart[0]!, columns.labelsEnd[0]!, LIMITS) ? hasher.words.join() : undefined;
  const second = v2Request({ labels: [...labels], samples: [{ value: 1, timestamp: 5 }] }).slice();
  const refs = new RequestColumns();
  decodeRequest(second, refs);
  const symbols = new SymbolNumbers(100, 10_000);
  const view = new DataView(second.buffer);
  symbols.read(hasher, view, refs.symbolStart, refs.symbolEnd, refs.symbolCount);
  const nameRef = quick.ofRefs(hasher, view, refs, symbols, 0, LIMITS);
  const ofRefs = nameRef !== 0 ? hasher.words.join() : undefined;
  if (nameRef !== 0) expect(Buffer.from(second.subarray(refs.symbolStart[nameRef], refs.symbolEnd[nameRef])).toString()).toBe(labels[labels.indexOf('__name__') + 1]);
  return [ofFields, ofRefs];
}

function idOf(labels: readonly string[]): string {
  hasher.hashLabels(labels);
  return hasher.words.join();
}

test('the id is that of the parsed labels', () => {
  const labels = ['__name__', 'http_requests_total', 'instance', '10.0.0.1:8080', 'job', 'node'];
  expect(quickIds(labels)).toEqual([idOf(labels), idOf(labels)]);
  const alike = ['__name__', 'm', '__name__2', 'n', 'job', 'a', 'jobs', 'b', 'joc', 'c'];
  expect(quickIds(alike)).toEqual([idOf(alike), idOf(alike)]);
});

/** The id of a series of 2.0 with these references to symbols `0`, `1` and so on, of which `__name__` is the one at `nameAt`. */
function idOfRefs(refs: readonly number[], { count, nameAt }: { readonly count: number; readonly nameAt: number }): string | undefined {
  const symbols = Array.from({ length: count }, (_, i) => (i === nameAt ? '__name__' : i === 0 ? '' : `x${i}`));
  const message = Uint8Array.from([...symbols.flatMap((symbol) => bytesField(4, symbol)), ...bytesField(5, [...bytesField(1, refs), ...bytesField(2, [])])]);
  const columns = new RequestColumns();
  decodeRequest(message, columns);
  const numbers = new SymbolNumbers(20_000, 1_000_000);
  const view = new DataView(message.buffer);
  numbers.read(hasher, view, columns.symbolStart, columns.symbolEnd, columns.symbolCount);
  return new QuickIds(8).ofRefs(hasher, view, columns, numbers, 0, LIMITS) === 0 ? undefined : hasher.words.join();
}

test('references have one byte or two, and come in pairs, of symbols that there are', () => {
  const few = { count: 4, nameAt: 1 };
  expect(idOfRefs([1, 2], few)).toBe(idOf(['__name__', 'x2']));
  for (const refs of [[1], [1, 2, 3], [1, 4], [4, 1], [1, 0x82, 0x80, 0]]) expect(idOfRefs(refs, few), String(refs)).toBeUndefined();
  const many = { count: 400, nameAt: 200 };
  expect(idOfRefs([...varint(200), ...varint(399)], many)).toBe(idOf(['__name__', 'x399']));
  expect(idOfRefs([...varint(200), 127, ...varint(128), 1], many)).toBe(idOf(['__name__', 'x127', 'x128', 'x1']));
  expect(idOfRefs([...varint(200), ...varint(400)], many)).toBeUndefined();
  expect(idOfRefs([...varint(200), ...varint(256, 3)], many)).toBeUndefined();
  // Of three references, one of three bytes, which might be read as two.
  expect(idOfRefs([...varint(200), ...varint(16_700), 5], { count: 17_000, nameAt: 200 })).toBeUndefined();
});

test.each<[string, readonly string[]]>([
  ['no labels', []],
  ['no metric name', ['instance', 'a']],
  ['a metric name without a value', ['__name__', '']],
  ['an empty name', ['', 'x', '__name__', 'm']],
  ['an empty value', ['__name__', 'm', 'job', '']],
  ['labels that are not sorted', ['job', 'a', '__name__', 'm']],
  ['a name twice', ['__name__', 'm', 'job', 'a', 'job', 'b']],
  ['a name that is the beginning of the one before', ['__name__', 'm', 'jobs', 'a', 'job', 'b']],
  ['a longer name that begins like that of the metric', ['__name__2', 'm']],
  ['text beyond ASCII', ['__name__', 'm', 'ort', 'Köln']],
  ...['ö', 'xö', 'xxö', 'xxxö'].map((value) => [`text that ends beyond ASCII, of ${value.length} letters`, ['__name__', value]] as [string, readonly string[]]),
  ['a name beyond ASCII', ['__name__', 'm', 'größe', '1']],
  ['a name above the limit', ['__name__', 'm', 'x'.repeat(21), 'a']],
  ['a value above the limit', ['__name__', 'm', 'x', 'a'.repeat(41)]],
  ['more labels than the limit', ['__name__', 'm', ...['a', 'b', 'c', 'd', 'e', 'f'].flatMap((name) => [name, 'x'])]],
])('%s is for those who parse labels', (_, labels) => {
  expect(quickIds(labels)).toEqual([undefined, undefined]);
});

test('a label field that is not a name and a value is for those who parse labels', () => {
  const quick = new QuickIds(8);
  const name = [...bytesField(1, '__name__'), ...bytesField(2, 'm')];
  const asIs = Uint8Array.from(bytesField(1, name));
  expect(quick.ofFields(hasher, new DataView(asIs.buffer), 0, asIs.length, LIMITS)).toBe(true);
  for (const content of [[...bytesField(2, 'm'), ...bytesField(1, '__name__')], [...name, ...bytesField(3, 'x')], [...name, ...bytesField(2, 'n')], bytesField(1, '__name__'), [...bytesField(1, '__name__'), 0x12, 9]]) {
    const field = Uint8Array.from(bytesField(1, content));
    expect(quick.ofFields(hasher, new DataView(field.buffer), 0, field.length, LIMITS)).toBe(false);
  }
});

test('whatever the labels are, there is an answer only where they are in form, and then it is the id', () => {
  const random = new SeededRandom(20_261_126);
  const names = ['__name__', 'a', 'ab', 'b', 'job', 'jobs', 'ö', '', 'x'.repeat(21)];
  const values = ['m', 'n', '', 'ü', 'v'.repeat(40), 'v'.repeat(41)];
  let answers = 0;
  for (let round = 0; round < 3000; round++) {
    const pick = (from: readonly string[]): string => random.oneIn(4) ? random.pick(from) : from[random.below(Math.min(from.length, 6))]!;
    const raw = Array.from({ length: random.below(8) }, () => [pick(names), random.oneIn(3) ? pick(values) : 'm'] as const);
    const labels = (random.oneIn(4) ? raw : [...new Map([...raw, ['__name__', 'm'] as const])].sort(([a], [b]) => (a < b ? -1 : 1))).flat();
    const parsed = normalizeLabels(labels, LIMITS);
    for (const id of quickIds(labels)) {
      if (id === undefined) continue;
      answers++;
      expect(parsed).toEqual(labels);
      expect(id).toBe(idOf(labels));
    }
  }
  expect(answers).toBeGreaterThan(500);
});
