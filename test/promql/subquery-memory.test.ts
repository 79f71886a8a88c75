import { expect, test } from 'vitest';
import { Engine } from '../../promql/engine.ts';
import type { SeriesSource } from '../../promql/series-source.ts';
import { labelsFrom } from '../../storage/model/labels.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';

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

/** Of two series, sample by sample. */
const samples: SeriesSource = {
  select: ({ startMs, endMs }) => {
    const timestampsMs = Float64Array.from({ length: 100 }, (_, i) => Math.ceil(startMs + ((endMs - startMs) / 100) * i));
    const series = ['a', 'b'].map((host) => ({
      labels: labelsFrom({ host }), timestampsMs, values: new Float64Array(100).fill(1), isStale: undefined, startTimestampsMs: undefined, histograms: undefined,
    }));
    return { [Symbol.asyncIterator]: () => ({ next: async () => (series.length > 0 ? { done: false, value: series.pop()! } : { done: true, value: undefined }) }) };
  },
};
const engine = new Engine({ source: samples, limits: { querySamplesMax: LIMITS.querySamplesMax, subqueryStepsMax: LIMITS.subqueryStepsMax }, lookbackMs: 86_400_000 });
const inAWeekOfSeconds = (query: string): string => `max_over_time((${query})[1w:1s])`;

test.each([
  'm', 'rate(m[1d])', 'sum(rate(m[1d]))', 'sum(rate(m[1d])) / sum(rate(n[1d]))', '(time() - m) / 60 * 2 + 1', 'clamp(m, 0, 100)', 'absent(m)', 'scalar(m) + 1 > vector(2)',
])('a week of seconds of %s is evaluated', async (query) => {
  expect((await engine.instant(inAWeekOfSeconds(query), { timeMs: 1_700_000_000_000 })).value.kind).toBe('vector');
});

const times = (count: number, one: string, between: string): string => Array.from({ length: count }, () => one).join(between);

/** By what there is much of. */
test.each<[string, string]>([
  ['subqueries', Array.from({ length: 20 }, (_, i) => `max_over_time(m[1w:1s] offset ${i}s)`).join(' + ')],
  ['subqueries in each other', inAWeekOfSeconds(`${'max_over_time('.repeat(10)}m${'[10s:1s])'.repeat(10)}`)],
  ['rates', inAWeekOfSeconds(Array.from({ length: 20 }, (_, i) => `rate(m[${i + 1}h])`).join(' + '))],
  ['scalars', inAWeekOfSeconds(`m * ${times(20, 'time()', ' * ')}`)],
  ['scalars of scalars', inAWeekOfSeconds(`vector(${times(20, 'time()', ' * ')})`)],
  ['arguments', inAWeekOfSeconds(`${'clamp('.repeat(20)}m${', 0, 1)'.repeat(20)}`)],
  ['parameters', inAWeekOfSeconds(`${'quantile(0.5, '.repeat(20)}m${')'.repeat(20)}`)],
])('a subquery of so many steps with many %s is refused', async (_, query) => {
  await expect(engine.instant(query, { timeMs: 1_700_000_000_000 })).rejects.toMatchObject({
    kind: 'limit', message: `query processing would load too many samples into memory in query execution (querySamplesMax is ${LIMITS.querySamplesMax})`,
  });
});

test('what a subquery held is given back when it is through', async () => {
  const one = (i: number): string => `max_over_time(rate(m[1d])[1w:1s] offset ${i}s)`;
  // Scalars come first, one after the other.
  const query = `${Array.from({ length: 5 }, (_, i) => `scalar(sum(${one(i)})) * (`).join('')}${one(5)}${')'.repeat(5)}`;
  expect((await engine.instant(query, { timeMs: 1_700_000_000_000 })).value.kind).toBe('vector');
});
