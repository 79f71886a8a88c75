import { describe, expect, test } from 'vitest';
import { VarveError } from '../../../storage/runtime/errors.ts';
import { childrenOf, parseExpr, resolveDurations } from '../../../promql/parser/index.ts';
import type { ResolvedExpr } from '../../../promql/parser/index.ts';

const TIMES = { stepMs: 15_000, rangeMs: 3_600_000 };
const INSTANT = { stepMs: 0, rangeMs: 0 };

/** The durations of a tree in the order of its text: range, step, offset. */
function durationsOf(expr: ResolvedExpr): number[] {
  if (expr.kind === 'vector') return expr.offsetMs === 0 ? [] : [expr.offsetMs];
  const below = childrenOf(expr).flatMap(durationsOf);
  if (expr.kind === 'matrix') return [expr.rangeMs, ...below];
  return expr.kind === 'subquery' ? [...below, expr.rangeMs, expr.stepMs ?? NaN, expr.offsetMs] : below;
}

describe('milliseconds', () => {
  const f = (query: string, ...durationsMs: number[]) =>
    test(query, () => expect(durationsOf(resolveDurations(parseExpr(query), TIMES))).toEqual(durationsMs));
  f('x[5m]', 300_000);
  f('x[0.29]', 290);
  f('x[0.0019]', 1);
  f('x offset 1e-9');
  f('x[1h/2]', 1_800_000);
  f('x[1h30m % 1h]', 1_800_000);
  f('x[2 ^ 3 ^ 2]', 512_000);
  f('x[-5m + 35m]', 1_800_000);
  f('x[24m+((1.5*2m)+2m)]', 1_740_000);
  f('x[step()]', 15_000);
  f('x[range():step()]', 3_600_000, 15_000, 0);
  f('x[5m:] offset -(step()*2)', 300_000, NaN, -30_000);
  f('x[min_of(step(), 1m):max_of(1s, 2)]', 15_000, 2000, 0);
  f('x offset -step()', -15_000);
  f('x offset (1ms / 3)');
  f('sum(rate(x[step()])) + -(y offset range())', 15_000, 3_600_000);
  f('topk(scalar(x offset step()), max_over_time(y[step():]))', 15_000, 15_000, NaN, 0);
});

describe('what no duration can be', () => {
  const f = (query: string, message: string, times = TIMES) =>
    test(query, () => {
      const expr = parseExpr(query);
      expect(() => resolveDurations(expr, times)).toThrow(new VarveError('bad-data', message));
    });
  f('x[step()]', '2:8: duration must be greater than 0', INSTANT);
  f('x[5m:(1m - 1m)]', '6:13: duration must be greater than 0');
  f('x[1m-2m]', '2:7: duration must be greater than 0');
  f('x[1m/(1-1)]', '2:9: division by zero');
  f('x offset (1m % (1 - 1))', '10:21: modulo by zero');
  f('x offset (10 ^ 10)', '10:17: duration is out of range');
  f('x[1e9*1e9]', '2:9: duration is out of range');
  f('x offset ((-1) ^ 0.5)', '10:20: duration is NaN or infinite');
});
