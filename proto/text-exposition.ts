import { DecodeError } from './decode-error.ts';
import { parseExemplarLabels, parseSeries, seriesEnd, skipBlank, skipToken, type ParsedLabels } from './exposition-labels.ts';
import { LineSplitter } from './line-splitter.ts';
import { isWholeNumber, parseFloatBytes, parseScaledInteger } from './number-bytes.ts';

const HASH = 0x23;
const CARRIAGE_RETURN = 0x0d;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/**
 * How the timestamps of a text are meant. Prometheus' text format has whole milliseconds, OpenMetrics has seconds. `either` is for texts of
 * unknown origin: a timestamp with a fraction, or one that as milliseconds would lie within 25 days of 1970, is seconds.
 */
export type TimestampUnit = 'milliseconds' | 'seconds' | 'either';

/** Milliseconds below this are taken for seconds where either may come: 2^31, which is 1970 as milliseconds and 2038 as seconds. */
const SECONDS_BELOW = 2 ** 31;

/**
 * One line of an exposition, in Prometheus' text format (0.0.4 and 1.0.0) or OpenMetrics 1.0, which differ in little:
 *
 * ```
 * name{label="value"} 1.5 1700000000000 # {trace_id="abc"} 0.5 1700000000.123
 * └──── series ─────┘ value timestamp     └─────────── exemplar ──────────┘
 * ```
 *
 * The object is filled anew by each `parse` and makes nothing but numbers: who reads many lines keeps one, and looks the series' bytes up
 * before it parses labels.
 */
export class ExpositionLine {
  readonly #unit: TimestampUnit;
  seriesStart = 0;
  seriesEnd = 0;
  value = 0;
  /** Unix milliseconds; NaN when the line has none. */
  timestampMs = NaN;
  hasExemplar = false;
  exemplarStart = 0;
  exemplarEnd = 0;
  exemplarValue = 0;
  /** Unix milliseconds; NaN when the exemplar has none. */
  exemplarTimestampMs = NaN;

  constructor(unit: TimestampUnit) {
    this.#unit = unit;
  }

  /** 'sample' when the fields hold one; 'blank'; 'comment' for what begins with a hash; or what is wrong with the line. */
  parse(bytes: Uint8Array, start: number, end: number): 'sample' | 'blank' | 'comment' | { readonly invalid: string } {
    if (end > start && bytes[end - 1] === CARRIAGE_RETURN) end--;
    const seriesStart = skipBlank(bytes, start, end);
    if (seriesStart === end) return 'blank';
    if (bytes[seriesStart] === HASH) return 'comment';
    const seriesStop = seriesEnd(bytes, seriesStart, end);
    if (seriesStop < 0) return { invalid: 'a brace or a quote is not closed' };
    if (seriesStop === seriesStart) return { invalid: 'it begins with no metric name' };
    this.seriesStart = seriesStart;
    this.seriesEnd = seriesStop;
    const valueStart = skipBlank(bytes, seriesStop, end);
    const valueEnd = skipToken(bytes, valueStart, end);
    if (valueStart === end) return { invalid: 'there is no value' };
    if (valueStart === seriesStop && bytes[seriesStop - 1] !== CLOSE) return { invalid: 'a name holds a character that must be quoted' };
    const value = parseFloatBytes(bytes, valueStart, valueEnd);
    if (value === undefined) return { invalid: 'the value is not a number, or beyond the range of a float64' };
    this.value = value;
    let position = skipBlank(bytes, valueEnd, end);
    this.timestampMs = NaN;
    if (position < end && bytes[position] !== HASH) {
      const timestampEnd = skipToken(bytes, position, end);
      const timestampMs = parseTimestamp(bytes, position, timestampEnd, this.#unit);
      if (timestampMs === undefined) {
        const isTooGreat = isWholeNumber(bytes, position, timestampEnd);
        return { invalid: isTooGreat ? 'the timestamp is beyond what can be stored (is it in nanoseconds?)' : 'the timestamp is not a number of the format' };
      }
      this.timestampMs = timestampMs;
      position = skipBlank(bytes, timestampEnd, end);
    }
    this.hasExemplar = position < end;
    return this.hasExemplar ? this.#parseExemplar(bytes, position, end) : 'sample';
  }

  /** The labels of the line just parsed, name and value in turn, as written; the metric's name among them as `__name__`. */
  labels(bytes: Uint8Array): ParsedLabels {
    return parseSeries(bytes, this.seriesStart, this.seriesEnd);
  }

  exemplarLabels(bytes: Uint8Array): ParsedLabels {
    return parseExemplarLabels(bytes, this.exemplarStart, this.exemplarEnd);
  }

  #parseExemplar(bytes: Uint8Array, hash: number, end: number): 'sample' | { readonly invalid: string } {
    const start = skipBlank(bytes, hash + 1, end);
    if (bytes[hash] !== HASH || start >= end || bytes[start] !== OPEN) return { invalid: 'there is something behind the sample that is no exemplar' };
    const stop = seriesEnd(bytes, start, end);
    if (stop < 0) return { invalid: 'a brace or a quote of the exemplar is not closed' };
    const valueStart = skipBlank(bytes, stop, end);
    const valueEnd = skipToken(bytes, valueStart, end);
    const value = parseFloatBytes(bytes, valueStart, valueEnd);
    if (value === undefined) return { invalid: 'the value of the exemplar is not a number, or beyond the range of a float64' };
    const timestampStart = skipBlank(bytes, valueEnd, end);
    const timestampEnd = skipToken(bytes, timestampStart, end);
    // An exemplar's timestamp is seconds in every format that has exemplars.
    const timestampMs = timestampStart === end ? NaN : parseScaledInteger(bytes, timestampStart, timestampEnd, 3);
    if (timestampMs === undefined || skipBlank(bytes, timestampEnd, end) < end) return { invalid: 'the timestamp of the exemplar is not a number' };
    this.exemplarStart = start;
    this.exemplarEnd = stop;
    this.exemplarValue = value;
    this.exemplarTimestampMs = timestampMs;
    return 'sample';
  }
}

