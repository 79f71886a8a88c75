import { describe, expect, test } from 'vitest';
import { validateFloatHistogram, validateIntegerCounts } from '../../../storage/model/histogram-validate.ts';
import type { FloatHistogram } from '../../../storage/model/histogram.ts';
import { parseHistogramLiteral } from '../../promql/histogram-literal.ts';

describe('validateFloatHistogram', () => {
  function f(literal: string, error: string | undefined, changes: Partial<FloatHistogram> = {}): void {
    test(error ?? literal, () => expect(validateFloatHistogram({ ...parseHistogramLiteral(literal), ...changes })).toBe(error));
  }
  f('{{}}', undefined);
  f('{{count:3 z_bucket:1 buckets:[1 1] offset:-7 n_buckets:[0]}}', undefined);
  f('{{schema:-53 count:3 custom_values:[1 2] buckets:[1 1 1]}}', undefined);
  f('{{schema:10}}', 'histogram has an invalid schema, which must be between -4 and 8 for exponential buckets, or -53 for custom buckets, got schema 10');
  f('{{buckets:[1 1]}}', 'positive side: spans need 1 buckets, have 2 buckets: histogram spans specify different number of buckets than provided', {
    positiveSpans: [{ offset: 0, length: 1 }],
  });
  f('{{n_buckets:[1]}}', 'negative side: spans need 3 buckets, have 1 buckets: histogram spans specify different number of buckets than provided', {
    negativeSpans: [{ offset: 0, length: 3 }],
  });
  f('{{buckets:[1 1]}}', 'positive side: span number 2 with offset -1: histogram has a span whose offset is negative', {
    positiveSpans: [{ offset: 0, length: 1 }, { offset: -1, length: 1 }],
  });
  f('{{buckets:[1 1] offset:2147483646}}', undefined);
  f('{{buckets:[1] offset:-2147483647}}', undefined);
  f('{{buckets:[1 1] offset:2147483647}}', 'positive side: span number 1 ends at bucket index 2147483648: histogram has a span whose bucket index is out of range');
  f('{{n_buckets:[1] n_offset:-2147483648}}', 'negative side: span number 1 starts at bucket index -2147483648: histogram has a span whose bucket index is out of range');
  f('{{buckets:[1 1]}}', 'positive side: span number 2 ends at bucket index 2147483648: histogram has a span whose bucket index is out of range', {
    positiveSpans: [{ offset: 2147483646, length: 1 }, { offset: 1, length: 1 }],
  });
  f('{{buckets:[1 -1]}}', 'positive side: bucket number 2 has observation count of -1: histogram has a bucket whose observation count is negative');
  f('{{n_buckets:[-1]}}', 'negative side: bucket number 1 has observation count of -1: histogram has a bucket whose observation count is negative');
  f('{{z_bucket:-1}}', 'zero bucket has observation count of -1: histogram has a bucket whose observation count is negative');
  f('{{count:-1}}', "observation count is  -1: histogram's observation count is negative");
  f('{{custom_values:[1]}}', 'histogram with exponential schema must not have custom bounds');
  f('{{schema:-53 custom_values:[1 1]}}', 'custom buckets: previous bound is 1.000000 and current is 1.000000: histogram custom bounds must be in strictly increasing order');
  f('{{schema:-53 custom_values:[-Inf 1]}}', 'custom buckets: previous bound is -Inf and current is -Inf: histogram custom bounds must be in strictly increasing order');
  f('{{schema:-53 custom_values:[1 Inf]}}', 'custom buckets: last +Inf bound must not be explicitly defined: histogram custom bounds must be finite');
  f('{{schema:-53 custom_values:[1 NaN 3]}}', 'custom buckets: histogram custom bounds must not be NaN');
  f('{{schema:-53 custom_values:[1] buckets:[1] offset:2}}', 'custom buckets: only 1 custom bounds defined which is insufficient to cover total span length of 3: histogram custom bounds are too few');
  f('{{schema:-53 custom_values:[1] buckets:[1] offset:-1}}', 'custom buckets: span number 1 with offset -1: histogram has a span whose offset is negative');
  f('{{schema:-53 z_bucket:1}}', 'custom buckets: must have zero count of 0');
  f('{{schema:-53 z_bucket_w:1}}', 'custom buckets: must have zero threshold of 0');
  f('{{schema:-53 n_buckets:[1]}}', 'custom buckets: must not have negative spans');
});

describe('validateIntegerCounts', () => {
  function f(literal: string, error: string | undefined): void {
    test(literal, () => expect(validateIntegerCounts(parseHistogramLiteral(literal))).toBe(error));
  }
  f('{{count:6 z_bucket:1 buckets:[2] n_buckets:[3]}}', undefined);
  f('{{count:7 sum:NaN z_bucket:1 buckets:[2] n_buckets:[3]}}', undefined);
  f('{{count:4 z_bucket:2 buckets:[1]}}', "3 observations found in buckets, but the Count field is 4: histogram's observation count should equal the number of observations found in the buckets (in absence of NaN)");
  f('{{count:2 sum:NaN z_bucket:2 buckets:[1]}}', "3 observations found in buckets, but the Count field is 2: histogram's observation count should be at least the number of observations found in the buckets");
});
