import { describe, expect, test } from 'vitest';
import { parseExpr, resolveDurations } from '../../../promql/parser/index.ts';
import { statisticsSelectors } from '../../../promql/plan/statistics-selectors.ts';

/** The names of the selectors whose buckets are not needed, sorted. */
function f(query: string, names: readonly string[]): void {
  test(query, () => {
    const expr = resolveDurations(parseExpr(query), { stepMs: 0, rangeMs: 0 });
    const found = [...statisticsSelectors(expr)].map(({ matchers }) => matchers.find(({ name }) => name === '__name__')?.value);
    expect(found.sort()).toEqual(names);
  });
}

describe('statistics need no buckets', () => {
  f('histogram_count(a)', ['a']);
  f('histogram_sum(rate(a[5m])) / histogram_avg(sum by (x) (b))', ['a', 'b']);
  f('histogram_count((a + b) * c)', ['a', 'b', 'c']);
  f('histogram_count(-a) + d', ['a']);
});

describe('whatever looks at buckets needs them', () => {
  f('a', []);
  f('rate(a[5m])', []);
  f('histogram_quantile(0.9, a)', []);
  f('histogram_fraction(0, scalar(histogram_count(a)), b)', []);
  f('histogram_count(a </ 5)', []);
  f('histogram_count(a >/ histogram_sum(b))', []);
  f('histogram_count(rate(a[5m:1m]))', []);
  f('sum_over_time(histogram_count(a)[5m:1m])', []);
  f('histogram_count(a) + histogram_count(last_over_time(b[5m:1m]))', ['a']);
  f('histogram_count(a == b)', []);
  f('histogram_sum(a) != bool 0', []);
  f('histogram_count(a) and (histogram_count(b) == histogram_count(c))', ['a']);
  f('sum(count_values("v", histogram_count(a))) + on () histogram_count(b > 0)', ['b']);
});
