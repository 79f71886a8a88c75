import { describe, expect, test } from 'vitest';
import { addHistograms } from '../../../storage/model/histogram-add.ts';
import { detectReset } from '../../../storage/model/histogram-reset.ts';
import { withHint } from '../../../storage/model/histogram.ts';
import { parseHistogramLiteral } from '../../promql/histogram-literal.ts';
import { randomCustom, randomExponential, seededRandom } from './random-histogram.ts';

describe('detectReset', () => {
  function f(what: string, previous: string, current: string, isReset: boolean): void {
    test(what, () => expect(detectReset(parseHistogramLiteral(current), parseHistogramLiteral(previous))).toBe(isReset));
  }
  f('nothing happened', '{{count:3 sum:9 buckets:[1 2]}}', '{{count:3 sum:9 buckets:[1 2]}}', false);
  f('growth', '{{count:3 sum:9 buckets:[1 2]}}', '{{count:5 sum:1 buckets:[2 3]}}', false);
  f('a smaller sum is no reset', '{{count:3 sum:9 buckets:[1 2]}}', '{{count:3 sum:-9 buckets:[1 2]}}', false);
  f('smaller count', '{{count:3 buckets:[1 2]}}', '{{count:2 buckets:[1 2]}}', true);
  f('smaller bucket', '{{count:3 buckets:[1 2]}}', '{{count:3 buckets:[2 1]}}', true);
  f('smaller negative bucket', '{{count:3 n_buckets:[1 2]}}', '{{count:3 n_buckets:[2 1]}}', true);
  f('smaller zero bucket', '{{count:3 z_bucket:2 buckets:[1]}}', '{{count:3 z_bucket:1 buckets:[2]}}', true);
  f('populated bucket gone', '{{count:3 buckets:[1 2]}}', '{{count:5 buckets:[5]}}', true);
  f('populated bucket gone, others new', '{{count:3 buckets:[1] offset:2}}', '{{count:5 buckets:[5] offset:3}}', true);
  f('empty bucket gone', '{{count:1 buckets:[1 0]}}', '{{count:5 buckets:[5]}}', false);
  f('all buckets gone', '{{count:1 buckets:[1]}}', '{{count:5}}', true);
  f('new buckets on both sides', '{{count:1 buckets:[1] offset:1}}', '{{count:5 buckets:[1 1 1] n_buckets:[2]}}', false);
  f('finer schema', '{{schema:0 count:1 buckets:[1]}}', '{{schema:1 count:1 buckets:[1]}}', true);
  f('coarser schema, same counts', '{{schema:1 count:3 buckets:[1 2] offset:1}}', '{{schema:0 count:3 buckets:[3] offset:1}}', false);
  f('coarser schema, fewer counts', '{{schema:1 count:3 buckets:[1 2] offset:1}}', '{{schema:0 count:3 buckets:[2] offset:1}}', true);
  f('smaller zero threshold', '{{count:1 z_bucket:1 z_bucket_w:0.5}}', '{{count:1 z_bucket:1 z_bucket_w:0.1}}', true);
  f('larger zero threshold took a bucket', '{{count:3 z_bucket:1 z_bucket_w:0.1 buckets:[2] offset:-1}}', '{{count:3 z_bucket:3 z_bucket_w:0.5}}', false);
  f('larger zero threshold lost some', '{{count:3 z_bucket:1 z_bucket_w:0.1 buckets:[2] offset:-1}}', '{{count:3 z_bucket:2 z_bucket_w:0.5}}', true);
  f('larger zero threshold cuts a bucket', '{{count:3 z_bucket_w:0.1 buckets:[3]}}', '{{count:3 z_bucket:3 z_bucket_w:0.7}}', true);
  f('custom, growth', '{{schema:-53 count:3 custom_values:[1 2] buckets:[1 2]}}', '{{schema:-53 count:4 custom_values:[1 2] buckets:[1 2 1]}}', false);
  f('custom, smaller bucket', '{{schema:-53 count:3 custom_values:[1 2] buckets:[1 2]}}', '{{schema:-53 count:4 custom_values:[1 2] buckets:[0 4]}}', true);
  f('custom, other bounds, growth', '{{schema:-53 count:3 custom_values:[1 2] buckets:[1 1 1]}}', '{{schema:-53 count:3 custom_values:[2 3] buckets:[2 1]}}', false);
  f('custom, other bounds, fewer below 2', '{{schema:-53 count:3 custom_values:[1 2] buckets:[1 1 1]}}', '{{schema:-53 count:3 custom_values:[2 3] buckets:[1 2]}}', true);
  f('exponential after custom', '{{schema:-53 count:1 buckets:[1]}}', '{{count:9 buckets:[9]}}', true);
  f('custom after exponential', '{{count:1 buckets:[1]}}', '{{schema:-53 count:9 buckets:[9]}}', true);
  f('a hint of a reset is believed', '{{count:1}}', '{{count:9 counter_reset_hint:reset}}', true);
  f('a hint of no reset is believed', '{{count:9}}', '{{count:1 counter_reset_hint:not_reset}}', false);
  f('gauges are compared like counters', '{{count:9 counter_reset_hint:gauge}}', '{{count:1 counter_reset_hint:gauge}}', true);
});

test.each([['exponential', randomExponential], ['custom', randomCustom]] as const)('%s: a sum is never a reset after its part', (_name, make) => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seededRandom(seed);
    const part = make(random);
    const sum = addHistograms(part, make(random));
    if (sum.kind !== 'histogram') throw new Error(sum.kind);
    expect(detectReset(withHint(sum.histogram, 'unknown'), part)).toBe(false);
  }
});
