import type { QueryResult, MatrixSeries, QueryValue } from '../promql/query-result.ts';
import { apiBuckets } from '../storage/model/histogram-buckets.ts';
import type { FloatHistogram } from '../storage/model/histogram.ts';
import { labelsToObject, type Labels } from '../storage/model/labels.ts';
import { ByteText } from './byte-text.ts';
import type { TextPart } from './respond.ts';

/** Series-sized pieces of the `data` of a query answer with its statistics, in Prometheus' JSON form (`web/api/v1/json_codec.go`). */
export function* queryData(result: QueryResult, stats?: unknown): Generator<TextPart> {
  const { value } = result;
  yield `{"resultType":"${value.kind}","result":`;
  yield* valueJson(value);
  if (stats !== undefined) yield `,"stats":${JSON.stringify(stats)}`;
  yield '}';
}

function* valueJson(value: QueryValue): Generator<TextPart> {
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
      const writer = new MatrixSeriesWriter();
      yield '[';
      let separator = '';
      for (const series of value.series) {
        yield writer.write(series, separator);
        separator = ',';
      }
      yield ']';
      return;
    }
  }
}

/** Writes series of a matrix as bytes; what it returns is good until the next series. */
class MatrixSeriesWriter {
  readonly #out = new ByteText();
  /** All series of a range query share their timestamps: `,[time,` of each is made once, and lies from its start to that of the next. */
  readonly #times = new ByteText();
  #timesOf: Float64Array | undefined;
  #timeStarts = new Uint32Array(0);

  write(series: MatrixSeries, separator: string): Uint8Array {
    if (series.timestampsMs !== this.#timesOf) this.#takeTimes(series.timestampsMs);
    const out = this.#out;
    out.clear();
    out.text(`${separator}{"metric":${labelsJson(series.labels)}`);
    this.#floats(series);
    if (series.histograms !== undefined) this.#histograms(series, series.histograms);
    out.ascii('}');
    return out.written();
  }

  #floats({ values, present, histograms }: MatrixSeries): void {
    const out = this.#out;
    const times = this.#times.written();
    const starts = this.#timeStarts;
    let isFirst = true;
    let last = NaN;
    let lastStart = 0;
    let lastEnd = 0;
    for (let i = 0; i < values.length; i++) {
      if ((present !== undefined && present[i] === 0) || histograms?.[i] !== undefined) continue;
      if (isFirst) out.ascii(',"values":[');
      // The first point has no comma before it.
      out.bytes(times, isFirst ? starts[i]! + 1 : starts[i]!, starts[i + 1]!);
      isFirst = false;
      const value = values[i]!;
      const start = out.length;
      // Neighbours are often equal: their text is copied. Zeros of both signs are equal and have two texts.
      if (value === last && value !== 0) out.again(lastStart, lastEnd);
      else {
        out.ascii('"');
        if (!out.decimal(value)) out.ascii(formatValue(value));
        out.ascii('"]');
        last = value;
      }
      lastStart = start;
      lastEnd = out.length;
    }
    if (!isFirst) out.ascii(']');
  }

  #histograms({ present }: MatrixSeries, histograms: readonly (FloatHistogram | undefined)[]): void {
    const out = this.#out;
    const times = this.#times.written();
    let isFirst = true;
    for (let i = 0; i < histograms.length; i++) {
      const histogram = histograms[i];
      if (histogram === undefined || (present !== undefined && present[i] === 0)) continue;
      if (isFirst) out.ascii(',"histograms":[');
      out.bytes(times, isFirst ? this.#timeStarts[i]! + 1 : this.#timeStarts[i]!, this.#timeStarts[i + 1]!);
      isFirst = false;
      out.text(histogramJson(histogram));
      out.ascii(']');
    }
    if (!isFirst) out.ascii(']');
  }

  #takeTimes(timestampsMs: Float64Array): void {
    this.#timesOf = timestampsMs;
    this.#timeStarts = new Uint32Array(timestampsMs.length + 1);
    this.#times.clear();
    for (let i = 0; i < timestampsMs.length; i++) {
      this.#times.ascii(`,[${formatTimestamp(timestampsMs[i]!)},`);
      this.#timeStarts[i + 1] = this.#times.length;
    }
  }
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
    const magnitude = Math.abs(value);
    if (magnitude >= 1e-6 && magnitude < 1e21) return String(value);
    const text = Object.is(value, -0) ? '-0' : String(value);
    const exponentAt = text.indexOf('e');
    if (exponentAt < 0 || text.length - exponentAt > 3) return text;
    return `${text.slice(0, exponentAt + 2)}0${text.slice(exponentAt + 2)}`;
  }
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}
