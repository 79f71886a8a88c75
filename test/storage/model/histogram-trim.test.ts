import { describe, expect, test } from 'vitest';
import { trimHistogram, type TrimSide } from '../../../storage/model/histogram-trim.ts';
import { validateFloatHistogram } from '../../../storage/model/histogram-validate.ts';
import { parseHistogramLiteral } from '../../promql/histogram-literal.ts';
import { expectClose } from './expect-histogram.ts';
import { randomCustom, randomExponential, seededRandom } from './random-histogram.ts';

function f(side: TrimSide, histogram: string, limit: number, expected: string): void {
  test(`${histogram} ${side} ${limit}`, () => {
    expectClose(trimHistogram(parseHistogramLiteral(histogram), limit, side), parseHistogramLiteral(expected));
  });
}
const below = (histogram: string, limit: number, expected: string): void => f('keep-below', histogram, limit, expected);
const above = (histogram: string, limit: number, expected: string): void => f('keep-above', histogram, limit, expected);

describe('exponential', () => {
  const h = '{{count:10 sum:99 buckets:[4 6] offset:1}}'; // (1,2]: 4, (2,4]: 6
  below(h, 4, h);
  below(h, Infinity, h);
  above(h, 1, h);
  above(h, -Infinity, h);
  below(h, 2, `{{count:4 sum:${4 * Math.SQRT2} buckets:[4] offset:1}}`);
  above(h, 2, `{{count:6 sum:${6 * Math.sqrt(8)} buckets:[6] offset:2}}`);
  below(h, 1, '{{}}');
  above(h, 4, '{{}}');
  // The square root of 8 divides (2,4] evenly.
  below(h, Math.sqrt(8), `{{count:7 sum:${4 * Math.SQRT2 + 3 * Math.sqrt(2 * Math.sqrt(8))} buckets:[4 3] offset:1}}`);
  below('{{count:4 sum:-9 n_buckets:[4] n_offset:1}}', -Math.SQRT2, `{{count:2 sum:${-2 * Math.sqrt(2 * Math.SQRT2)} n_buckets:[2] n_offset:1}}`);
  above('{{count:4 sum:-9 n_buckets:[4] n_offset:1}}', -Math.SQRT2, `{{count:2 sum:${-2 * Math.sqrt(Math.SQRT2)} n_buckets:[2] n_offset:1}}`);
  below(h, NaN, '{{}}');
});

describe('zero bucket', () => {
  below('{{count:8 z_bucket:8 z_bucket_w:1}}', 0, '{{count:4 sum:-2 z_bucket:4 z_bucket_w:1}}');
  above('{{count:8 z_bucket:8 z_bucket_w:1}}', 0.5, '{{count:2 sum:1.5 z_bucket:2 z_bucket_w:1}}');
  above('{{count:9 sum:1 z_bucket:8 z_bucket_w:1 buckets:[1] offset:1}}', 0.5, `{{count:5 sum:${3 + Math.SQRT2} z_bucket:4 z_bucket_w:1 buckets:[1] offset:1}}`);
  // Without any width it lies above 0.
  below('{{count:8 z_bucket:8}}', 0, '{{}}');
  above('{{count:8 z_bucket:8}}', 0, '{{count:8 z_bucket:8}}');
  below('{{count:9 sum:1 z_bucket:8 z_bucket_w:1 n_buckets:[1] n_offset:1}}', 0, '{{count:9 sum:1 z_bucket:8 z_bucket_w:1 n_buckets:[1] n_offset:1}}');
});

describe('custom', () => {
  const h = '{{schema:-53 count:10 sum:99 custom_values:[2 4] buckets:[4 4 2]}}';
  below(h, 4, '{{schema:-53 count:8 sum:16 custom_values:[2 4] buckets:[4 4]}}');
  below(h, 1, '{{schema:-53 count:2 sum:1 custom_values:[2 4] buckets:[2]}}');
  below(h, 0, '{{schema:-53 custom_values:[2 4]}}');
  below(h, 1e9, '{{schema:-53 count:8 sum:16 custom_values:[2 4] buckets:[4 4]}}');
  below(h, Infinity, h);
  above(h, 3, '{{schema:-53 count:4 sum:15 custom_values:[2 4] buckets:[2 2] offset:1}}');
  above(h, 100, '{{schema:-53 count:2 sum:200 custom_values:[2 4] buckets:[2] offset:2}}');
  above(h, -7, '{{schema:-53 count:6 sum:20 custom_values:[2 4] buckets:[4 2] offset:1}}');
  below('{{schema:-53 count:5 custom_values:[-5] buckets:[3 2]}}', -9, '{{schema:-53 count:3 sum:-27 custom_values:[-5] buckets:[3]}}');
  above('{{schema:-53 count:5 custom_values:[-5] buckets:[3 2]}}', -9, '{{schema:-53 count:2 sum:-10 custom_values:[-5] buckets:[2] offset:1}}');
});

describe('properties', () => {
  test.each([['exponential', randomExponential], ['custom', randomCustom]] as const)('%s: the same limit twice changes nothing more', (_name, make) => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = seededRandom(seed);
      const histogram = make(random);
      // A bound of buckets, so that nothing is estimated: an estimate takes the cut bucket as whole the next time.
      const limit = [-4, -1, 1, 2, 8][seed % 5]!;
      for (const side of ['keep-below', 'keep-above'] as const) {
        const once = trimHistogram(histogram, limit, side);
        if (once.schema < 0 || histogram.zeroThreshold > 1) continue;
        expect(trimHistogram(once, limit, side).count).toBeCloseTo(once.count, 9);
        expect(validateFloatHistogram(once)).toBeUndefined();
      }
    }
  });

  test('what is below and what is above make the whole', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const histogram = randomExponential(seededRandom(seed));
      // Never 0, at which a zero bucket without width would be on both sides.
      const limit = (seed - 150.5) / 20;
      const low = trimHistogram(histogram, limit, 'keep-below').count;
      const high = trimHistogram(histogram, limit, 'keep-above').count;
      expect(low + high).toBeCloseTo(histogram.count, 6);
    }
  });
});
