import { describe, expect, test } from 'vitest';
import { UsageError, parseOptions } from './options.ts';
import { type Report, formatReport, ratiosOfVarve } from './report.ts';
import { geometricMean, median, percentile } from './statistics.ts';

const REPORT: Report = {
  bench: 'example',
  title: 'example: ten samples',
  load: { samples: 10 },
  measures: [
    { key: 'cpu', title: 'CPU', digits: 2, hasRatio: true },
    { key: 'retries', title: 'sent again', digits: 0, hasRatio: false },
  ],
  peers: [
    { peer: { name: 'varve', version: '1.0.0' }, runs: [{ cpu: 1, retries: 0 }, { cpu: 3, retries: 0 }, { cpu: 2, retries: 1 }] },
    { peer: { name: 'prometheus', version: '2.0.0' }, runs: [{ cpu: 8, retries: 0 }] },
  ],
  notes: ['one note'],
  isSound: true,
};

test('the table has a row a measure, a column a peer and one a ratio, over medians', () => {
  expect(formatReport(REPORT)).toBe(
    [
      'example: ten samples',
      '',
      '            varve 1.0.0  prometheus 2.0.0  varve / prometheus',
      'CPU                2.00              8.00                0.25',
      'sent again            0                 0',
      '',
      '- one note',
    ].join('\n'),
  );
});

test('summaries are geometric means of the ratios that are numbers', () => {
  const measures = ['a', 'b', 'c'].map((key) => ({ key, title: key, digits: 0, hasRatio: true }));
  const peers = [
    { peer: { name: 'varve', version: '1' }, runs: [{ a: 1, b: 8, c: 1 }] },
    { peer: { name: 'prometheus', version: '2' }, runs: [{ a: 2, b: 1, c: 0 }] },
  ] as const;
  expect(formatReport({ ...REPORT, measures, peers, summaries: [{ title: 'mean', keys: ['a', 'b', 'c'] }] })).toMatch(/^mean +2\.00$/m);
  expect(geometricMean([])).toBeNaN();
});

test('without Varve there is no ratio, and what is not known is a dash', () => {
  const report: Report = { ...REPORT, peers: [{ peer: { name: 'prometheus', version: '2.0.0' }, runs: [{ cpu: Number.NaN }] }] };
  expect(ratiosOfVarve(report)).toEqual([]);
  expect(formatReport(report)).toContain('–');
});

test('median and nearest-rank percentiles', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(median([])).toBeNaN();
  expect(median([1, Number.NaN])).toBeNaN();
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect(percentile(hundred, 0.5)).toBe(50);
  expect(percentile(hundred, 0.99)).toBe(99);
  expect(percentile([5], 0.99)).toBe(5);
  expect(percentile([], 0.5)).toBeNaN();
});

describe('parseOptions', () => {
  test('what is not said has a default', () => {
    expect(parseOptions(['ingest'])).toMatchObject({ bench: 'ingest', repeat: 3, isTiny: false, connections: 4, seed: 1 });
    expect(parseOptions(['query', '--tiny', '--peers', 'varve'])).toMatchObject({ bench: 'query', repeat: 1, peers: ['varve'] });
  });

  test('what is not understood is refused', () => {
    for (const args of [[], ['both'], ['ingest', '--peers', 'mimir'], ['ingest', '--repeat', '0'], ['ingest', '--seed', '1e3'], ['query', '--loud']]) {
      expect(() => parseOptions(args), args.join(' ')).toThrow(UsageError);
    }
  });
});
