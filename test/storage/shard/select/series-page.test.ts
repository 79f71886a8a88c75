import { expect, test } from 'vitest';
import { labelsFrom, type Labels } from '../../../../storage/model/labels.ts';
import { SeriesIndex } from '../../../../storage/shard/index/series-index.ts';
import { SeriesPage, writeSeriesPage } from '../../../../storage/shard/select/series-page.ts';

const utf8 = new TextDecoder();

function labelsOf(page: SeriesPage): Labels[] {
  const symbols = page.symbols();
  let start = 0;
  return Array.from(page.ends, (end) => Array.from(page.numbers.subarray(start, (start = end)), (number) => symbols[number]!));
}

function indexOf(all: readonly Labels[]): SeriesIndex {
  const index = new SeriesIndex();
  for (const labels of all) index.add(labels);
  return index;
}

test('what is written is read, page after page, with few series and with many', () => {
  const strange = ['"', '\\', '\\"', 'ü\u{1f600}', '\u0000\u001f', ']["', ','];
  for (const count of [0, 1, 7, 255, 256, 2000]) {
    const all = Array.from({ length: count }, (_, i) => labelsFrom({ __name__: `m${i % 3}`, i: `${i}`, s: strange[i % strange.length]! }));
    const index = indexOf(all);
    const refs = all.map((_, ref) => ref);
    for (const bytesTarget of [1, 500, 1e6]) {
      const read: Labels[] = [];
      let pages = 0;
      for (let start = 0; start < refs.length || pages === 0; pages++) {
        const { page, end } = writeSeriesPage(index, refs, start, bytesTarget);
        const sets = new SeriesPage(page);
        read.push(...labelsOf(sets));
        sets.symbols().forEach((text, i) => expect(utf8.decode(sets.text.subarray(sets.textStarts[i], sets.textEnds[i]))).toBe(JSON.stringify(text)));
        start = end;
      }
      expect(read).toEqual(all);
      expect(pages).toBe(bytesTarget === 1e6 ? 1 : bytesTarget === 1 ? Math.max(1, count) : pages);
    }
  }
});

test('a damaged page is refused, whatever is cut off or changed', () => {
  const { page } = writeSeriesPage(indexOf([labelsFrom({ __name__: 'm', a: 'b' }), labelsFrom({ __name__: 'm', a: 'c' })]), [0, 1], 0, 1000);
  for (let length = 0; length < page.byteLength; length++) expect(() => new SeriesPage(page.slice(0, length)), String(length)).toThrow(/^series page: /);
  const f = (at: number, word: number, message: RegExp): void => {
    const copy = page.slice();
    new Uint32Array(copy, 0, Math.floor(copy.byteLength / 4))[at] = word;
    expect(() => new SeriesPage(copy)).toThrow(message);
  };
  f(0, 2, /version 2, this build knows 1/);
  f(1, 3, /^series page: /);
  f(4, 9, /labels from/);
  f(4, 3, /labels from 0 to 3/);
  f(5, 2, /labels from 4 to 2/);
  f(6, 99, /symbol 99 of 5/);
});
