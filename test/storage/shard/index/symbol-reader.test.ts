import { expect, test } from 'vitest';
import { DecodeError } from '../../../../proto/decode-error.ts';
import { ByteReader } from '../../../../proto/varint.ts';
import { ColumnWriter, writeLabels } from '../../../../storage/chunk/index.ts';
import type { Labels } from '../../../../storage/model/labels.ts';
import { SeriesIndex } from '../../../../storage/shard/index/series-index.ts';
import { SymbolReader } from '../../../../storage/shard/index/symbol-reader.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';

function readerOf(all: readonly Labels[]): ByteReader {
  const out = new ColumnWriter(64);
  for (const labels of all) writeLabels(labels, out);
  return new ByteReader(out.written().slice());
}

function readAll(index: SeriesIndex, symbols: SymbolReader, all: readonly Labels[]): Labels[] {
  const reader = readerOf(all);
  const read = all.map(() => [...symbols.read(reader)].map((symbol) => index.textOf(symbol)));
  expect(reader.done).toBe(true);
  return read;
}

test('label sets come back, whatever stood in their places before, from one block to the next', () => {
  const random = new SeededRandom(1);
  const texts = ['', 'a', 'b', 'ab', 'ba', 'é', 'è', '😀', '\ue000', '\0', '\ufeffa', 'x'.repeat(64), `${'x'.repeat(64)}y`, `${'x'.repeat(64)}z`, 'z'.repeat(200)];
  const index = new SeriesIndex();
  const symbols = new SymbolReader(index);
  for (let block = 0; block < 50; block++) {
    const all = Array.from({ length: 100 }, () => Array.from({ length: random.below(4) * 2 }, () => random.pick(texts)));
    expect(readAll(index, symbols, all)).toEqual(all);
  }
  expect(index.symbolCount).toBe(texts.length);
});

test('more texts than are remembered have a symbol each', () => {
  const all = Array.from({ length: 60_000 }, (_, i) => ['path', `/p/${i}`]);
  const index = new SeriesIndex();
  const symbols = new SymbolReader(index);
  for (let time = 0; time < 2; time++) expect(readAll(index, symbols, all)).toEqual(all);
  expect(index.symbolCount).toBe(60_001);
});

test('what is no label set is refused', () => {
  const f = (message: string, ...bytes: number[]): void => {
    const reader = new ByteReader(Uint8Array.of(2, 1, 97, 1, 98, ...bytes));
    const symbols = new SymbolReader(new SeriesIndex());
    symbols.read(reader);
    expect(() => symbols.read(reader), message).toThrow(DecodeError);
  };
  f('no pairs', 1, 1, 97);
  f('cut off', 2, 1, 97, 1);
  f('cut off in a length', 2, 1, 97);
  f('no UTF-8', 2, 1, 97, 1, 0xff);
});
