import { describe, expect, test } from 'vitest';
import type { WindowHint } from '../../../promql/series-source.ts';
import { maxSourceResolutionParameter } from '../../../query/parameters.ts';
import { cutRange, rollupCandidates, unionOf } from '../../../query/source/rollup-choice.ts';
import { readTieringPolicy } from '../../../storage/warm/read-tiering-policy.ts';
import { DEFAULT_WARM_POLICY } from '../../../storage/warm/tiering-policy.ts';
import type { RollupDays } from '../../../storage/warm/warm-archive.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const window = (rangeMs: number, firstMs: number, stepMs: number, count: number, isExact = true): WindowHint => ({ rangeMs, firstMs, stepMs, count, parts: ['max'], isExact });

describe('which roll-ups may answer', () => {
  const f = (windows: readonly WindowHint[], maxMs: number | undefined, want: readonly string[]): void => {
    const got = rollupCandidates(windows, maxMs).map(({ resolution, isExact }) => `${resolution}${isExact ? '' : '~'}`);
    expect(got, JSON.stringify([windows, maxMs])).toEqual(want);
  };

  test('those of whole windows where the answer is the same', () => {
    f([window(2 * HOUR, DAY, HOUR, 24)], undefined, ['1h', '5m', '1m']);
    f([window(HOUR, DAY + 10 * MINUTE, HOUR, 24)], undefined, ['5m', '1m']);
    f([window(HOUR, DAY, 15 * MINUTE, 24)], undefined, ['5m', '1m']);
    f([window(HOUR, DAY, 15_000, 24)], undefined, []);
    f([window(HOUR, DAY, 15_000, 1)], undefined, ['1h', '5m', '1m']);
    f([window(90_000, DAY, HOUR, 24)], undefined, []);
    f([window(HOUR, DAY, HOUR, 24), window(5 * MINUTE, DAY, HOUR, 24)], undefined, ['5m', '1m']);
    f([window(HOUR, DAY, HOUR, 24, false)], undefined, []);
    f([window(HOUR, DAY, HOUR, 24), window(HOUR, DAY, HOUR, 24, false)], undefined, []);
    f([], undefined, []);
  });

  test('others as far as the caller allows', () => {
    f([window(HOUR, DAY, HOUR, 24, false)], HOUR, ['1h~', '5m~', '1m~']);
    f([window(HOUR, DAY, HOUR, 24, false)], 5 * MINUTE, ['5m~', '1m~']);
    f([window(HOUR, DAY, HOUR, 24)], 5 * MINUTE, ['1h', '5m', '1m']);
    // Windows that end between buckets must be long.
    f([window(HOUR + 15_000, DAY, 15_000, 24)], HOUR, ['5m~', '1m~']);
    f([window(5 * HOUR, DAY, 15_000, 24)], Infinity, ['1h~', '5m~', '1m~']);
    f([window(2 * MINUTE, DAY, 15_000, 24)], Infinity, []);
    f([window(HOUR, DAY, HOUR, 24)], 0, []);
  });

  test('as the parameter says', () => {
    const of = (text: string, stepMs?: number) => maxSourceResolutionParameter(new URLSearchParams({ max_source_resolution: text }), stepMs);
    expect([of(''), of('auto', 25 * MINUTE), of('auto'), of('0s'), of('5m'), of('1h'), of('300')]).toEqual([undefined, 5 * MINUTE, Infinity, 0, 5 * MINUTE, HOUR, 5 * MINUTE]);
    expect(maxSourceResolutionParameter(new URLSearchParams(), 1)).toBeUndefined();
    expect(() => of('fine')).toThrow('invalid parameter "max_source_resolution": cannot parse "fine" to a valid duration');
    expect(() => of('-5')).toThrow('it must be "auto", 0s');
  });
});

