import { describe, expect, test } from 'vitest';
import { histogramDifference, lastHistogramDifference } from '../../../promql/functions/histogram-difference.ts';
import { HistogramMean, HistogramTotal } from '../../../promql/functions/histogram-mean.ts';
import type { HistogramNote } from '../../../promql/functions/histogram-notes.ts';
import type { HistogramColumn } from '../../../promql/operators/sample-columns.ts';
import { expectClose } from '../../storage/model/expect-histogram.ts';
import { parseHistogramLiteral } from '../histogram-literal.ts';

function columnOf(literals: readonly string[], startTimestampsMs?: readonly number[]): HistogramColumn {
  return {
    timestampsMs: Float64Array.from(literals, (_, i) => (i + 1) * 1000),
    histograms: literals.map(parseHistogramLiteral),
    startTimestampsMs: startTimestampsMs && Float64Array.from(startTimestampsMs),
  };
}

const gauge = (literal: string): string => literal.replace('}}', ' counter_reset_hint:gauge}}');

describe('increase of a counter', () => {
  function f(what: string, literals: readonly string[], expected: string | undefined, notes: readonly HistogramNote[] = [], starts?: readonly number[]): void {
    test(what, () => {
      const difference = histogramDifference(columnOf(literals, starts), 0, literals.length - 1, true);
      if (expected === undefined) expect(difference.result).toBeUndefined();
      else {
        expectClose(difference.result!, parseHistogramLiteral(expected));
        expect(difference.result!.counterResetHint).toBe('gauge');
      }
      expect([...difference.notes]).toEqual(notes);
    });
  }
  f('grows', ['{{count:1 sum:2 buckets:[1]}}', '{{count:3 sum:5 buckets:[1 2]}}'], '{{count:2 sum:3 buckets:[0 2]}}');
  f('is reset once', ['{{count:5 sum:5 buckets:[5]}}', '{{count:7 sum:7 buckets:[7]}}', '{{count:2 sum:2 buckets:[2]}}'], '{{count:4 sum:4 buckets:[4]}}');
  f('is reset at the first step', ['{{count:5 sum:5 buckets:[5]}}', '{{count:2 sum:2 buckets:[2]}}'], '{{count:2 sum:2 buckets:[2]}}');
  f('is reset twice', ['{{count:5 buckets:[5]}}', '{{count:2 buckets:[2]}}', '{{count:1 buckets:[1]}}'], '{{count:3 buckets:[3]}}');
  f('is reset in one bucket only', ['{{count:4 buckets:[1 2 1]}}', '{{count:5 buckets:[1 1 3]}}', '{{count:6 buckets:[1 2 3]}}'], '{{count:6 buckets:[1 2 3]}}');
  f('at the coarsest resolution', ['{{schema:2 count:1 buckets:[1] offset:1}}', '{{schema:0 count:3 buckets:[3] offset:1}}'], '{{schema:0 count:2 buckets:[2] offset:1}}');
  f('the first sample does not matter before a reset', ['{{schema:-53 count:9 buckets:[9]}}', '{{count:2 buckets:[2]}}'], '{{count:2 buckets:[2]}}');
  f('custom among exponential', ['{{count:1}}', '{{schema:-53 count:2}}', '{{count:3}}', '{{count:4}}'], undefined, ['mixed-schemas']);
  f('bounds that change', ['{{schema:-53 count:1 custom_values:[1 2] buckets:[1]}}', '{{schema:-53 count:3 custom_values:[2] buckets:[3]}}'], '{{schema:-53 count:2 custom_values:[2] buckets:[2]}}', ['reconciled-in-subtraction']);
  f('gauges are noted', [gauge('{{count:1}}'), '{{count:2}}'], '{{count:1}}', ['not-counter']);
  f('gauges in the middle are noted', ['{{count:1}}', gauge('{{count:2}}'), '{{count:3}}'], '{{count:2}}', ['not-counter']);
  f('a start timestamp tells of a reset', ['{{count:1 buckets:[1]}}', '{{count:5 buckets:[5]}}'], '{{count:5 buckets:[5]}}', [], [500, 1500]);
});

