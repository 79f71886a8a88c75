import { describe, expect, test } from 'vitest';
import type { QueryResult, QueryValue } from '../../../promql/query-result.ts';
import { ByteText } from '../../../query/text/byte-text.ts';
import { formatTimestamp, queryData } from '../../../query/text/result-json.ts';
import { EMPTY_HISTOGRAM } from '../../../storage/model/histogram.ts';

const STATS = { totalQueryableSamples: 5, samplesRead: 4, seriesRead: 2, peakSamples: 3 };

function json(value: QueryValue, stats?: unknown): string {
  const result: QueryResult = { value, annotations: { warnings: [], infos: [] }, stats: STATS };
  const text = new ByteText();
  for (const part of queryData(result, stats)) text.part(part);
  return new TextDecoder().decode(text.written());
}

test('timestamps: seconds, with three decimals when they are not whole', () => {
  const f = (timestampMs: number, text: string): void => expect(formatTimestamp(timestampMs)).toBe(text);
  f(0, '0');
  f(1, '0.001');
  f(10, '0.010');
  f(100, '0.100');
  f(1001, '1.001');
  f(1_435_781_451_000, '1435781451');
  f(1_435_781_451_781, '1435781451.781');
  f(-1, '-0.001');
  f(-1000, '-1');
  f(-1001, '-1.001');
  f(8.64e15, '8640000000000');
  f(-8.64e15, '-8640000000000');
});

