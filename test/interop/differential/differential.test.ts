import { describe, expect, test } from 'vitest';
import { FUNCTION_SIGNATURES, parseExpr, ParseError } from '../../../promql/parser/index.ts';
import { STALE_BITS_HIGH, STALE_BITS_LOW } from '../../../storage/model/sample.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import type { ReferenceHistogram } from '../../proto/reference-messages.ts';
import type { Answer } from './answers.ts';
import { differenceOf, noteDifferenceOf, orderDifferenceOf } from './difference.ts';
import { type Exception, excusedMax, type Finding } from './exception.ts';
import { EXCEPTIONS_OF_2_42 } from './exceptions-of-2-42.ts';
import { EXCEPTIONS_OF_3_16 } from './exceptions-of-3-16.ts';
import { EXCEPTIONS_OF_3_5 } from './exceptions-of-3-5.ts';
import type { Answers } from './investigation.ts';
import { Grammar } from './grammar.ts';
import { histogramData } from './histogram-data.ts';
import { invalidExpression } from './invalid-expressions.ts';
import { randomData } from './random-data.ts';
import { type Query, randomQuery } from './random-queries.ts';
import { restyle } from './restyle.ts';
import { shrink, smallerExpressions } from './shrink.ts';
import { dataTimes, LATTICES } from './timing.ts';

const TIMES = dataTimes(1_700_000_123_456);

function vector(...series: (readonly [key: string, value: number])[]): Answer {
  return { kind: 'data', resultType: 'vector', series: series.map(([key, value]) => ({ key, points: [[1, value]] })), notes: [] };
}

describe('the data', () => {
  const data = randomData(new SeededRandom(1), TIMES, 'old');

  test('lie on their place of the lattice, in order, and are the same for the same seed', () => {
    for (const { labels, timestampsMs } of data) {
      for (const [index, timestampMs] of timestampsMs.entries()) {
        expect(timestampMs % LATTICES.old.stepMs).toBe(LATTICES.old.samplePhaseMs);
        if (index > 0) expect(timestampMs).toBeGreaterThan(timestampsMs[index - 1]!);
      }
      const names = labels.filter((_, index) => index % 2 === 0);
      expect(names).toEqual(names.toSorted());
    }
    expect(randomData(new SeededRandom(1), TIMES, 'old')).toEqual(data);
  });

  test('hold what is odd about real data', () => {
    const values = data.map((series) => Float64Array.from(series.values));
    const some = (predicate: (value: number) => boolean): boolean => values.some((column) => column.some(predicate));
    expect(some((value) => value === Infinity)).toBe(true);
    expect(some((value) => Object.is(value, -0))).toBe(true);
    const words = data.map(({ values: column }) => (column instanceof Float64Array ? new Uint32Array(column.buffer) : new Uint32Array()));
    expect(words.some((column) => column.some((word, index) => word === STALE_BITS_HIGH && column[index - 1] === STALE_BITS_LOW))).toBe(true);
    const counters = data.filter(({ labels }) => labels.includes('requests_total'));
    expect(counters.some(({ values: column }) => column.some((value, index) => index > 0 && value < column[index - 1]!))).toBe(true);
  });
});

