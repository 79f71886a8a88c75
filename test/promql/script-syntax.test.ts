import { describe, expect, test } from 'vitest';
import { parseDurationMs, parsePoints, parseStartPoints } from './script-points.ts';
import { runScript } from './script-runner.ts';
import { parseScript } from './script-syntax.ts';

describe('the promqltest language', () => {
  test('points', () => {
    const f = (text: string, ...values: readonly unknown[]): void => {
      expect(parsePoints(text).map((point) => (point.kind === 'float' ? point.value : point.kind))).toEqual(values);
    };
    f('1 -2.5 1e3 +4', 1, -2.5, 1000, 4);
    f('NaN Inf -Inf inf', NaN, Infinity, -Infinity, Infinity);
    f('_ _x2 stale', 'missing', 'missing', 'missing', 'stale');
    f('5x2', 5, 5, 5);
    f('0x2', 0, 0, 0);
    f('1+2x2 3-1x2', 1, 3, 5, 3, 2, 1);
    f('-1-2x1', -1, -3);
    f('1e-3+1e-3x1', 0.001, 0.002);
    f('{{count:1 sum:2}} {{count:1}}x1', 'histogram', 'histogram', 'histogram');
    expect(() => parsePoints('1..2')).toThrow('not a number');
  });

  test('durations', () => {
    const f = (text: string, durationMs: number): void => expect(parseDurationMs(text)).toBe(durationMs);
    f('0', 0);
    f('90', 90_000);
    f('1.5', 1500);
    f('1h30m', 5_400_000);
    f('-2m1ms', -120_001);
    f('10s53ms', 10_053);
    expect(() => parseDurationMs('5x')).toThrow('not a duration');
  });

  test('start timestamps count from their samples', () => {
    expect(parseStartPoints('_ -30s-1mx2 1ms _x2 0')).toEqual([undefined, -30_000, -90_000, -150_000, 1, undefined, undefined, 0]);
  });

  test('blocks end at blank and comment lines', () => {
    const commands = parseScript('load 1m\n  a 1\n# note\nclear\neval instant at 5m a\n  a 1\n\neval range from 0 to 1m step 30s b\n');
    expect(commands.map(({ kind }) => kind)).toEqual(['load', 'clear', 'eval', 'eval']);
  });
});

describe('what is not the language is refused at its line', () => {
  test.each([
    ['evil instant at 1m a', 1, 'unknown command: evil instant at 1m a'],
    ['load soon\n  a 1', 1, 'not a duration: soon'],
    ['load 1m\n  a 1\n  b 1 two\n  c 1', 3, 'not a number: two'],
    ['load 1m\n  a{x="1" 1', 2, 'unexpected'],
    ['load 1m\n  a {{count:1', 2, 'not a histogram point: {{count:1'],
    ['load 1m\n  a {{count:1 color:2}}', 2, 'unknown histogram field color'],
    ['load 1m\n  a {{counter_reset_hint:maybe}}', 2, 'unknown counter_reset_hint'],
    ['load 1m\n  a@st -1m\n  a@st soon', 3, 'not a duration: soon'],
    ['eval instant at 1m', 1, 'not a duration: at'],
    ['eval instant at noon a', 1, 'not a duration: noon'],
    ['eval range from 0 to 1m step 0 a', 1, 'a step is more than nothing: 0'],
    ['eval range from 1m to 0 step 1m a', 1, 'the end 0 is before the start 1m'],
    ['eval instant at 1m a\n  expect miracle', 2, 'unknown expectation: expect miracle'],
    ['eval instant at 1m a\n  expect warn maybe', 2, 'unknown expectation: maybe'],
    ['eval instant at 1m a\n  expect ordered please', 2, 'unknown expectation: expect ordered please'],
    ['eval instant at 1m a\n  expect fail\n  expect fail', 3, 'a query fails once'],
    ['eval instant at 1m a\n  expect fail\n  a 1', 3, 'expects a failure and a value'],
    ['eval instant at 1m a\n  expect warn\n  expect no_warn', 3, 'expects warnings and none'],
    ['eval instant at 1m a\n  expect no_info\n  expect info msg: x', 3, 'expects infos and none'],
    ['eval instant at 1m a\n  1\n  a 1', 3, 'expects values of several types'],
    ['eval instant at 1m a\n  expect string text', 2, 'not a string: text'],
    ['eval instant at 1m a\n  expect range vector from 0', 2, 'unknown range vector: from 0'],
    ['eval instant at 1m a\n  expect fail regex: (', 2, 'missing closing )'],
  ])('%j', (script, line, message) => {
    expect(parseScript(`${script}\n`)).toContainEqual(expect.objectContaining({ kind: 'invalid', line, message: expect.stringContaining(message) as string }));
  });
});

describe('the runner', () => {
  test('reads patterns as Prometheus does', async () => {
    const evalOf = (pattern: string): string => `eval instant at 0 up +\n  expect fail regex: ${pattern}\n\n`;
    const report = await runScript(evalOf('(?i)UNEXPECTED .nd') + evalOf('\\Q1:5\\E') + evalOf('^parse error'));
    expect([report.passed, report.failures.map(({ line }) => line)]).toEqual([2, [7]]);
  });

  test('tells each failure with its line and goes on', async () => {
    const report = await runScript(`load 1m
  a{x="1"} 1 2

eval instant at 1m a
  a{x="1"} 3

eval instant at 1m a
  a{x="1"} 2

evil instant at 1m a

eval instant at 1m a
  expect fail

eval instant at 1m a +
  expect fail msg: something else

eval instant at 1m a

eval instant at 1m a
  a{x="1"} 2
  a{x="2"} 2

eval range from 0 to 1m step 1m a
  a{x="1"} 1

eval instant at 1m rate(a[2m])
  expect no_info
  {x="1"} 0.01666666

eval instant at 0 quantile(2, a)
  expect warn msg: another
  {} Inf
`);
    expect(report.passed).toBe(1);
    expect(report.failures.map(({ line, message }) => `${line}: ${message}`)).toEqual([
      '4: a{x="1"}: expected 3, got 2',
      '10: not the language: unknown command: evil instant at 1m a',
      '12: expected a failure, but it succeeded',
      '15: expected the error something else, got 1:4: parse error: unexpected end of input',
      '18: unexpected a{x="1"} 2',
      '20: missing a{x="2"} 2',
      '24: a{x="1"} at 60000: unexpected 2',
      '27: expected no info, got PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "a" (1:6)',
      '31: expected the warning another, got PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)',
    ]);
  });
});
