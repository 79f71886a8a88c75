import { decodeHistogram, NO_PAYLOADS } from '../../chunk/index.ts';
import { apiBuckets } from '../../model/histogram-buckets.ts';
import { formatLabels, labelsToObject } from '../../model/labels.ts';
import { STALE_BITS_HIGH, STALE_BITS_LOW } from '../../model/sample.ts';
import type { LIMITS } from '../../runtime/limits.ts';
import { payloadOf } from '../run/payloads.ts';
import type { BatchChange, SeriesChange } from './change-feed.ts';

const TABLE = 'metrics';

/** JSON has no such numbers, or, as -0, none that its writers keep: they are text, as in Prometheus' API. */
type JsonNumber = number | '-0' | 'NaN' | '+Inf' | '-Inf';
type JsonSample = JsonNumber | 'StaleNaN';

/** A float, or a native histogram: count, sum and buckets as [boundary rule, lower, upper, count], as in Prometheus' API. */
type JsonValue =
  | { readonly value: JsonSample }
  | { readonly histogram: { readonly count: JsonNumber; readonly sum: JsonNumber; readonly buckets: readonly (readonly JsonNumber[])[] } };

type JsonPoint = { readonly timestamp: string } & JsonValue;

export interface EventStyle {
  /** One event a sample, and not one a batch and series. */
  readonly perSample: boolean;
}

export type EventLimits = Pick<typeof LIMITS, 'changeEventPointsMax' | 'changeEventHistogramBytesTarget'>;

/** The events of a batch as JSON; many samples of one series are several events. */
export function* insertEvents(batch: BatchChange, { perSample }: EventStyle, limits: EventLimits): Generator<string> {
  for (const series of batch.series) {
    for (const part of eventParts(series, limits)) {
      if (perSample) for (const point of pointsOf(part)) yield eventText(part, [point]);
      else yield insertEvent(part);
    }
  }
}

/** One event of all the samples. */
export function insertEvent(series: SeriesChange): string {
  return eventText(series, pointsOf(series));
}

/** The same samples, as many at a time as an event is to have. */
export function* eventParts(series: SeriesChange, { changeEventPointsMax, changeEventHistogramBytesTarget }: EventLimits): Generator<SeriesChange> {
  const { length } = series.timestampsMs;
  for (let from = 0, to = 0; from < length; from = to) {
    let bytes = 0;
    do bytes += payloadOf(series.valueBits, to++, series.payloads ?? NO_PAYLOADS)?.length ?? 0;
    while (to < length && to - from < changeEventPointsMax && bytes < changeEventHistogramBytesTarget);
    yield samplesBetween(series, from, to);
  }
}

/** The samples `from` to `to` (exclusive) of a change. */
export function samplesBetween(series: SeriesChange, from: number, to: number): SeriesChange {
  const { timestampsMs, valueBits } = series;
  // Values go on standing for the payloads of the whole.
  return { ...series, timestampsMs: timestampsMs.subarray(from, to), valueBits: valueBits.subarray(from * 2, to * 2) };
}

/** Events are missing: whoever follows reads the state anew. */
export function resyncEvent(shard: number | string): string {
  return JSON.stringify({ type: 'cdc.resync', op: 's', store: 'timeseries', table: TABLE, shard });
}

function eventText(series: SeriesChange, points: readonly JsonPoint[]): string {
  const { timestamp, ...after } = points.at(-1)!;
  const event = { type: 'cdc.insert', op: 'c', store: 'timeseries', table: TABLE, key: formatLabels(series.labels), labels: labelsToObject(series.labels), timestamp, after };
  return JSON.stringify(points.length === 1 ? event : { ...event, points });
}

function pointsOf({ timestampsMs, valueBits, payloads = NO_PAYLOADS }: SeriesChange): JsonPoint[] {
  const values = new Float64Array(valueBits.buffer, valueBits.byteOffset, timestampsMs.length);
  return Array.from(timestampsMs, (timestampMs, i) => {
    const timestamp = new Date(timestampMs).toISOString().replace('.000Z', 'Z');
    const payload = payloadOf(valueBits, i, payloads);
    if (payload !== undefined) return { timestamp, histogram: histogramOf(payload) };
    const isStale = valueBits[i * 2 + 1] === STALE_BITS_HIGH && valueBits[i * 2] === STALE_BITS_LOW;
    return { timestamp, value: isStale ? 'StaleNaN' : jsonNumber(values[i]!) };
  });
}

function histogramOf(payload: Uint8Array): Extract<JsonValue, { histogram: unknown }>['histogram'] {
  const histogram = decodeHistogram(payload);
  const buckets = apiBuckets(histogram).map((bucket) => bucket.map(jsonNumber));
  return { count: jsonNumber(histogram.count), sum: jsonNumber(histogram.sum), buckets };
}

function jsonNumber(value: number): JsonNumber {
  if (Object.is(value, -0)) return '-0';
  if (Number.isFinite(value)) return value;
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}
