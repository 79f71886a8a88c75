import { expect, test } from 'vitest';
import { LineSplitter } from '../../proto/line-splitter.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';

/** The lines of a text that arrives in pieces of these lengths; a line over the limit is `[number]`. */
function split(text: string, lineBytesMax: number, nextLength: () => number): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter(
    {
      line: (bytes, start, end, number) => lines.push(`${number}:${Buffer.from(bytes.subarray(start, end)).toString('latin1')}`),
      tooLong: (number) => lines.push(`[${number}]`),
    },
    lineBytesMax,
  );
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at < bytes.length; ) {
    const length = nextLength();
    splitter.push(bytes.subarray(at, at + length));
    at += length;
  }
  splitter.end();
  return lines;
}

test('lines come whole, numbered, wherever the chunks are cut', () => {
  const random = new SeededRandom(5);
  for (let round = 0; round < 2000; round++) {
    const text = Array.from({ length: random.below(30) }, () => random.pick(['\n', 'a', 'bc', 'def', '\r'])).join('');
    const lines = text.split('\n');
    if (lines.at(-1) === '') lines.pop();
    const want = lines.map((line, i) => (line.length > 6 ? `[${i + 1}]` : `${i + 1}:${line}`));
    expect(split(text, 6, () => random.between(1, 9)), JSON.stringify(text)).toEqual(want);
  }
});

test('a line without an end keeps no more than the limit', () => {
  const splitter = new LineSplitter({ line: () => expect.unreachable(), tooLong: () => {} }, 1000);
  const chunk = new Uint8Array(64 * 1024).fill(0x61);
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 2000; i++) splitter.push(chunk);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024);
  splitter.end();
});
