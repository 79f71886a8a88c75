import { expect, test } from 'vitest';
import { firstDifference } from './compare-answers.ts';
import { type AnswerSeries, parseAnswer } from './prometheus-api.ts';

const series = (key: string, ...values: number[]): AnswerSeries => ({ key, points: values.map((value, index) => [index, value]) });

function f(wanted: AnswerSeries[], got: AnswerSeries[], difference: string | undefined): void {
  expect(firstDifference(wanted, got, 1e-9)).toBe(difference);
}

test('the first difference is named', () => {
  f([], [], undefined);
  f([series('a', 1), series('b', 2)], [series('b', 2), series('a', 1)], undefined);
  f([series('a', 1)], [series('a', 1 + 1e-12)], undefined);
  f([series('a', Number.NaN, Infinity, -0)], [series('a', Number.NaN, Infinity, 0)], undefined);
  f([series('a', 1)], [series('a', 1 + 1e-6)], 'series a at 0 is 1.000001, not 1');
  f([series('a', Infinity)], [series('a', 5)], 'series a at 0 is 5, not Infinity');
  f([series('a', Number.NaN)], [series('a', 5)], 'series a at 0 is 5, not NaN');
  f([series('a', 1)], [], 'series a is missing');
  f([], [series('a', 1)], 'series a should not be there');
  f([series('a', 1, 2)], [series('a', 1)], 'series a has 1 points, not 2');
  f([series('a', 1), series('a', 1)], [series('a', 1)], 'series a is missing');
});

test('answers of all three kinds are read', () => {
  const read = (data: unknown): AnswerSeries[] => parseAnswer(Buffer.from(JSON.stringify({ status: 'success', data })));
  expect(read({ resultType: 'scalar', result: [5, '-Inf'] })).toEqual([{ key: 'scalar', points: [[5, -Infinity]] }]);
  expect(read({ resultType: 'vector', result: [{ metric: { b: '2', a: '1' }, value: [5, 'NaN'] }] })).toEqual([
    { key: '[["a","1"],["b","2"]]', points: [[5, Number.NaN]] },
  ]);
  expect(read({ resultType: 'matrix', result: [{ metric: {}, values: [[5, '1'], [6.5, '2']] }] })).toEqual([
    { key: '[]', points: [[5, 1], [6.5, 2]] },
  ]);
});
