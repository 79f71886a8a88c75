import { expect, test } from 'vitest';
import { Engine } from '../../promql/engine.ts';
import type { SeriesSource } from '../../promql/series-source.ts';

test('subqueries take room for their steps once they have a series, however many a query names', async () => {
  const query = Array.from({ length: 40 }, (_, i) => `max_over_time(nothing[500s:1ms] offset ${i}s)`).join(' or ');
  let mostBytes = 0;
  const nothing: SeriesSource = {
    select: () => {
      mostBytes = Math.max(mostBytes, process.memoryUsage().arrayBuffers);
      return { [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }) };
    },
  };
  const before = process.memoryUsage().arrayBuffers;
  const { value } = await new Engine({ source: nothing }).instant(query, { timeMs: 1_700_000_000_000 });
  expect(value).toMatchObject({ kind: 'vector', samples: [] });
  // Half a million steps are 4 MB.
  expect(mostBytes - before).toBeLessThan(40_000_000);
});