describe('delta of a gauge', () => {
  function f(literals: readonly string[], expected: string, notes: readonly HistogramNote[]): void {
    test(literals.join(' → '), () => {
      const difference = histogramDifference(columnOf(literals), 0, literals.length - 1, false);
      expectClose(difference.result!, parseHistogramLiteral(expected));
      expect([...difference.notes]).toEqual(notes);
    });
  }
  f([gauge('{{count:5 buckets:[5]}}'), gauge('{{count:2 buckets:[2]}}')], '{{count:-3 buckets:[-3]}}', []);
  f(['{{count:5 buckets:[5]}}', '{{count:2 buckets:[2]}}'], '{{count:-3 buckets:[-3]}}', ['not-gauge']);
});

describe('last two', () => {
  function f(literals: readonly string[], isCounter: boolean, expected: string | undefined, notes: readonly HistogramNote[]): void {
    test(`${isCounter ? 'irate' : 'idelta'} of ${literals.join(' → ')}`, () => {
      const difference = lastHistogramDifference(columnOf(literals), literals.length - 1, isCounter);
      if (expected === undefined) expect(difference.result).toBeUndefined();
      else expectClose(difference.result!, parseHistogramLiteral(expected));
      expect([...difference.notes]).toEqual(notes);
    });
  }
  f(['{{count:1 buckets:[1]}}', '{{count:3 buckets:[3]}}'], true, '{{count:2 buckets:[2]}}', []);
  f(['{{count:5 buckets:[5]}}', '{{count:3 buckets:[3]}}'], true, '{{count:3 buckets:[3]}}', []);
  f([gauge('{{count:5 buckets:[5]}}'), gauge('{{count:3 buckets:[3]}}')], false, '{{count:-2 buckets:[-2]}}', []);
  f(['{{count:1}}', '{{schema:-53 count:3}}'], false, undefined, ['not-gauge', 'mixed-schemas']);
});

describe('aggregates', () => {
  function f(literals: readonly string[], total: string | undefined, mean: string | undefined): void {
    test(literals.join(', '), () => {
      for (const [aggregate, expected] of [[new HistogramTotal(), total], [new HistogramMean(), mean]] as const) {
        for (const literal of literals) aggregate.add(parseHistogramLiteral(literal));
        const { histogram } = aggregate.result();
        if (expected === undefined) expect(histogram).toBeUndefined();
        else expectClose(histogram!, parseHistogramLiteral(expected));
      }
    });
  }
  f(['{{count:4 sum:5 buckets:[1 2 1]}}'], '{{count:4 sum:5 buckets:[1 2 1]}}', '{{count:4 sum:5 buckets:[1 2 1]}}');
  f(['{{count:1 sum:2 buckets:[1]}}', '{{count:3 sum:4 buckets:[0 3]}}'], '{{count:4 sum:6 buckets:[1 3]}}', '{{count:2 sum:3 buckets:[0.5 1.5]}}');
  f(['{{sum:1}}', '{{sum:1e100}}', '{{sum:1}}', '{{sum:-1e100}}'], '{{sum:2}}', '{{sum:0.5}}');
  f(['{{count:1}}', '{{schema:-53 count:1}}', '{{count:1}}'], undefined, undefined);
  // A mean does not overflow where a sum does.
  f(['{{count:1.7e308 sum:1}}', '{{count:1.7e308 sum:2}}', '{{count:1.7e308 sum:6}}'], '{{count:Inf sum:9}}', '{{count:1.7e308 sum:3}}');
  f(['{{buckets:[1.7e308 1]}}', '{{buckets:[1.7e308 5]}}'], '{{buckets:[Inf 6]}}', '{{buckets:[1.7e308 3]}}');

  test('collisions of hints and reconciled bounds are told', () => {
    const total = new HistogramTotal();
    total.add(parseHistogramLiteral('{{schema:-53 custom_values:[1] counter_reset_hint:reset}}'));
    total.add(parseHistogramLiteral('{{schema:-53 custom_values:[2] counter_reset_hint:not_reset}}'));
    expect(total.result()).toMatchObject({ hintCollision: true, boundsReconciled: true, histogram: { counterResetHint: 'unknown', customValues: [] } });
  });
});
