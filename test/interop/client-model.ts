import { zigzag } from '../../proto/varint.ts';
import { bytesField, doubleField, label as labelPair, varint, varintField } from '../proto/protobuf-fields.ts';

/*
 * The protobuf exposition format (io.prometheus.client, delimited), in which native histograms and exemplars can be said. Field numbers are
 * those of client_model.
 *
 *   MetricFamily  1: name  2: help  3: type (0 counter, 1 gauge, 2 summary, 3 untyped, 4 histogram, 5 gauge histogram)  4: repeated Metric
 *   Metric        1: repeated LabelPair  2: Gauge  3: Counter  7: Histogram
 *   Counter       1: double value  2: Exemplar  3: Timestamp (created)           Gauge  1: double value
 *   Exemplar      1: repeated LabelPair  2: double value  3: Timestamp (1: seconds)
 *   Histogram     1: uint64 count  2: double sum  3: repeated Bucket (1: cumulative count  2: upper bound)  4: double float count
 *                 5: sint32 schema  6: double zero threshold  7: uint64 zero count  8: double float zero count  12: repeated BucketSpan
 *                 13: repeated sint64 deltas  14: repeated double counts  15: Timestamp (created)
 */
export const PROTOBUF_TYPE = 'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited';

const FAMILY_TYPES = { counter: 0, gauge: 1, histogram: 4, gaugeHistogram: 5 } as const;

/** Remote write's message is the same. */
export { labelPair };

/** A family with its length before it. */
export function metricFamily(name: string, help: string, type: keyof typeof FAMILY_TYPES, ...metrics: readonly number[][]): number[] {
  const message = [...bytesField(1, name), ...bytesField(2, help), ...varintField(3, FAMILY_TYPES[type]), ...metrics.flatMap((metric) => bytesField(4, metric))];
  return [...varint(message.length), ...message];
}

export function bucketSpan(offset: number, length: number): number[] {
  return bytesField(12, [...varintField(1, zigzag(offset)), ...varintField(2, length)]);
}

/** Fields of a histogram: how many each bucket has more than the one before. */
export function bucketDeltas(deltas: readonly number[]): number[] {
  return deltas.flatMap((delta) => varintField(13, zigzag(delta)));
}

/** Of a counter. */
export function exemplarOf(traceId: string, value: number, atSeconds: number): number[] {
  return bytesField(2, [...labelPair('trace_id', traceId), ...doubleField(2, value), ...bytesField(3, varintField(1, atSeconds))]);
}
