import { describe, expect, test } from 'vitest';
import { Engine } from '../../promql/engine.ts';
import type { SeriesSource } from '../../promql/series-source.ts';
import { labelsFrom } from '../../storage/model/labels.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';

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

describe('what rates keep of each step', () => {
  const range = { startMs: 1_700_000_000_000, stepMs: 1000 };
  /** Of 10,000 steps, one series. */
  const inLimits = (query: string, querySamplesMax: number) => engine.range(`sum(${query})`, { ...range, endMs: range.startMs + 9_999_000, limits: { querySamplesMax } });

  test('counts', async () => {
    await expect(inLimits('changes(m[1d])', 45_000)).resolves.toMatchObject({ value: { kind: 'matrix' } });
    await expect(inLimits('rate(m[1d])', 45_000)).rejects.toMatchObject({ kind: 'limit' });
    await expect(inLimits('rate(m[1d])', 60_000)).resolves.toMatchObject({ value: { kind: 'matrix' } });
  });

  test('is made piece by piece where there are many, and the rates are the same', async () => {
    // Empty windows, windows of one sample, and counters that begin at zero: a sample every few seconds, with gaps.
    const random = new SeededRandom(1);
    const timestampsMs = Float64Array.from({ length: 4000 }, () => random.below(50_000_000)).sort();
    const values = new Float64Array(4000);
    for (let i = 1; i < 4000; i++) values[i] = values[i - 1]! + random.below(3);
    const raw = { labels: labelsFrom({ __name__: 'c_total' }), timestampsMs: timestampsMs.map((at) => at + range.startMs), values, isStale: undefined, startTimestampsMs: undefined, histograms: undefined };
    const one: SeriesSource = { select: async function* () { yield raw; } };
    for (const call of ['rate', 'increase', 'delta']) {
      const columns = async (fromSecond: number, toSecond: number): Promise<(number | undefined)[]> => {
        const { value } = await new Engine({ source: one }).range(`${call}(c_total[20s])`, { startMs: range.startMs + fromSecond * 1000, endMs: range.startMs + (toSecond - 1) * 1000, stepMs: 1000 });
        if (value.kind !== 'matrix') throw new Error(value.kind);
        const [series] = value.series;
        return Array.from(series!.values, (sample, step) => (series!.present?.[step] === 0 ? undefined : sample));
      };
      const pieces = await Promise.all(Array.from({ length: 5 }, (_, i) => columns(i * 10_000, (i + 1) * 10_000)));
      const whole = await columns(0, 50_000);
      expect(whole.filter((rate) => rate !== undefined).length).toBeGreaterThan(10_000);
      expect(whole.filter((rate) => rate === undefined).length).toBeGreaterThan(10_000);
      expect(whole).toEqual(pieces.flat());
    }
  });
});
