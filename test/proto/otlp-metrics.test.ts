import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../proto/decode-error.ts';
import { attributes, exemplar, exponentialHistogram, exponentialPoint, fixed64Field, gauge, histogram, histogramPoint, metricsRequest, numberPoint, resourceMetrics, sum, summary, summaryPoint } from './otlp-fields.ts';
import { bytesField, doubleField, varint, varintField } from './protobuf-fields.ts';
import { visited } from './visited-metrics.ts';

const AT = { timeMs: 1_700_000_000_123 };
const ONE = [gauge('g', [numberPoint({ ...AT, value: 1 })])];

describe('points of all kinds', () => {
  function f(name: string, metric: number[], ...wanted: string[]): void {
    test(name, () => {
      const lines = visited(metricsRequest(resourceMetrics({ a: 'b' }, [metric], { name: 's' })));
      expect(lines.slice(0, 2)).toEqual(['resource ["a","b"]', 'scope [] ""']);
      expect(lines.slice(2, -1)).toEqual(wanted);
      expect(lines.at(-1)).toBe('end');
    });
  }
  const point = 'point 0-1700000000123 flags=0';
  f('a gauge', gauge('g', [numberPoint({ ...AT, value: 1.5, attributes: { k: 'v' } })], { unit: 's', description: 'D' }), 'gauge "g" "D" "s" temporality=0 monotonic=false points=1', `${point} value=0x3ff8000000000000 ["k","v"] exemplars=[]`);
  f('an integer', sum('s', [numberPoint({ ...AT, value: -3n })], { isMonotonic: false }), 'sum "s" "" "" temporality=2 monotonic=false points=1', `${point} value=0xc008000000000000 [] exemplars=[]`);
  f('no value, flags, start', sum('s', [numberPoint({ ...AT, startMs: 7, flags: 1 })]), 'sum "s" "" "" temporality=2 monotonic=true points=1', 'point 7-1700000000123 flags=1 value=none [] exemplars=[]');
  f(
    'a histogram',
    histogram('h', [histogramPoint({ ...AT, count: 6, sum: 2.5, counts: [1, 2, 3], bounds: [0.5, 1] })], { temporality: 1 }),
    'histogram "h" "" "" temporality=1 monotonic=false points=1',
    `${point} count=6 sum=2.5 counts=[1,2,3] bounds=[0.5,1] [] exemplars=[]`,
  );
  f(
    'an exponential histogram',
    exponentialHistogram('e', [exponentialPoint({ ...AT, count: 9, scale: -2, zeroCount: 1, zeroThreshold: 0.5, positive: { offset: -3, counts: [1, 300] }, negative: { offset: 2, counts: [7] }, attributes: { k: 'v' } })]),
    'exponential-histogram "e" "" "" temporality=2 monotonic=false points=1',
    `${point} count=9 sum=none scale=-2 zero=1@0.5 positive=-3:[1,300] negative=2:[7] ["k","v"] exemplars=[]`,
  );
  f(
    'a summary',
    summary('q', [summaryPoint({ ...AT, count: 3, sum: 4.5, quantiles: [[0, 1], [0.5, 2]] })]),
    'summary "q" "" "" temporality=0 monotonic=false points=1',
    `${point} count=3 sum=4.5 quantiles=[0,0.5] values=[1,2] [] exemplars=[]`,
  );
  f('a metric without data', bytesField(1, 'nothing'));
});

test('times are rounded down to milliseconds, exactly', () => {
  for (const [nanoseconds, ms] of [[1_699_999_999_999_999_999n, 1_699_999_999_999], [1_700_000_000_000_000_000n, 1_700_000_000_000], [2n ** 64n - 1n, 18_446_744_073_709]] as const) {
    const lines = visited(metricsRequest(resourceMetrics({}, [gauge('g', [[...fixed64Field(3, nanoseconds), ...doubleField(4, 1)]])])));
    expect(lines[3]).toContain(`point 0-${ms} `);
  }
});

test('fields in any order, and attributes scattered among them', () => {
  const marks = attributes(7, { a: '1', b: '2', c: '3' });
  const [a, b, c] = [marks.slice(0, 10), marks.slice(10, 20), marks.slice(20)];
  const first = exemplar({ value: 1 });
  const point = [...a, ...doubleField(4, 1), ...bytesField(5, first), ...b, ...varintField(99, 5), ...c, ...fixed64Field(3, 5_000_000)];
  const data = [...varintField(3, 1), ...varintField(2, 2), ...bytesField(1, point)];
  const metric = [...bytesField(7, data), ...bytesField(3, 's'), ...bytesField(1, 'late')];
  const scopeMetrics = [...bytesField(3, 'url'), ...bytesField(2, metric), ...bytesField(1, attributes(3, { k: 'v' }))];
  const message = metricsRequest(bytesField(1, [...bytesField(2, scopeMetrics), ...bytesField(3, 'u'), ...bytesField(1, attributes(1, { r: 's' }))]));
  const wanted = [
    'resource ["r","s"]',
    'scope ["k","v"] "url"',
    'sum "late" "" "s" temporality=2 monotonic=true points=1',
    `point 0-5 flags=0 value=0x3ff0000000000000 ["a","1","b","2","c","3"] exemplars=[${Buffer.from(first).toString('hex')}]`,
    'end',
  ];
  expect(visited(message)).toEqual(wanted);
  // The walk has moved fields about: what it left is the same message.
  expect(visited(message)).toEqual(wanted);
});

