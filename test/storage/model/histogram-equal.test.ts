import { describe, expect, test } from 'vitest';
import { equalHistograms } from '../../../storage/model/histogram-equal.ts';
import { parseHistogramLiteral } from '../../promql/histogram-literal.ts';

/* Tests of PromQL compare histograms by this function: what it calls equal, they cannot tell apart. */
function f(isEqual: boolean, a: string, b: string): void {
  test(`${a} ${isEqual ? 'is' : 'is not'} ${b}`, () => {
    const [first, second] = [parseHistogramLiteral(a), parseHistogramLiteral(b)];
    expect([equalHistograms(first, second), equalHistograms(second, first)]).toEqual([isEqual, isEqual]);
  });
}

describe('the same data, however it is written down', () => {
  f(true, '{{}}', '{{}}');
  f(true, '{{count:3 sum:5 buckets:[1 2]}}', '{{count:3 sum:5 buckets:[1 2]}}');
  f(true, '{{count:3 sum:5 buckets:[1 2]}}', '{{count:3 sum:5 buckets:[0 1 2 0 0] offset:-1}}');
  f(true, '{{count:3 n_buckets:[1 0 2]}}', '{{count:3 n_buckets:[1 0 2 0]}}');
  f(true, '{{sum:NaN count:1 buckets:[1]}}', '{{sum:NaN count:1 buckets:[1]}}');
  f(true, '{{count:1 buckets:[1] counter_reset_hint:gauge}}', '{{count:1 buckets:[1] counter_reset_hint:reset}}');
});

describe('other data', () => {
  const base = '{{schema:1 count:4 sum:5 z_bucket:1 z_bucket_w:0.5 buckets:[1 2] n_buckets:[3]}}';
  for (const [what, other] of [['schema:1', 'schema:2'], ['count:4', 'count:5'], ['sum:5', 'sum:6'], ['sum:5', 'sum:NaN'], ['z_bucket:1', 'z_bucket:2'], ['z_bucket_w:0.5', 'z_bucket_w:0.25'], [' buckets:[1 2]', ' buckets:[2 1]'], [' buckets:[1 2]', ' buckets:[1 2 1]'], [' buckets:[1 2]', ' buckets:[1 2] offset:1'], ['n_buckets:[3]', 'n_buckets:[4]'], ['n_buckets:[3]', 'n_buckets:[3] n_offset:2']] as const) {
    f(false, base, base.replace(what, other));
  }
  f(false, '{{sum:0 count:1 buckets:[1]}}', '{{sum:-0 count:1 buckets:[1]}}');
  f(false, '{{schema:-53 count:3 custom_values:[1 2] buckets:[1 2]}}', '{{schema:-53 count:3 custom_values:[1 3] buckets:[1 2]}}');
});