describe('the queries', () => {
  const queries = Array.from({ length: 4_000 }, (_, number) => randomQuery(1, number, TIMES, 'old'));
  const texts = queries.map(({ expression }) => expression).join('\n');

  test('depend on seed and number only', () => {
    expect(randomQuery(1, 7, TIMES, 'old')).toEqual(queries[7]);
    expect(randomQuery(2, 7, TIMES, 'old')).not.toEqual(queries[7]);
  });

  test('are evaluated on their place of the lattice', () => {
    for (const query of queries) {
      const times = 'timeMs' in query ? [query.timeMs] : [query.startMs, query.endMs];
      for (const timeMs of times) expect(timeMs % LATTICES.old.stepMs).toBe(LATTICES.old.evaluationPhaseMs);
    }
  });

  test('have every function that is not newer than 2.42', () => {
    const newer = [
      'first_over_time', 'histogram_avg', 'histogram_fraction', 'histogram_quantiles', 'histogram_stddev', 'histogram_stdvar', 'info', 'mad_over_time',
      'max_of', 'min_of', 'range', 'sort_by_label', 'sort_by_label_desc', 'start_timestamp', 'step', 'ts_of_first_over_time', 'ts_of_last_over_time',
      'ts_of_max_over_time', 'ts_of_min_over_time',
    ];
    const unused = Object.keys(FUNCTION_SIGNATURES).filter((name) => !new RegExp(`\\b${name}\\(`).test(texts));
    expect(unused.toSorted()).toEqual(newer);
  });

  test.each([
    'sum', 'avg', 'min', 'max', 'count', 'group', 'stddev', 'stdvar', 'topk', 'bottomk', 'quantile', 'count_values', 'by', 'without', 'on', 'ignoring',
    'group_left', 'group_right', 'bool', 'and', 'or', 'unless', 'atan2', 'offset',
  ])('have %s', (keyword) => {
    expect(texts).toMatch(new RegExp(`\\b${keyword}\\b`));
  });

  test('are well typed, unless they are meant not to be', () => {
    for (const dialect of ['old', 'new'] as const) {
      const random = new SeededRandom(3);
      const grammar = new Grammar(random, TIMES, dialect);
      for (let i = 0; i < 500; i++) {
        const { text } = grammar.vector(4);
        expect(() => parseExpr(restyle(random, text)), text).not.toThrow();
        expect(() => parseExpr(invalidExpression(grammar))).toThrow(ParseError);
      }
    }
  });
});

describe('what 2.42 does not have', () => {
  test('histograms of all kinds, each a valid one, in order', () => {
    const data = histogramData(new SeededRandom(1), TIMES, 'new');
    const all: ReferenceHistogram[] = [];
    for (const { runs } of data) {
      const times = runs.flatMap((run) => (run.kind === 'floats' ? run.timestampsMs : run.histograms.map(({ timestamp }) => Number(timestamp))));
      expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
      for (const run of runs) if (run.kind === 'histograms') all.push(...run.histograms);
    }
    expect(data.some(({ runs }) => runs.some(({ kind }) => kind === 'floats') && runs.some(({ kind }) => kind === 'histograms'))).toBe(true);
    expect(new Set(all.map(({ schema }) => schema))).toEqual(new Set([-53, -1, 0, 1, 2, 3]));
    for (const { countInt, zeroCountInt = 0, positiveDeltas = [], negativeDeltas = [], positiveSpans = [], sum } of all.filter((each) => each.countInt !== undefined)) {
      const inBuckets = Number(zeroCountInt) + total(positiveDeltas) + total(negativeDeltas);
      expect(inBuckets).toBeLessThanOrEqual(Number(countInt));
      if (!Number.isNaN(sum)) expect(inBuckets).toBe(Number(countInt));
      expect(positiveSpans.reduce((length, span) => length + (span.length ?? 0), 0)).toBe(positiveDeltas.length);
    }
  });

  test('functions', () => {
    const texts = Array.from({ length: 6_000 }, (_, number) => randomQuery(1, number, TIMES, 'new').expression).join('\n');
    const newer = ['first_over_time', 'histogram_quantiles', 'max_of', 'min_of', 'range', 'start_timestamp', 'step', 'ts_of_first_over_time'];
    expect(Object.keys(FUNCTION_SIGNATURES).filter((name) => !new RegExp(`\\b${name}\\(`).test(texts)).toSorted()).toEqual(newer);
    for (const text of ['limitk by', 'limit_ratio(', '{"', '(2^1 * ']) expect(texts).toContain(text);
  });
});

