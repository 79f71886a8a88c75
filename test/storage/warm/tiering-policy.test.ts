import { describe, expect, test } from 'vitest';
import type { SeriesRetention } from '../../../storage/archive/series-retention.ts';
import type { RollupTableName } from '../../../storage/catalog/iceberg/rollup-tables.ts';
import type { Matcher } from '../../../storage/model/matcher.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { readTieringPolicy } from '../../../storage/warm/read-tiering-policy.ts';
import { ROLLUP_AGGREGATES, type RollupAggregate } from '../../../storage/warm/rollup-aggregates.ts';
import { aggregatesOf, covers, DEFAULT_WARM_POLICY, hasResolution, keptDays, type Resolution, type TieringPolicy } from '../../../storage/warm/tiering-policy.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const read = (policy: unknown, tenant = 'a'): TieringPolicy => readTieringPolicy(JSON.stringify({ '*': policy }), 90 * DAY_MS)(tenant);
const days = (retention: SeriesRetention, ...labels: string[]): number => retention.of(labels) / DAY_MS;

describe('a policy', () => {
  test('is the default where nothing is said', () => {
    for (const text of [undefined, '', ' ']) expect(readTieringPolicy(text)('a')).toMatchObject({ hotRetentionMs: undefined, warm: DEFAULT_WARM_POLICY });
    expect(readTieringPolicy('{"b":{}}')('a').warm).toBe(DEFAULT_WARM_POLICY);
    expect(read({}).warm.rules).toEqual(DEFAULT_WARM_POLICY.rules);
    for (const policy of [read({}), readTieringPolicy(undefined, 90 * DAY_MS)('a')]) {
      expect(policy.hotRetentionMs).toBeUndefined();
      expect([days(policy.warm.retention['5m']), days(policy.warm.retention['1h']), days(policy.cold)]).toEqual([7, 365, 90]);
    }
  });

  test("is the seed's, word for word", () => {
    const { hotRetentionMs, warm, cold } = read({
      hot: { retention: '1h', resolution: 'raw' },
      warm: { retention: '7d', resolution: '1m', aggregates: ['min', 'max', 'avg', 'count', 'sum'] },
      cold: { retention: '365d', resolution: 'raw', compression: 'delta+zstd' },
    });
    // As long as what is accepted can be read for an hour.
    expect(hotRetentionMs).toBe(LIMITS.hotWindowMs + HOUR_MS);
    expect(warm.rules).toEqual([{ matchers: [], resolutions: ['1m'], aggregates: ['min', 'max', 'sum'] }]);
    expect([days(warm.retention['1m']), days(warm.retention['5m']), days(warm.retention['1h']), days(cold)]).toEqual([7, 7, 7, 365]);
    expect(days(read({ warm: { retention: { '5m': '2w' } } }).warm.retention['5m'])).toBe(14);
    expect(read({ hot: { retention: '2d' } }).hotRetentionMs).toBe(2 * DAY_MS);
  });

  test('is a tenant’s own, or that of all', () => {
    const policyOf = readTieringPolicy('{"*":{"warm":{"resolution":"1h"}},"b":{"warm":{"resolution":[]},"hot":{"retention":"3d"}}}');
    const [a, b] = [policyOf('a').warm, policyOf('b').warm];
    expect(a.rules[0]!.resolutions).toEqual(['1h']);
    expect(b.rules[0]!.resolutions).toEqual([]);
    expect([hasResolution(a, '1h'), hasResolution(a, '5m'), hasResolution(b, '1h')]).toEqual([true, false, false]);
    expect([policyOf('a').hotRetentionMs, policyOf('b').hotRetentionMs]).toEqual([undefined, 3 * DAY_MS]);
  });

  test.each([
    [{ rules: [{ match: { job: 'node', __name__: '=~cpu_.*' }, warm: { aggregates: ['max'] } }, { match: { job: '!=' }, warm: { resolution: ['1h'] } }] }],
    [{ warm: { rules: [{ match: { job: 'node', __name__: '=~cpu_.*' }, aggregates: ['max'] }, { match: { job: '!=' }, resolution: ['1h'] }] } }],
  ])('the first rule that matches a series counts: %j', (policy) => {
    const kept = (...labels: string[]): unknown => {
      const aggregates = aggregatesOf(read(policy).warm.rules, '5m')(labels);
      return aggregates && [...aggregates];
    };
    expect(kept('__name__', 'cpu_seconds', 'job', 'node')).toEqual(['max']);
    expect(kept('__name__', 'disk', 'job', 'node')).toBeUndefined();
    expect(kept('__name__', 'disk')).toEqual([...ROLLUP_AGGREGATES]);
  });

  test('a rule says how long each tier keeps its series, and leaves the rest as it is', () => {
    const { warm, cold } = read({
      warm: { retention: { '1h': '2y' } },
      cold: { retention: '30d' },
      rules: [
        { match: { job: 'debug' }, warm: { retention: '1d' }, cold: { retention: '3d' } },
        { match: { __name__: '=~slo_.*' }, warm: { retention: { '1h': '5y' } }, cold: { retention: '1y' } },
        { match: { job: '=~a|b' }, warm: { resolution: '1h' } },
      ],
    });
    const [debug, slo, a, other] = [['__name__', 'slo_x', 'job', 'debug'], ['__name__', 'slo_x'], ['__name__', 'x', 'job', 'a'], ['__name__', 'x']] as const;
    expect([debug, slo, a, other].map((labels) => [days(warm.retention['5m'], ...labels), days(warm.retention['1h'], ...labels), days(cold, ...labels)])).toEqual([[1, 1, 3], [7, 5 * 365, 365], [7, 730, 30], [7, 730, 30]]);
    expect([cold.shortestMs, cold.longestMs, cold.retentionsMs]).toEqual([3 * DAY_MS, 365 * DAY_MS, [3 * DAY_MS, 30 * DAY_MS, 365 * DAY_MS]]);
    // What is only of other tiers is no rule of this one.
    expect(warm.rules.map(({ resolutions }) => resolutions)).toEqual([['5m', '1h'], ['5m', '1h'], ['1h'], ['5m', '1h']]);
    expect(read({ rules: [{ match: { job: 'x' }, cold: { retention: '4d' } }] }).warm.rules).toEqual(DEFAULT_WARM_POLICY.rules);
  });

  test.each([
    ['{', /not valid JSON/],
    ['[]', /it must be a JSON object/],
    ['{"a":{"tepid":{}}}', /the policy of "a" has "tepid"; there are hot, warm, cold, rules/],
    ['{"a":{"hot":{"retention":"1"}}}', /retention of hot of "a" is "1"; it must be a duration like 36h, 7d or 1y, at least 1h/],
    ['{"a":{"hot":{"resolution":"1m"}}}', /resolution of hot of "a" is "1m"; it is always "raw"/],
    ['{"a":{"cold":{"retention":"2d"}}}', /retention of cold of "a" is "2d".*at least 3d/],
    ['{"a":{"cold":{"compression":"snappy"}}}', /compression of cold of "a" is "snappy"; it is always "delta\+zstd"/],
    ['{"a":{"warm":{"retention":"7"}}}', /retention of warm of "a" is "7"/],
    ['{"a":{"warm":{"retention":"1h"}}}', /at least 1d/],
    ['{"a":{"cold":{"retention":"999999y"}}}', /retention of cold of "a" is "999999y".*at most 1000y/],
    ['{"a":{"warm":{"resolution":"10m"}}}', /"10m" of warm of "a" is no resolution; there are 1m, 5m, 1h/],
    ['{"a":{"warm":{"aggregates":["mean"]}}}', /"mean" among the aggregates of warm of "a" is none; there are sum, min, .*avg, count/],
    ['{"a":{"warm":{"rules":[{"match":{}}]}}}', /match of rule 1 of warm of "a" is empty/],
    ['{"a":{"rules":[{"match":{}}]}}', /match of rule 1 of "a" is empty/],
    ['{"a":{"rules":[{"match":{"x":"y"},"hot":{"retention":"2d"}}]}}', /rule 1 of "a" has "hot"; shards keep all series for as long/],
    ['{"a":{"rules":[{"match":{"x":"y"},"retention":"2d"}]}}', /rule 1 of "a" has "retention"; there are match, warm, cold/],
    ['{"a":{"rules":[{"match":{"x":"y"},"cold":{"retention":"1d"}}]}}', /retention of cold of rule 1 of "a" is "1d".*at least 3d/],
    ['{"a":{"rules":[],"warm":{"rules":[]}}}', /the policy of "a" has rules, and its warm has rules too/],
    ['{"a":{"warm":{"rules":[{"match":{"x":"=~("}}]}}}', /"x" of rule 1/],
    ['{"a":{"warm":{"rules":[{"match":{"x":1}}]}}}', /must be the name of a label and a text/],
    ['{"a":{"warm":{"retain":"7d"}}}', /has "retain"/],
  ])('%s is refused', (text, message) => {
    expect(() => readTieringPolicy(text)).toThrow(message);
  });
});

