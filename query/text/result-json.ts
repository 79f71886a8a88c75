import type { QueryResult, MatrixSeries, QueryValue, VectorSample } from '../../promql/query-result.ts';
import { apiBuckets } from '../../storage/model/histogram-buckets.ts';
import type { FloatHistogram } from '../../storage/model/histogram.ts';
import type { Labels } from '../../storage/model/labels.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import type { ByteText, TextPart } from './byte-text.ts';
import { formatValue, VALUE_BYTES_MAX, writeValue } from './value-text.ts';

/** Pieces of the `data` of a query answer with its statistics, in Prometheus' JSON form (`web/api/v1/json_codec.go`). */
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
      // Bytes that are no text, which "\xff" makes, have no place in JSON.
      yield `[${formatTimestamp(value.timestampMs)},${JSON.stringify(value.value.toWellFormed())}]`;
      return;
    case 'vector': {
      const { samples } = value;
      const time = formatTimestamp(value.timestampMs);
      yield '[';
      for (let start = 0; start < samples.length; start += SAMPLES_AT_ONCE) yield (out) => writeSamples(out, samples, start, time);
      yield ']';
      return;
    }
    case 'matrix': {
      const writer = new MatrixSeriesWriter();
      yield '[';
      let isFirst = true;
      for (const series of value.series) {
        const before = isFirst ? '{"metric":' : ',{"metric":';
        if (isShort(series)) yield (out) => writer.write(out, before, series);
        else yield* writer.pieces(before, series);
        isFirst = false;
      }
      yield ']';
      return;
    }
  }
}

/** Samples of a vector that are one piece of an answer: some ten KiB. */
const SAMPLES_AT_ONCE = 64;

function writeSamples(out: ByteText, samples: readonly VectorSample[], start: number, time: string): void {
  const end = Math.min(samples.length, start + SAMPLES_AT_ONCE);
  for (let i = start; i < end; i++) {
    const { labels, value, histogram } = samples[i]!;
    out.ascii(i === 0 ? '{"metric":' : ',{"metric":');
    writeLabels(out, labels);
    if (histogram === undefined) {
      out.ascii(`,"value":[${time},"`);
      out.value(value);
      out.ascii('"]}');
    } else out.text(`,"histogram":[${time},${histogramJson(histogram)}]}`);
  }
}

/** Labels as a JSON object, in their order, as Prometheus has them. */
function writeLabels(out: ByteText, labels: Labels): void {
  out.ascii('{');
  for (let i = 0; i < labels.length; i += 2) {
    if (i > 0) out.ascii(',');
    out.json(labels[i]!);
    out.ascii(':');
    out.json(labels[i + 1]!);
  }
  out.ascii('}');
}

/** `,[-8640000000000.123,"` in eights of bytes, which are copied as doubles: their last byte, of exponent and sign, is never that of NaN. */
const TIME_DOUBLES = 3;
const TIME_BYTES = TIME_DOUBLES * 8;
const POINT_BYTES_MAX = TIME_BYTES + VALUE_BYTES_MAX + 8;
/** Floats of a series that are one piece of an answer: all of a range query, and less than a MiB. A row of samples may be much longer. */
const FLOATS_AT_ONCE = LIMITS.queryStepsMax + 1;
/** Histograms that are one: a few KiB each. */
const HISTOGRAMS_AT_ONCE = 64;
const QUOTE = 34;
const OPEN = 91;
const CLOSE = 93;

/** Whether a series is one piece. */
function isShort({ values, histograms }: MatrixSeries): boolean {
  return values.length <= FLOATS_AT_ONCE && histograms === undefined;
}

function isFloat({ present, histograms }: MatrixSeries, i: number): boolean {
  return (present === undefined || present[i] !== 0) && histograms?.[i] === undefined;
}

function isHistogram({ present, histograms }: MatrixSeries, i: number): boolean {
  return (present === undefined || present[i] !== 0) && histograms?.[i] !== undefined;
}

/** The first point of a kind; behind the last one when there is none. */
function firstPoint(series: MatrixSeries, isOfKind: (series: MatrixSeries, i: number) => boolean): number {
  let i = 0;
  while (i < series.values.length && !isOfKind(series, i)) i++;
  return i;
}

function pointsOf({ labels, timestampsMs, values, present, histograms }: MatrixSeries, from: number, to: number): MatrixSeries {
  return { labels, timestampsMs: timestampsMs.subarray(from, to), values: values.subarray(from, to), present: present?.subarray(from, to), histograms: histograms?.slice(from, to) };
}

/** Writes series of a matrix. */
class MatrixSeriesWriter {
  /** All series of a range query share their timestamps: `,[time,"` of each is made once, TIME_DOUBLES apart. */
  #times = new Float64Array(0);
  #timeLengths = new Uint8Array(0);
  #timesOf: Float64Array | undefined;

  /** Writes a short series. */
  write(out: ByteText, before: string, series: MatrixSeries): void {
    writeMetric(out, before, series);
    const first = firstPoint(series, isFloat);
    if (first < series.values.length) {
      out.ascii(',"values":');
      this.#floats(out, series, first, true);
      out.ascii(']');
    }
    out.ascii('}');
  }

