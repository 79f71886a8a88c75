import type { QueryResult, MatrixSeries, QueryValue } from '../promql/query-result.ts';
import { apiBuckets } from '../storage/model/histogram-buckets.ts';
import type { FloatHistogram } from '../storage/model/histogram.ts';
import { labelsToObject, type Labels } from '../storage/model/labels.ts';

/** Series-sized pieces of the `data` of a query answer, in Prometheus' JSON form (`web/api/v1/json_codec.go`). */
export function* queryData(result: QueryResult, withStats: boolean): Generator<string> {
  const { value } = result;
  yield `{"resultType":"${value.kind}","result":`;
  yield* valueJson(value);
  if (withStats) yield `,"stats":${JSON.stringify({ samples: result.stats })}`;
  yield '}';
}

function* valueJson(value: QueryValue): Generator<string> {
  switch (value.kind) {
    case 'scalar':
      yield `[${formatTimestamp(value.timestampMs)},"${formatValue(value.value)}"]`;
      return;
    case 'string':
      yield `[${formatTimestamp(value.timestampMs)},${JSON.stringify(value.value)}]`;
      return;
    case 'vector': {
      const time = formatTimestamp(value.timestampMs);
      yield '[';
      let separator = '';
      for (const { labels, value: number, histogram } of value.samples) {
        const point = histogram === undefined ? `"value":[${time},"${formatValue(number)}"]` : `"histogram":[${time},${histogramJson(histogram)}]`;
        yield `${separator}{"metric":${labelsJson(labels)},${point}}`;
        separator = ',';
      }
      yield ']';
      return;
    }
    case 'matrix': {
      // All series of a range query share their timestamps: each is made into text once.
      const times = new Map<Float64Array, readonly string[]>();
      yield '[';
      let separator = '';
      for (const series of value.series) {
        let texts = times.get(series.timestampsMs);
        if (texts === undefined) {
          texts = Array.from(series.timestampsMs, formatTimestamp);
          times.clear();
          times.set(series.timestampsMs, texts);
        }
        yield separator + matrixSeriesJson(series, texts);
        separator = ',';
      }
      yield ']';
      return;
    }
  }
}

function matrixSeriesJson(series: MatrixSeries, times: readonly string[]): string {
  const { values, present, histograms } = series;
  let floats = '';
  let histogramPoints = '';
  for (let i = 0; i < times.length; i++) {
    if (present !== undefined && present[i] === 0) continue;
    const histogram = histograms?.[i];
    if (histogram === undefined) floats += `${floats === '' ? '' : ','}[${times[i]!},"${formatValue(values[i]!)}"]`;
    else histogramPoints += `${histogramPoints === '' ? '' : ','}[${times[i]!},${histogramJson(histogram)}]`;
  }
  const floatField = floats === '' ? '' : `,"values":[${floats}]`;
  const histogramField = histogramPoints === '' ? '' : `,"histograms":[${histogramPoints}]`;
  return `{"metric":${labelsJson(series.labels)}${floatField}${histogramField}}`;
}

function histogramJson(histogram: FloatHistogram): string {
  const buckets = apiBuckets(histogram).map(
    ([rule, lower, upper, count]) => `[${rule},"${formatValue(lower)}","${formatValue(upper)}","${formatValue(count)}"]`,
  );
  const field = buckets.length === 0 ? '' : `,"buckets":[${buckets.join(',')}]`;
  return `{"count":"${formatValue(histogram.count)}","sum":"${formatValue(histogram.sum)}"${field}}`;
}

function labelsJson(labels: Labels): string {
  return JSON.stringify(labelsToObject(labels));
}

/** Seconds with three decimals when they are not whole. */
export function formatTimestamp(timestampMs: number): string {
  const whole = Math.trunc(timestampMs / 1000);
  const fraction = Math.abs(Math.trunc(timestampMs % 1000));
  const sign = timestampMs < 0 && whole === 0 ? '-' : '';
  return fraction === 0 ? `${sign}${whole}` : `${sign}${whole}.${String(fraction).padStart(3, '0')}`;
}

/** Shortest digits, plain from 1e-6 up to 1e21 and with an exponent of at least two digits elsewhere: Go's form, which JavaScript's nearly is. */
export function formatValue(value: number): string {
  if (Number.isFinite(value)) {
    const text = Object.is(value, -0) ? '-0' : String(value);
    const exponentAt = text.indexOf('e');
    if (exponentAt < 0 || text.length - exponentAt > 3) return text;
    return `${text.slice(0, exponentAt + 2)}0${text.slice(exponentAt + 2)}`;
  }
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}
