import { describe, expect, test } from 'vitest';
import type { Matcher } from '../../../storage/model/matcher.ts';
import { ROLLUP_AGGREGATES, type RollupAggregate } from '../../../storage/warm/rollup-aggregates.ts';
import { aggregatesOf, covers, DEFAULT_WARM_POLICY, hasResolution, readTieringPolicy, type Resolution } from '../../../storage/warm/tiering-policy.ts';

const DAY_MS = 86_400_000;
const read = (policy: unknown, tenant = 'a') => readTieringPolicy(JSON.stringify({ '*': policy }))(tenant);

describe('a policy', () => {
  test('is the default where nothing is said', () => {
    for (const text of [undefined, '', ' ']) expect(readTieringPolicy(text)('a')).toBe(DEFAULT_WARM_POLICY);
    expect(readTieringPolicy('{"b":{}}')('a')).toBe(DEFAULT_WARM_POLICY);
    expect(read({})).toEqual(DEFAULT_WARM_POLICY);
  });

  test("has the seed's shape", () => {
    const { rules, retentionMs } = read({ warm: { retention: '7d', resolution: '1m', aggregates: ['min', 'max', 'avg', 'count', 'sum'] } });
    expect(rules).toEqual([{ matchers: [], resolutions: ['1m'], aggregates: ['min', 'max', 'sum'] }]);
    expect(retentionMs).toEqual({ '1m': 7 * DAY_MS, '5m': 7 * DAY_MS, '1h': 7 * DAY_MS });
    expect(read({ warm: { retention: { '5m': '2w' } } }).retentionMs).toEqual({ '1m': 7 * DAY_MS, '5m': 14 * DAY_MS, '1h': 365 * DAY_MS });
  });

  test('is a tenant’s own, or that of all', () => {
    const policyOf = readTieringPolicy('{"*":{"warm":{"resolution":"1h"}},"b":{"warm":{"resolution":[]}}}');
    expect(policyOf('a').rules[0]!.resolutions).toEqual(['1h']);
    expect(policyOf('b').rules[0]!.resolutions).toEqual([]);
    expect([hasResolution(policyOf('a'), '1h'), hasResolution(policyOf('a'), '5m'), hasResolution(policyOf('b'), '1h')]).toEqual([true, false, false]);
  });

  test('the first rule that matches a series counts', () => {
    const policy = read({ warm: { rules: [{ match: { job: 'node', __name__: '=~cpu_.*' }, aggregates: ['max'] }, { match: { job: '!=' }, resolution: ['1h'] }] } });
    const kept = (...labels: string[]): unknown => {
      const aggregates = aggregatesOf(policy.rules, '5m')(labels);
      return aggregates && [...aggregates];
    };
    expect(kept('__name__', 'cpu_seconds', 'job', 'node')).toEqual(['max']);
    expect(kept('__name__', 'disk', 'job', 'node')).toBeUndefined();
    expect(kept('__name__', 'disk')).toEqual([...ROLLUP_AGGREGATES]);
  });

  test.each([
    ['{', /not valid JSON/],
    ['[]', /it must be a JSON object/],
    ['{"a":{"hot":{"retention":"1h"}}}', /the policy of "a" has "hot"; there are warm; the other tiers have variables of their own/],
    ['{"a":{"warm":{"retention":"7"}}}', /retention of warm of "a" is "7"/],
    ['{"a":{"warm":{"retention":"1h"}}}', /at least 1d/],
    ['{"a":{"warm":{"resolution":"10m"}}}', /"10m" of warm of "a" is no resolution; there are 1m, 5m, 1h/],
    ['{"a":{"warm":{"aggregates":["mean"]}}}', /"mean" among the aggregates of warm of "a" is none; there are sum, min, .*avg, count/],
    ['{"a":{"warm":{"rules":[{"match":{}}]}}}', /match of rule 1 of warm of "a" is empty/],
    ['{"a":{"warm":{"rules":[{"match":{"x":"=~("}}]}}}', /"x" of rule 1/],
    ['{"a":{"warm":{"rules":[{"match":{"x":1}}]}}}', /must be the name of a label and a text/],
    ['{"a":{"warm":{"retain":"7d"}}}', /has "retain"/],
  ])('%s is refused', (text, message) => {
    expect(() => readTieringPolicy(text)).toThrow(message);
  });
});

describe('what a selector may match', () => {
  const { rules } = read({ warm: { aggregates: ['sum', 'min', 'max'], rules: [{ match: { job: 'noisy' }, resolution: [] }, { match: { job: '=~node.*' }, resolution: '1h', aggregates: ['increase'] }] } });
  const f = (matchers: readonly (readonly [string, Matcher['type'], string])[], resolution: Resolution, aggregates: readonly RollupAggregate[], want: boolean): void => {
    const selector = matchers.map(([name, type, value]): Matcher => ({ name, type, value }));
    expect(covers(rules, selector, resolution, aggregates), JSON.stringify([matchers, resolution, aggregates])).toBe(want);
  };

  test('is covered only where every rule that may apply has it', () => {
    f([['__name__', '=', 'up']], '5m', ['sum'], false);
    f([['job', '=', 'api']], '5m', ['sum'], true);
    f([['job', '=', 'api']], '5m', ['sum', 'sketch'], false);
    f([['job', '=', 'api']], '1m', ['sum'], false);
    f([['job', '=', 'noisy']], '5m', [], false);
    f([['job', '=', 'node-1']], '1h', ['increase', 'first', 'last'], true);
    f([['job', '=', 'node-1']], '5m', ['increase'], false);
    f([['job', '=', 'node-1']], '1h', ['sum'], false);
    // What else the expression matches cannot be told, but it does match.
    f([['job', '=~', 'node.*']], '1h', ['increase'], false);
    f([['job', '=~', 'node.*'], ['job', '!=', 'noisy']], '1h', ['increase'], false);
    f([], '1h', [], false);
  });

  test('by the default everything is', () => {
    expect(covers(DEFAULT_WARM_POLICY.rules, [], '1h', ROLLUP_AGGREGATES)).toBe(true);
    expect(covers(DEFAULT_WARM_POLICY.rules, [], '1m', [])).toBe(false);
  });
});