describe('what 3.5 does not have', () => {
  const data = histogramData(new SeededRandom(1), TIMES, 'current');
  const texts = Array.from({ length: 12_000 }, (_, number) => randomQuery(1, number, TIMES, 'current').expression).join('\n');

  test('every function, modifier and operator is asked for', () => {
    expect(Object.keys(FUNCTION_SIGNATURES).filter((name) => !new RegExp(`\\b${name}\\s*\\(`).test(texts))).toEqual([]);
    for (const pattern of [/ anchored/, / smoothed/, /\bfill \(|\bfill\(/, /fill_left\([^)]*\) fill_right/, / <\/ /, / >\/ /, /offset -?\(?(?:min_of|step|range)/i, /\[\d+m\d*s?:max_of/, /@ start\(\)/]) {
      expect(texts).toMatch(pattern);
    }
  });

  test('start timestamps, of floats and of histograms, known or not', () => {
    const floats = randomData(new SeededRandom(1), TIMES, 'current').flatMap(({ startTimestampsMs = [] }) => startTimestampsMs);
    const histograms = data.filter(({ hasStarts }) => hasStarts).flatMap(({ runs }) => runs).flatMap((run) => (run.kind === 'floats' ? [] : run.histograms));
    for (const starts of [floats, histograms.map(({ startTimestamp }) => Number(startTimestamp))]) {
      expect(starts.some((startMs) => startMs === 0)).toBe(true);
      expect(starts.some((startMs) => startMs > TIMES.startMs)).toBe(true);
    }
  });

  test('custom bounds that change', () => {
    const bounds = data.filter(({ labels }) => labels.includes('native_bounds')).flatMap(({ runs }) => runs).flatMap((run) => (run.kind === 'floats' ? [] : run.histograms.map(({ customValues = [] }) => customValues.join())));
    expect(new Set(bounds).size).toBeGreaterThan(3);
  });
});

function total(deltas: readonly (number | string)[]): number {
  let [count, sum] = [0, 0];
  for (const delta of deltas) sum += count += Number(delta);
  return sum;
}

describe('shrinking', () => {
  test('takes one thing away', () => {
    expect(smallerExpressions('a + 1')).toEqual(['a']);
    expect(smallerExpressions('sum by (x) (a)')).toEqual(['a', 'sum(a)']);
    expect(smallerExpressions('rate(a{x="1"}[5m] offset 1m)')).toContain('rate(a[5m] offset 1m)');
    expect(smallerExpressions('not (promql')).toEqual([]);
  });

  test('ends at the smallest query that still fails', async () => {
    const query: Query = { expression: 'abs(sum by (x) (rate(a{x="1"}[5m] offset 1m)) * 2)', startMs: 0, endMs: 100_000, stepMs: 1_000 };
    const smallest = await shrink(query, ({ expression }) => Promise.resolve(expression.includes('rate')));
    expect(smallest).toEqual({ expression: 'rate(a[5m])', timeMs: expect.any(Number) as number });
  });
});

describe('differences', () => {
  const kindOf = (wanted: Answer, got: Answer): string | undefined => differenceOf(wanted, got)?.kind;
  const refusal = (errorType: string, text: string): Answer => ({ kind: 'error', errorType, text });

  test('of data', () => {
    expect(kindOf(vector(['a', 1]), vector(['a', 1 + 1e-15]))).toBeUndefined();
    expect(kindOf(vector(['a', 1]), vector(['a', 1 + 1e-9]))).toBe('data');
    expect(kindOf(vector(['a', 1]), vector(['b', 1]))).toBe('data');
    expect(kindOf(vector(['a', Number.NaN]), vector(['a', Number.NaN]))).toBeUndefined();
    expect(kindOf(vector(['a', 1], ['b', 2]), vector(['b', 2], ['a', 1]))).toBeUndefined();
  });

  test('of order', () => {
    expect(orderDifferenceOf(vector(['a', 1], ['b', 2]), vector(['b', 2], ['a', 1]), 'value')?.kind).toBe('order');
    expect(orderDifferenceOf(vector(['a', 1], ['b', 1]), vector(['b', 1], ['a', 1]), 'value')).toBeUndefined();
    expect(orderDifferenceOf(vector(['a', 1], ['b', 1]), vector(['b', 1], ['a', 1]), 'labels')?.kind).toBe('order');
    expect(orderDifferenceOf(vector(['a', 1], ['b', 2]), vector(['b', 2], ['a', 1]), undefined)).toBeUndefined();
  });

  test('of refusals', () => {
    expect(kindOf(vector(), refusal('execution', 'no'))).toBe('only got refuses');
    expect(kindOf(refusal('execution', 'no'), vector())).toBe('only wanted refuses');
    expect(kindOf(refusal('execution', 'no'), refusal('bad_data', 'no'))).toBe('error type');
    expect(kindOf(refusal('execution', 'no'), refusal('execution', 'other words'))).toBeUndefined();
    expect(kindOf(refusal('bad_data', 'no'), refusal('bad_data', 'other words'))).toBe('error text');
    expect(kindOf(refusal('bad_data', '1:1: no'), refusal('bad_data', 'invalid parameter "query": 1:1: no'))).toBeUndefined();
  });
});

describe('exceptions', () => {
  type Inner = Answers | ((query: Query) => Answers);
  /** The name of the exception, where every other query gets the answers of `inner`. */
  const excuse = async (expression: string, wanted: Answer, got: Answer, inner: Inner = { wanted, got }, exceptions: readonly Exception[] = EXCEPTIONS_OF_2_42): Promise<string | undefined> => {
    const difference = (differenceOf(wanted, got) ?? noteDifferenceOf(wanted, got))!;
    const askBoth = (query: Query): Promise<Answers> => Promise.resolve(typeof inner === 'function' ? inner(query) : inner);
    const finding: Finding = { query: { expression, timeMs: 1_000 }, tree: parseExpr(expression), wanted, got, difference, askBoth };
    for (const exception of exceptions) if (await exception.covers(finding)) return exception.name;
    return undefined;
  };
  const both = (answer: Answer): Answers => ({ wanted: answer, got: answer });
  const refused = (text: string): Answer => ({ kind: 'error', errorType: 'execution', text });

  test('do not cover what nobody has explained', async () => {
    expect(await excuse('rate(requests_total[5m])', vector(['a', 1]), vector(['a', 2]))).toBeUndefined();
    expect(await excuse('rate(temperature[5m])', vector(['a', 1]), vector(['a', 2]))).toBeUndefined();
    expect(await excuse('sum(temperature)', vector(['a', 1]), vector(['a', 2]))).toBeUndefined();
    expect(await excuse('topk(1, temperature)', vector(['a', 1]), vector(['b', 1]), both(vector(['a', 1], ['b', 2])))).toBeUndefined();
    expect(await excuse('temperature + limit', vector(['a', 1]), refused('multiple matches for labels'))).toBeUndefined();
    expect(await excuse('temperature > limit', vector(['a', 1]), refused('multiple matches for labels'), both(vector()))).toBeUndefined();
    expect(await excuse('stddev(odd)', vector(['a', 1]), vector(['a', Number.NaN]))).toBeUndefined();
    expect(await excuse('predict_linear(level[5m] @ 9, 60)', vector(['a', 1]), vector(['a', 2]))).toBeUndefined();
    expect(await excuse('topk(scalar(level), level @ 9)', vector(['a', 1]), vector(['b', 1]), { wanted: vector(['a', 1]), got: vector() })).toBeUndefined();
    expect(await excuse('level atan2 odd', vector(['[["__name__","level"],["a","1"]]', 1]), vector(['[["a","1"]]', 2]))).toBeUndefined();
    expect(await excuse('abs(level) > level', vector(['[["a","1"]]', 1]), vector(['[["__name__","level"],["a","1"]]', 1]))).toBe('names behind a filter');
    expect(await excuse('level > level', vector(['[["a","1"]]', 1]), vector(['[["__name__","level"],["a","1"]]', 1]))).toBeUndefined();
    expect(await excuse('last_over_time(level[5m:1m])', vector(['a', 1]), vector())).toBeUndefined();
    expect(await excuse('timestamp(level @ 9 offset 5m)', vector(['a', 1]), vector(), { wanted: vector(['a', 1]), got: vector() })).toBeUndefined();
  });

  test('are few', () => {
    const exception: Exception = { name: '', reason: '', perTenThousand: 100, covers: () => true };
    expect(excusedMax(exception, 10_000)).toBe(130);
    expect(excusedMax(exception, 100)).toBe(4);
    expect(excusedMax({ ...exception, perTenThousand: 0 }, 1e6)).toBe(4);
  });

  const OF_PAIR = 'PromQL info: incompatible sample types encountered for binary operator "/"';
  const noted = (answer: Answer, ...notes: string[]): Answer => (answer.kind === 'data' ? { ...answer, notes } : answer);
  const excuse35 = (expression: string, wanted: Answer, got: Answer, inner?: Inner): Promise<string | undefined> => excuse(expression, wanted, got, inner, EXCEPTIONS_OF_3_5);

  test('of 3.5 do not cover what nobody has explained', async () => {
    const [one, two] = [vector(['[["a","1"]]', 1]), vector(['[["a","1"]]', 2])];
    expect(await excuse35('sum(native_float)', noted(one, 'PromQL warning: a (1:1)'), one)).toBeUndefined();
    expect(await excuse35('sum(native_float)', noted(one, 'PromQL warning: a (1:1)'), noted(one, 'PromQL warning: a (1:2)'))).toBeUndefined();
    expect(await excuse35('rate(native_float[5m])', one, two)).toBeUndefined();
    expect(await excuse35('histogram_fraction(0, 1, native_float)', one, two)).toBeUndefined();
    expect(await excuse35('info(level)', one, two)).toBeUndefined();
    expect(await excuse35('native_a + native_b', noted(one, `${OF_PAIR}: float / histogram (1:1)`), one)).toBeUndefined();
    expect(await excuse35('abs(histogram_count(native_gauge))', one, two, both(one))).toBeUndefined();
    expect(await excuse35('last_over_time(level[5m])', vector(['[["__name__","level"],["a","1"]]', 1]), vector(['[["a","1"]]', 1]))).toBeUndefined();
  });

  test('of 3.5 cover what is explained', async () => {
    const one = vector(['a', 1]);
    const named = vector(['[["__name__","level"],["a","1"]]', 1]);
    const nameless = vector(['[["a","1"]]', 1]);
    expect(await excuse35('last_over_time(abs(level)[5m:1m])', named, nameless)).toBe('names of the last of a subquery');
    expect(await excuse35('info(abs(level))', named, nameless)).toBe('names behind info');
    expect(await excuse35('native_a / native_b', noted(one, `${OF_PAIR}: float / histogram (1:1)`), noted(one, `${OF_PAIR}: histogram / histogram (1:1)`))).toBe('the last of a step');
    expect(await excuse35('histogram_fraction(0, 1, native_float)', vector(['a', Number.NaN]), one)).toBe('fraction from below');
    expect(await excuse35('limitk(scalar(level), level)', one, refused('Parameter value is NaN'))).toBe('a limit that is NaN');
    expect(await excuse35('sort(level)', one, noted(one, 'PromQL warning: sort is ineffective for range queries since results are always ordered by labels (1:1)'))).toBe('other words in a warning');
    const [inner, outer] = ['PromQL info: ignored histogram in max aggregation (1:6)', 'PromQL info: ignored histogram in max aggregation (1:5)'];
    expect(await excuse35('max((native_float))', noted(one, outer), noted(one, inner))).toBe('other words in a warning');
    const contradictory = ({ expression }: Query): Answers => both(vector(['a', expression.startsWith('(') ? 2 : 1]));
    expect(await excuse35('histogram_count(rate(native_gauge[5m]))', one, vector(['a', 2]), contradictory)).toBe('statistics without buckets');
    expect(await excuse35('max(histogram_sum(native_gauge - native_gauge))', one, vector(), both(one))).toBe('statistics without buckets');
    expect(await excuse35('quantile(0.5, odd)', vector(['a', Number.NaN]), vector(['a', Infinity]))).toBe('an infinity behind a rank');
    expect(await excuse35('rate(native_float[5m])', one, vector(['a', 2]), { wanted: vector(['a', 2]), got: vector(['a', 2]) })).toBe('another answer the second time');
  });

  const excuse316 = (expression: string, wanted: Answer, got: Answer, inner?: Inner): Promise<string | undefined> => excuse(expression, wanted, got, inner, EXCEPTIONS_OF_3_16);

  test('of 3.16', async () => {
    const [one, two] = [vector(['[["a","1"]]', 1]), vector(['[["a","1"]]', 2])];
    const overlaps = 'PromQL warning: sample has start time that overlaps with previous sample timestamp for metric "started_total"';
    expect(await excuse316('rate(started_total[5m])', noted(one, `${overlaps} (2 occurrences) (1:6)`), noted(one, `${overlaps} (1:6)`))).toBe('how often starts overlap');
    expect(await excuse316('rate(started_total[5m] smoothed)', one, two)).toBe('starts at the edges of a range');
    expect(await excuse316('histogram_quantile(0.9, -native_float)', one, two)).toBe('quantiles of negative counts');
    expect(await excuse316('rate(started_total[5m])', noted(one, `${overlaps} (1:6)`), one)).toBeUndefined();
    expect(await excuse316('rate(started_total[5m])', one, two)).toBeUndefined();
    expect(await excuse316('rate(requests_total[5m] smoothed)', one, two)).toBeUndefined();
    expect(await excuse316('histogram_quantile(0.9, native_float)', one, two)).toBeUndefined();
  });

  test('cover what is explained', async () => {
    expect(await excuse('topk(1, temperature)', vector(['a', 1]), vector(['b', 1]), both(vector(['a', 1], ['b', 1])))).toBe('ties');
    expect(await excuse('stddev(odd) + 1', vector(['a', 1]), vector(['a', Number.NaN]), { wanted: vector(['a', 0]), got: vector(['a', Number.NaN]) })).toBe('spread of an infinity');
    expect(await excuse('quantile(0.5, odd) + 1', vector(['a', Number.NaN]), vector(['a', 3]), { wanted: vector(['a', Number.NaN]), got: vector(['a', 2]) })).toBe('an infinity behind a rank');
    expect(await excuse('quantile(0.5, odd)', vector(['a', 2]), vector(['a', Number.NaN]))).toBeUndefined();
    expect(await excuse('sum(level) - 1', vector(['a', 1e-9]), vector(['a', 1.001e-9]))).toBeUndefined();
    expect(await excuse('sum(level) - 1', vector(['a', 1e-9]), vector(['a', 1.001e-9], ), { wanted: vector(['a', 100]), got: vector(['a', 100 + 1e-12]) })).toBeUndefined();
    expect(await excuse('sum(level)', vector(['a', 1000], ['b', 1e-3]), vector(['a', 1000], ['b', 1.0000001e-3]))).toBe('cancelled digits');
    expect(await excuse('rate(temperature[5m])', vector(['a', 1]), vector(['a', 0.8]))).toBe('rate of what is no counter');
    expect(await excuse('temperature > limit', vector(['a', 1]), refused('multiple matches for labels'), both(refused('multiple matches for labels')))).toBe('filters match one to one');
    expect(await excuse('predict_linear(level[5m] @ 9, 60)', vector(['a', 1]), vector(['a', 2]), both(vector(['a', 1])))).toBe('predictions from a pinned window');
    expect(await excuse('level atan2 odd', vector(['[["__name__","level"],["a","1"]]', 1]), vector(['[["a","1"]]', 1]))).toBe('atan2 drops the name');
    expect(await excuse('timestamp(level @ 9 offset 5m)', vector(), vector(['a', 1]))).toBe('timestamp of a shifted, pinned selector');
    expect(await excuse('last_over_time(level[30s:1m])', refused('no'), vector())).toBe('a subquery without a step');
  });
});
