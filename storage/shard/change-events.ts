import { decodeHistogram } from '../chunk/index.ts';
import { apiBuckets } from '../model/histogram-buckets.ts';
import { formatLabels, labelsToObject } from '../model/labels.ts';
import { STALE_BITS_HIGH, STALE_BITS_LOW } from '../model/sample.ts';
import type { BatchChange, SeriesChange } from './change-feed.ts';
import { payloadOf } from './payloads.ts';

const TABLE = 'metrics';

/** JSON has no such numbers, or, as -0, none that its writers keep: they are text, as in Prometheus' API. */
type JsonNumber = number | 'NaN' | '+Inf' | '-Inf';
type JsonSample = JsonNumber | '-0' | 'StaleNaN';

/** A float, or a native histogram: count, sum and buckets as [boundary rule, lower, upper, count], as in Prometheus' API. */
type JsonValue =
  | { readonly value: JsonSample }
  | { readonly histogram: { readonly count: JsonNumber; readonly sum: JsonNumber; readonly buckets: readonly (readonly JsonNumber[])[] } };

type JsonPoint = { readonly timestamp: string } & JsonValue;

export interface EventStyle {
  /** One event a sample, and not one a batch and series. */
  readonly perSample: boolean;
}

/** The events of a batch as JSON. */
export function* insertEvents(batch: BatchChange, { perSample }: EventStyle): Generator<string> {
  for (const series of batch.series) {
    const points = pointsOf(series);
    if (perSample) for (const point of points) yield eventText(series, [point]);
    else yield eventText(series, points);
  }
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

function pointsOf({ timestampsMs, valueBits, payloads = [] }: SeriesChange): JsonPoint[] {
  const values = new Float64Array(valueBits.buffer, valueBits.byteOffset, timestampsMs.length);
  return Array.from(timestampsMs, (timestampMs, i) => {
    const timestamp = new Date(timestampMs).toISOString().replace('.000Z', 'Z');
    const payload = payloadOf(valueBits, i, payloads);
    if (payload !== undefined) return { timestamp, histogram: histogramOf(payload) };
    const isStale = valueBits[i * 2 + 1] === STALE_BITS_HIGH && valueBits[i * 2] === STALE_BITS_LOW;
    return { timestamp, value: isStale ? 'StaleNaN' : Object.is(values[i], -0) ? '-0' : jsonNumber(values[i]!) };
  });
}

function histogramOf(payload: Uint8Array): Extract<JsonValue, { histogram: unknown }>['histogram'] {
  const histogram = decodeHistogram(payload);
  const buckets = apiBuckets(histogram).map((bucket) => bucket.map(jsonNumber));
  return { count: jsonNumber(histogram.count), sum: jsonNumber(histogram.sum), buckets };
}

function jsonNumber(value: number): JsonNumber {
  if (Number.isFinite(value)) return value;
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}