function parseTimestamp(bytes: Uint8Array, start: number, end: number, unit: TimestampUnit): number | undefined {
  if (unit === 'seconds') return parseScaledInteger(bytes, start, end, 3);
  let isWhole = true;
  for (let position = start + 1; position < end; position++) isWhole &&= bytes[position]! >= 0x30 && bytes[position]! <= 0x39;
  const milliseconds = isWhole ? parseScaledInteger(bytes, start, end, 0) : undefined;
  if (unit === 'milliseconds') return milliseconds;
  if (milliseconds !== undefined && Math.abs(milliseconds) >= SECONDS_BELOW) return milliseconds;
  return parseScaledInteger(bytes, start, end, 3);
}

/** One sample of a text in memory. Labels as written, without the metric's name; `timestampMs` when the line has one. */
export interface ExpositionSample {
  readonly name: string;
  readonly labels: readonly (readonly [name: string, value: string])[];
  readonly value: number;
  readonly timestampMs: number | undefined;
}

const METRIC_NAME = '__name__';
const utf8 = new TextEncoder();

/** The samples of a small text, in order. Comments, HELP and TYPE are passed over. Throws DecodeError with the number of a bad line. */
export function parseExposition(text: string): ExpositionSample[] {
  const bytes = utf8.encode(text);
  const samples: ExpositionSample[] = [];
  const line = new ExpositionLine('milliseconds');
  const splitter = new LineSplitter(
    {
      line: (lineBytes, start, end, number) => {
        const result = line.parse(lineBytes, start, end);
        if (result === 'blank' || result === 'comment') return;
        const labels = result === 'sample' ? line.labels(lineBytes) : result;
        const quote = (): string => JSON.stringify(new TextDecoder().decode(lineBytes.subarray(start, Math.min(end, start + 80))));
        if ('invalid' in labels) throw new DecodeError(`text exposition: line ${number}: ${labels.invalid}: ${quote()}`);
        const pairs = Array.from({ length: labels.length / 2 }, (_, i): [string, string] => [labels[i * 2]!, labels[i * 2 + 1]!]);
        const name = pairs.find(([label]) => label === METRIC_NAME)?.[1];
        if (name === undefined) throw new DecodeError(`text exposition: line ${number} has no metric name: ${quote()}`);
        samples.push({
          name,
          labels: pairs.filter(([label]) => label !== METRIC_NAME),
          value: line.value,
          timestampMs: Number.isNaN(line.timestampMs) ? undefined : line.timestampMs,
        });
      },
      tooLong: () => {},
    },
    bytes.length,
  );
  splitter.push(bytes);
  splitter.end();
  return samples;
}