describe('what a range is cut into', () => {
  const candidates = rollupCandidates([window(HOUR, DAY, HOUR, 24)], undefined);
  const days = (table: 'rollup_5m' | 'rollup_1h', firstDay: number, lastDay: number, rules = DEFAULT_WARM_POLICY.rules, shard = '1/0'): RollupDays => ({ table, shard, firstDay, lastDay, rules });
  const cut = (known: readonly RollupDays[], startMs: number, endMs: number) => {
    const { rollups, rest } = cutRange('1/0', candidates, known, { selector: [{ name: 'job', type: '=', value: 'a' }], parts: new Set(['max']), startMs, endMs });
    return { ...Object.fromEntries(rollups.map((each) => [each.candidate.resolution, [...each.days]])), rest: rest.map((range) => [range.startMs, range.endMs]) };
  };

  test('days go to the coarsest that has them, and the first moment of a day to the day before', () => {
    const known = [days('rollup_1h', 1, 3), days('rollup_5m', 2, 5), days('rollup_5m', 8, 8)];
    expect(cut(known, DAY + 1, 10 * DAY)).toEqual({ '1h': [1, 2, 3], '5m': [4, 5, 8], rest: [[6 * DAY + 1, 8 * DAY], [9 * DAY + 1, 10 * DAY]] });
    expect(cut(known, 2 * DAY, 3 * DAY)).toEqual({ '1h': [1, 2], rest: [] });
    expect(cut(known, 6 * DAY, 6 * DAY)).toEqual({ '5m': [5], rest: [] });
    expect(cut(known, 6 * DAY + 1, 6 * DAY + 5)).toEqual({ rest: [[6 * DAY + 1, 6 * DAY + 5]] });
    expect(cut([], 5, 3 * DAY)).toEqual({ rest: [[5, 3 * DAY]] });
  });

  test('days that have no roll-ups cost nothing, however many they are', () => {
    const [startMs, endMs] = [-8.64e15, 8.64e15];
    const beganMs = performance.now();
    for (let shard = 0; shard < 100; shard++) {
      expect(cut([days('rollup_1h', 1, 2)], startMs, endMs)).toEqual({ '1h': [1, 2], rest: [[startMs, DAY], [3 * DAY + 1, endMs]] });
    }
    // Twenty thousand million days in all: one by one they take minutes.
    expect(performance.now() - beganMs).toBeLessThan(5000);
  });

  test('days of another shard, or of rules that leave out what is asked for, are none', () => {
    const { rules } = readTieringPolicy('{"t":{"warm":{"aggregates":["min"]}}}')('t').warm;
    const noisy = readTieringPolicy('{"t":{"warm":{"rules":[{"match":{"job":"a"},"resolution":[]}]}}}')('t').warm;
    expect(cut([days('rollup_1h', 1, 1, rules), days('rollup_1h', 2, 2, noisy.rules), days('rollup_1h', 3, 3, undefined, '1/1')], DAY + 1, 4 * DAY)).toEqual({ rest: [[DAY + 1, 4 * DAY]] });
  });

  test('where there are no samples, rules that leave out all of a resolution do not matter', () => {
    const noisy = readTieringPolicy('{"t":{"warm":{"rules":[{"match":{"job":"a"},"resolution":[]}]}}}')('t').warm;
    expect(cut([{ ...days('rollup_1h', 1, 1, noisy.rules), hasSamples: false }, days('rollup_1h', 2, 2, noisy.rules)], DAY + 1, 3 * DAY)).toEqual({ '1h': [1], rest: [[2 * DAY + 1, 3 * DAY]] });
  });

  test('ranges of several shards are listed once', () => {
    expect(unionOf([{ startMs: 5, endMs: 9 }, { startMs: 1, endMs: 4 }, { startMs: 20, endMs: 30 }, { startMs: 6, endMs: 7 }], 8)).toEqual([{ startMs: 1, endMs: 9 }, { startMs: 20, endMs: 30 }]);
    expect(unionOf([{ startMs: 5, endMs: 9 }, { startMs: 20, endMs: 30 }], 1)).toEqual([{ startMs: 5, endMs: 30 }]);
    expect(unionOf([], 8)).toEqual([]);
  });
});