describe('values of a query', () => {
  test('scalar and string', () => {
    expect(json({ kind: 'scalar', timestampMs: 1500, value: 1 })).toBe('{"resultType":"scalar","result":[1.500,"1"]}');
    expect(json({ kind: 'string', timestampMs: 1000, value: 'a\udcff' })).toBe('{"resultType":"string","result":[1,"a\ufffd"]}');
    expect(json({ kind: 'string', timestampMs: 1000, value: 'a"\n' })).toBe('{"resultType":"string","result":[1,"a\\"\\n"]}');
  });

  test('a vector keeps its order', () => {
    const sample = (name: string, value: number) => ({ labels: ['__name__', name], value, histogram: undefined });
    expect(json({ kind: 'vector', timestampMs: 1000, samples: [] })).toBe('{"resultType":"vector","result":[]}');
    expect(json({ kind: 'vector', timestampMs: 1000, samples: [sample('b', 1), sample('a', NaN)] })).toBe(
      '{"resultType":"vector","result":[{"metric":{"__name__":"b"},"value":[1,"1"]},{"metric":{"__name__":"a"},"value":[1,"NaN"]}]}',
    );
  });

  test('a label named as if it were a number, or a property', () => {
    const labels = ['10', 'x', '9', 'y', '__proto__', 'z'];
    expect(JSON.parse(json({ kind: 'vector', timestampMs: 0, samples: [{ labels, value: 0, histogram: undefined }] }))).toMatchObject({ result: [{ metric: { '9': 'y', '10': 'x' } }] });
    expect(json({ kind: 'vector', timestampMs: 0, samples: [{ labels, value: 0, histogram: undefined }] })).toContain('"__proto__":"z"');
  });

  test('a matrix: points that are missing, and one text for the times that series share', () => {
    const timestampsMs = Float64Array.of(1000, 2000, 3000);
    const series = (name: string, present: Uint8Array | undefined) => ({ labels: ['__name__', name], timestampsMs, values: Float64Array.of(1, 2, 3), present, histograms: undefined });
    const own = { ...series('c', undefined), timestampsMs: Float64Array.of(7000, 8000, 9000) };
    expect(json({ kind: 'matrix', series: [series('a', Uint8Array.of(1, 0, 1)), series('b', undefined), own] })).toBe(
      '{"resultType":"matrix","result":[{"metric":{"__name__":"a"},"values":[[1,"1"],[3,"3"]]},{"metric":{"__name__":"b"},"values":[[1,"1"],[2,"2"],[3,"3"]]},{"metric":{"__name__":"c"},"values":[[7,"1"],[8,"2"],[9,"3"]]}]}',
    );
    expect(json({ kind: 'matrix', series: [] })).toBe('{"resultType":"matrix","result":[]}');
  });

  test('histograms', () => {
    const histogram = { ...EMPTY_HISTOGRAM, count: 7, sum: 5.5, zeroThreshold: 0.001, zeroCount: 1, positiveSpans: [{ offset: 0, length: 3 }], positiveBuckets: [2, 0, 3], negativeSpans: [{ offset: 0, length: 1 }], negativeBuckets: [1] };
    const text = '{"count":"7","sum":"5.5","buckets":[[1,"-1","-0.5","1"],[3,"-0.001","0.001","1"],[0,"0.5","1","2"],[0,"2","4","3"]]}';
    expect(json({ kind: 'vector', timestampMs: 0, samples: [{ labels: [], value: 0, histogram }] })).toBe(`{"resultType":"vector","result":[{"metric":{},"histogram":[0,${text}]}]}`);
    expect(json({ kind: 'vector', timestampMs: 0, samples: [{ labels: [], value: 0, histogram: EMPTY_HISTOGRAM }] })).toContain('"histogram":[0,{"count":"0","sum":"0"}]');
    const mixed = { labels: [], timestampsMs: Float64Array.of(0, 1000), values: Float64Array.of(1, 0), present: undefined, histograms: [undefined, histogram] };
    expect(json({ kind: 'matrix', series: [mixed] })).toBe(`{"resultType":"matrix","result":[{"metric":{},"values":[[0,"1"]],"histograms":[[1,${text}]]}]}`);
  });

  test('a long row of samples: the same text, in pieces that are not long', () => {
    const count = 50_000;
    const histogram = { ...EMPTY_HISTOGRAM, count: 3, sum: 1, positiveSpans: [{ offset: 0, length: 1 }], positiveBuckets: [3] };
    const timestampsMs = Float64Array.from({ length: count }, (_, i) => 1_700_000_000_000 + i * 333);
    const values = timestampsMs.map((_, i) => (i % 5) / 3);
    const present = Uint8Array.from({ length: count }, (_, i) => (i < 12_000 || i % 7 === 0 ? 0 : 1));
    const histograms = Array.from({ length: count }, (_, i) => (i % 3 === 0 ? histogram : undefined));
    for (const series of [
      { labels: ['a', 'b'], timestampsMs, values, present: undefined, histograms: undefined },
      { labels: ['a', 'b'], timestampsMs, values, present, histograms: undefined },
      { labels: ['a', 'b'], timestampsMs, values, present, histograms },
      { labels: ['a', 'b'], timestampsMs, values, present: undefined, histograms: new Array(count).fill(histogram) },
    ]) {
      const value = { kind: 'matrix', series: [series, series] } as const;
      const points = [...timestampsMs.keys()].filter((i) => series.present?.[i] !== 0);
      const floats = points.filter((i) => series.histograms?.[i] === undefined).map((i) => [timestampsMs[i]! / 1000, String(values[i]!)]);
      const rest = points.filter((i) => series.histograms?.[i] !== undefined).map((i) => [timestampsMs[i]! / 1000, { count: '3', sum: '1', buckets: [[0, '0.5', '1', '3']] }]);
      const want = { metric: { a: 'b' }, ...(floats.length > 0 && { values: floats }), ...(rest.length > 0 && { histograms: rest }) };
      const got = (JSON.parse(json(value)) as { result: unknown[] }).result;
      expect(got.map((one) => JSON.stringify(one))).toEqual([JSON.stringify(want), JSON.stringify(want)]);
      const text = new ByteText();
      for (const part of queryData({ value, annotations: { warnings: [], infos: [] }, stats: STATS })) {
        text.clear();
        text.part(part);
        expect(text.written().buffer.byteLength).toBeLessThan(1_500_000);
      }
    }
  });

  test('statistics when they are asked for', () => {
    expect(JSON.parse(json({ kind: 'scalar', timestampMs: 0, value: 1 }, { samples: STATS }))).toMatchObject({ stats: { samples: { totalQueryableSamples: 5, peakSamples: 3 } } });
  });
});