test('numbers come packed or not, and in pieces', () => {
  const point = [...fixed64Field(3, 1_000_000), ...fixed64Field(6, 1), ...bytesField(6, fixed64Field(1, 2).slice(1)), ...doubleField(7, 5), ...fixed64Field(6, 3)];
  expect(visited(metricsRequest(resourceMetrics({}, [histogram('h', [point])])))[3]).toContain('counts=[1,2,3] bounds=[5]');
  const side = [...varintField(2, 4), ...bytesField(2, [...varint(5), ...varint(2 ** 40)]), ...varintField(1, 3)];
  expect(visited(metricsRequest(resourceMetrics({}, [exponentialHistogram('e', [bytesField(8, side)])])))[3]).toContain('positive=-2:[4,5,1099511627776]');
});

test('more buckets than are kept are counted', () => {
  const long = { ...AT, count: 0, counts: Array.from({ length: 300 }, () => 0), bounds: [1] };
  expect(visited(metricsRequest(resourceMetrics({}, [histogram('h', [histogramPoint(long), histogramPoint({ ...long, counts: [1, 2] })])])), true, 100).slice(3, 5)).toEqual([
    expect.stringContaining('counts=too long: 300 bounds=[1]'),
    expect.stringContaining('counts=[1,2] bounds=[1]'),
  ]);
});

describe('attribute values as text', () => {
  function f(value: Parameters<typeof attributes>[1][string], wanted: string): void {
    test(wanted, () => expect(visited(metricsRequest(resourceMetrics({ k: value }, ONE)))[0]).toBe(`resource ${JSON.stringify(['k', wanted])}`));
  }
  f('text', 'text');
  f('', '');
  f(true, 'true');
  f(2n ** 63n - 1n, '9223372036854775807');
  f(-1n, '-1');
  f(0.1, '0.1');
  f(1e21, '1e+21');
  f(1e-7, '1e-7');
  f(NaN, 'NaN');
  f(-Infinity, '-Infinity');
  f(-0, '-0');
  f(Uint8Array.from([1, 2, 255]), 'AQL/');
  f(['a', 1n, [false]], '["a",1,[false]]');
  f({ b: '<&>', a: 2 }, '{"a":2,"b":"<&>"}');
});

describe('refused', () => {
  function f(name: string, message: readonly number[], reason: RegExp): void {
    test(name, () => {
      expect(() => visited(Uint8Array.from(message))).toThrow(reason);
      expect(() => visited(Uint8Array.from(message))).toThrow(DecodeError);
    });
  }
  const one = [...metricsRequest(resourceMetrics({ a: 'b' }, ONE))];
  f('cut off', one.slice(0, -1), /reaches beyond its end at byte/);
  f('a length that lies', [10, 0xff, 0xff, 0xff, 0xff, 0x0f], /reaches beyond/);
  f('a varint that does not end', [10, ...Array.from({ length: 11 }, () => 0x80)], /varint above 32 bits/);
  f('eleven bytes of varint', bytesField(1, bytesField(2, bytesField(2, bytesField(7, [16, ...Array.from({ length: 10 }, () => 0x80), 1])))), /varint above 64 bits/);
  f('field number 0', [0, 0], /field number 0/);
  f('a group', [...Array.from({ length: 100_000 }, () => (5 << 3) | 3)], /wire type 3/);
  f('a known field of another wire type', [8, 1], /wire type 0 for field 1/);
  f('two resources', bytesField(1, [...bytesField(1, []), ...bytesField(1, [])]), /a second resource/);
  f('two kinds of data', [...resourceMetrics({}, [[...gauge('g', []), ...bytesField(7, [])]])], /a second kind of data/);
  f('text that is not UTF-8', [...resourceMetrics({}, [[...bytesField(1, [0xff]), ...bytesField(5, [])]])], /invalid UTF-8/);
  test('values nested too deep', () => {
    let value: Parameters<typeof attributes>[1][string] = 'x';
    for (let i = 0; i < 9; i++) value = [value];
    expect(visited(metricsRequest(resourceMetrics({ k: value }, ONE)))[0]).toContain('[[[[[[[[[');
    expect(() => visited(metricsRequest(resourceMetrics({ k: [value] }, ONE)))).toThrow(/nests too deep/);
  });
});