  /** Pieces of any other. */
  *pieces(before: string, series: MatrixSeries): Generator<TextPart> {
    const { length } = series.values;
    yield (out) => writeMetric(out, before, series);
    const firstFloat = firstPoint(series, isFloat);
    if (firstFloat < length) yield ',"values":';
    for (let from = firstFloat; from < length; from += FLOATS_AT_ONCE) {
      yield (out) => this.#floats(out, pointsOf(series, from, from + FLOATS_AT_ONCE), 0, from === firstFloat);
    }
    if (firstFloat < length) yield ']';
    const firstHistogram = firstPoint(series, isHistogram);
    if (firstHistogram < length) yield ',"histograms":[';
    for (let from = firstHistogram; from < length; from += HISTOGRAMS_AT_ONCE) {
      yield (out) => writeHistograms(out, pointsOf(series, from, from + HISTOGRAMS_AT_ONCE), from === firstHistogram);
    }
    yield firstHistogram < length ? ']}' : '}';
  }

  /** The floats from the one at `first` on; `opens` when they are the first of their series. */
  #floats(out: ByteText, series: MatrixSeries, first: number, opens: boolean): void {
    if (series.timestampsMs !== this.#timesOf) this.#takeTimes(series.timestampsMs);
    out.direct((series.values.length - first) * POINT_BYTES_MAX, (bytes, view, start) => {
      const end = writePoints(bytes, view, start, this.#times, this.#timeLengths, series, first);
      // Where the others have a comma, the first point has the bracket that opens all of them.
      if (opens) bytes[start] = OPEN;
      return end;
    });
  }

  #takeTimes(timestampsMs: Float64Array): void {
    this.#timesOf = timestampsMs;
    this.#times = new Float64Array(timestampsMs.length * TIME_DOUBLES);
    this.#timeLengths = new Uint8Array(timestampsMs.length);
    const bytes = new Uint8Array(this.#times.buffer);
    for (let i = 0; i < timestampsMs.length; i++) {
      const text = `,[${formatTimestamp(timestampsMs[i]!)},"`;
      for (let at = 0; at < text.length; at++) bytes[i * TIME_BYTES + at] = text.charCodeAt(at);
      this.#timeLengths[i] = text.length;
    }
  }
}

/** The loop that most of a large answer's time goes into: everything in it is a local variable, and nothing is called but what writes digits. */
function writePoints(
  bytes: Uint8Array, view: DataView, start: number, times: Float64Array, timeLengths: Uint8Array, { values, present, histograms }: MatrixSeries, first: number,
): number {
  let at = start;
  let last = NaN;
  let lastStart = 0;
  let lastEnd = 0;
  for (let i = first; i < values.length; i++) {
    if ((present !== undefined && present[i] === 0) || histograms?.[i] !== undefined) continue;
    view.setFloat64(at, times[i * TIME_DOUBLES]!, true);
    view.setFloat64(at + 8, times[i * TIME_DOUBLES + 1]!, true);
    view.setFloat64(at + 16, times[i * TIME_DOUBLES + 2]!, true);
    at += timeLengths[i]!;
    const value = values[i]!;
    const valueStart = at;
    // Neighbours are often equal: their text is copied. Zeros of both signs are equal and have two texts.
    if (value === last && value !== 0) {
      for (let from = lastStart; from < lastEnd; from += 4, at += 4) view.setUint32(at, view.getUint32(from, true), true);
      at = valueStart + lastEnd - lastStart;
    } else {
      at = writeValue(bytes, view, at, value);
      bytes[at++] = QUOTE;
      bytes[at++] = CLOSE;
      last = value;
    }
    lastStart = valueStart;
    lastEnd = at;
  }
  return at;
}

function writeMetric(out: ByteText, before: string, { labels }: MatrixSeries): void {
  out.ascii(before);
  writeLabels(out, labels);
}

/** `opens` when they are the first of their series. */
function writeHistograms(out: ByteText, series: MatrixSeries, opens: boolean): void {
  let separator = opens ? '[' : ',[';
  for (let i = 0; i < series.timestampsMs.length; i++) {
    if (!isHistogram(series, i)) continue;
    out.ascii(`${separator}${formatTimestamp(series.timestampsMs[i]!)},`);
    out.text(histogramJson(series.histograms![i]!));
    out.ascii(']');
    separator = ',[';
  }
}

function histogramJson(histogram: FloatHistogram): string {
  const buckets = apiBuckets(histogram).map(
    ([rule, lower, upper, count]) => `[${rule},"${formatValue(lower)}","${formatValue(upper)}","${formatValue(count)}"]`,
  );
  const field = buckets.length === 0 ? '' : `,"buckets":[${buckets.join(',')}]`;
  return `{"count":"${formatValue(histogram.count)}","sum":"${formatValue(histogram.sum)}"${field}}`;
}

/** Seconds with three decimals when they are not whole. */
export function formatTimestamp(timestampMs: number): string {
  const whole = Math.trunc(timestampMs / 1000);
  const fraction = Math.abs(Math.trunc(timestampMs % 1000));
  const sign = timestampMs < 0 && whole === 0 ? '-' : '';
  return fraction === 0 ? `${sign}${whole}` : `${sign}${whole}.${String(fraction).padStart(3, '0')}`;
}