describe('days that a query may count on', () => {
  const NOW_MS = Date.UTC(2026, 5, 15, 12);
  const policy = read({ cold: { retention: '30d' }, warm: { retention: { '5m': '20d', '1h': '2y' } }, rules: [{ match: { job: 'a' }, warm: { retention: '5d' } }, { match: { job: 'b' }, warm: { retention: '5d' }, cold: { retention: '4d' } }] });
  const f = (table: RollupTableName, job: string | undefined, completeFrom: string, samplesFrom: string): void => {
    const { completeFromDay, samplesFromDay } = keptDays(policy, table, job === undefined ? [] : [{ name: 'job', type: '=', value: job }], NOW_MS);
    const text = (day: number): string => (day === -Infinity ? '-' : new Date(day * DAY_MS).toISOString().slice(0, 10));
    expect([text(completeFromDay), text(samplesFromDay)], `${table} ${job}`).toEqual([completeFrom, samplesFrom]);
  };

  test('are those of which nothing has left that there are samples of', () => {
    f('rollup_5m', 'c', '2026-05-26', '2026-05-16');
    f('rollup_5m', 'a', '2026-06-10', '2026-05-16');
    // Its samples go before its roll-ups.
    f('rollup_5m', 'b', '-', '2026-06-11');
    f('rollup_5m', undefined, '2026-06-10', '2026-05-16');
    // Hours leave by month.
    f('rollup_1h', 'a', '2026-06-01', '2026-05-16');
    f('rollup_1h', 'c', '-', '2026-05-16');
  });
});

describe('what a selector may match', () => {
  const { rules } = read({ warm: { aggregates: ['sum', 'min', 'max'], rules: [{ match: { job: 'noisy' }, resolution: [] }, { match: { job: '=~node.*' }, resolution: '1h', aggregates: ['increase'] }] } }).warm;
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

  test('where there are no samples, by those that have something', () => {
    const job = (value: string): Matcher[] => [{ name: 'job', type: '=', value }];
    expect(covers(rules, job('noisy'), '5m', ['sum'], false)).toBe(true);
    expect(covers(rules, [], '1h', ['sum'], false)).toBe(false);
    expect(covers(rules, [], '5m', ['sum'], false)).toBe(true);
    expect(covers(rules, [], '5m', ['sum'], true)).toBe(false);
  });

  test('by the default everything is', () => {
    expect(covers(DEFAULT_WARM_POLICY.rules, [], '1h', ROLLUP_AGGREGATES)).toBe(true);
    expect(covers(DEFAULT_WARM_POLICY.rules, [], '1m', [])).toBe(false);
  });
});
