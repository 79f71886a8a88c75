import { expect, test } from 'vitest';
import { storedValue } from '../../../storage/time-series/value.ts';
import { documentBits, documentId, DocumentMarks } from '../../../storage/time-series/documents.ts';
import { keyLabels, roleOf, rollupLabels } from '../../../storage/time-series/keys.ts';

test('values', () => {
  const number = (value: number): void => expect(storedValue(value)).toEqual({ kind: 'number', number: value });
  const document = (value: unknown, text: string): void => expect(storedValue(value)).toEqual({ kind: 'document', text });
  number(0.75);
  number(-0);
  number(NaN);
  number(-Infinity);
  document('text', '"text"');
  document(true, 'true');
  document(null, 'null');
  document([1, [null]], '[1,[null]]');
  document({ a: 1, b: undefined, c: { d: 'ü' } }, '{"a":1,"c":{"d":"ü"}}');
  document(Object.create(null), '{}');
});

test('what cannot be given back as it was is refused', () => {
  const f = (value: unknown, problem: string): void => expect(() => storedValue(value)).toThrow(`the value cannot be stored: ${problem}`);
  f(undefined, 'it is undefined; want a number or what JSON can hold');
  f(1n, 'it is a bigint');
  f(() => 1, 'it is a function');
  f(Symbol('x'), 'it is a symbol');
  f({ a: { b: [0, NaN] } }, 'a.b[1] is NaN, which JSON does not have');
  f([undefined], '[0] is undefined');
  f(new Date(0), 'it is an object of class Date; want a plain object');
  f({ when: new Map() }, 'when is an object of class Map');
  f({ toJSON: () => 1 }, 'it has a method toJSON; want a plain object');
  f({ list: Object.assign([1, 2], { toJSON: () => 1 }) }, 'list has a method toJSON; want a plain array');
  const circle: unknown[] = [];
  circle.push(circle);
  f(circle, 'it is nested more than 100 levels deep, or contains itself');
});

test('documents are told from numbers by their bits, whatever their id', () => {
  for (const id of [1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 50 - 1]) expect(documentId(...documentBits(id))).toBe(id);
  const numbers = new Float64Array([0, -0, 1, -1, Infinity, -Infinity, NaN, Number.MAX_VALUE, 5e-324]);
  const bits = new Uint32Array(numbers.buffer);
  for (let i = 0; i < numbers.length; i++) expect(documentId(bits[i * 2]!, bits[i * 2 + 1]!)).toBeUndefined();
  expect(documentId(2, 0x7ff00000)).toBeUndefined(); // the stale marker
});

test('marks', () => {
  const marks = new DocumentMarks();
  const ids = [1, 31, 32, 33, 1_000_000, 2 ** 40];
  for (const id of ids) marks.add(id);
  for (const id of ids) expect(marks.has(id)).toBe(true);
  for (const id of [0, 2, 34, 999_999, 2 ** 40 + 1, 2 ** 41]) expect(marks.has(id)).toBe(false);
});

test('keys', () => {
  expect(keyLabels('cpu_usage')).toEqual(['__name__', 'cpu_usage']);
  expect(keyLabels('größe 🎉 \u0000')).toEqual(['__name__', 'größe 🎉 \u0000']);
  const refused = (key: unknown, message: string): void => expect(() => keyLabels(key as string)).toThrow(message);
  refused('', `a key is a text that is not empty, got ""`);
  refused(undefined, 'got undefined');
  refused('a\ud800', 'it has half of a surrogate pair');
  refused('ü'.repeat(1025), 'a key of 2050 bytes, the limit labelValueBytesMax is 2048');
  expect(keyLabels('ü'.repeat(1024))[1]).toHaveLength(1024);
});

test('roles of series', () => {
  expect(roleOf(keyLabels('k'))).toEqual({ key: 'k', rollup: undefined });
  expect(roleOf(rollupLabels('k', 60_000, 'avg'))).toEqual({ key: 'k', rollup: { bucket: '1m', aggregate: 'avg' } });
});
