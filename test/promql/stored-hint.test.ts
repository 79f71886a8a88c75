import { describe, expect, test } from 'vitest';
import type { CounterResetHint } from '../../storage/model/histogram.ts';
import { parseHistogramLiteral } from './histogram-literal.ts';
import { hintAfter } from './stored-hint.ts';

describe('hintAfter', () => {
  function f(previous: string | undefined, current: string, hint: CounterResetHint): void {
    test(`${current} after ${previous ?? 'nothing'}`, () => {
      expect(hintAfter(parseHistogramLiteral(current), previous === undefined ? undefined : parseHistogramLiteral(previous))).toBe(hint);
    });
  }
  f(undefined, '{{count:1 buckets:[1]}}', 'unknown');
  f('{{count:1 buckets:[1]}}', '{{count:2 buckets:[2]}}', 'not-reset');
  f('{{count:2 buckets:[2]}}', '{{count:1 buckets:[1]}}', 'unknown');
  f('{{count:1 buckets:[1]}}', '{{count:2 counter_reset_hint:gauge}}', 'gauge');
  f('{{count:1 counter_reset_hint:gauge}}', '{{count:2}}', 'unknown');
  f('{{count:1}}', '{{count:2 counter_reset_hint:reset}}', 'unknown');
  f('{{count:2}}', '{{count:1 counter_reset_hint:not_reset}}', 'unknown');
  f('{{schema:1 count:1}}', '{{count:2}}', 'unknown');
  f('{{schema:-53 custom_values:[1]}}', '{{schema:-53 custom_values:[1 2]}}', 'unknown');
});
