import { expect, test } from 'vitest';
import { memoryApi } from '../api.ts';

const query = (text: string): string => `query=${encodeURIComponent(text)}`;

test('format_query lays a query out', async () => {
  const { data, get } = await memoryApi();
  expect(await data(`/api/v1/format_query?${query('sum  by(a)(rate(x[5m]))')}`)).toBe('sum by (a) (rate(x[5m]))');
  const { status, json } = await get(`/api/v1/format_query?${query('sum(')}`);
  expect([status, json['errorType']]).toEqual([400, 'bad_data']);
  expect(json['error']).toMatch(/^invalid parameter "query": 1:5: parse error: /);
});

test('parse_query gives every kind of node', async () => {
  const { data } = await memoryApi();
  const tree = (text: string): Promise<unknown> => data(`/api/v1/parse_query?${query(text)}`);
  const times = { offset: 0, offsetExpr: null, timestamp: null, startOrEnd: null };
  const x = { type: 'vectorSelector', name: 'x', matchers: [{ name: '__name__', value: 'x', type: '=' }], anchored: false, smoothed: false, ...times };
  expect(await tree('x')).toEqual(x);
  expect(await tree('{a=~"b"} offset 1m @ 5')).toEqual({
    ...x, name: '', matchers: [{ name: 'a', value: 'b', type: '=~' }], offset: 60_000, timestamp: 5000,
  });
  expect(await tree('x[5m] anchored @ end()')).toEqual({ ...x, type: 'matrixSelector', range: 300_000, rangeExpr: null, anchored: true, startOrEnd: 'end' });
  expect(await tree('x[1h:]')).toEqual({ type: 'subquery', expr: x, range: 3_600_000, rangeExpr: null, step: 0, stepExpr: null, ...times });
  expect(await tree('-x')).toEqual({ type: 'unaryExpr', op: '-', expr: x });
  expect(await tree('(1e30)')).toEqual({ type: 'parenExpr', expr: { type: 'numberLiteral', val: '1000000000000000000000000000000' } });
  expect(await tree('"t"')).toEqual({ type: 'stringLiteral', val: 't' });
  expect(await tree('"\\xff"')).toEqual({ type: 'stringLiteral', val: '\ufffd' });
  expect(await tree('{"\\xfe"="\\xff"}')).toMatchObject({ matchers: [{ name: '\ufffd', value: '\ufffd' }] });
  expect(await tree('topk by (b) (2, x)')).toEqual({
    type: 'aggregation', op: 'topk', expr: x, param: { type: 'numberLiteral', val: '2' }, grouping: ['b'], without: false,
  });
  expect(await tree('abs(x)')).toEqual({ type: 'call', func: { name: 'abs', argTypes: ['vector'], variadic: 0, returnType: 'vector' }, args: [x] });
  expect(await tree('x > bool 1')).toEqual({ type: 'binaryExpr', op: '>', lhs: x, rhs: { type: 'numberLiteral', val: '1' }, matching: null, bool: true });
  expect(await tree('x + on (a) group_left (b) x')).toMatchObject({
    matching: { card: 'many-to-one', labels: ['a'], on: true, include: ['b'], fillValues: { lhs: null, rhs: null } },
  });
});

test('parse_query gives the tree of a duration that is worked out later', async () => {
  const { data } = await memoryApi();
  const tree = (text: string): Promise<unknown> => data(`/api/v1/parse_query?${query(text)}`);
  const number = (val: string, duration: boolean): unknown => ({ type: 'numberLiteral', val, duration });
  const node = (op: string, lhs: unknown, rhs: unknown, wrapped = false): unknown => ({ type: 'durationExpr', op, lhs, rhs, wrapped });
  expect(await tree('x[step()]')).toMatchObject({ range: 0, rangeExpr: node('step', null, null) });
  expect(await tree('x[-5m+(35)]')).toMatchObject({ rangeExpr: node('+', number('-300', true), node('+', null, number('35', false), true)) });
  expect(await tree('x[1m:(range()*2)] offset -(max_of(1, 2m))')).toMatchObject({
    range: 60_000, rangeExpr: null, stepExpr: node('*', node('range', null, null), number('2', false), true),
    offsetExpr: node('-', null, node('max_of', number('1', false), number('120', true), true)),
  });
});
