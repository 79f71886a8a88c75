import type { ReadHistogram } from './histogram-chunk.ts';
import { writeLabels, writeSpans } from './prometheus-parts.ts';
import { ProtobufWriter } from './protobuf-writer.ts';
import { writeVarint } from './varint.ts';

/*
 * The protobuf form of the exposition (`io.prometheus.client.MetricFamily` of Prometheus' client_model, each with its length in front):
 *
 *   MetricFamily: 1 name, 3 type, 4 metrics      Metric: 1 labels, 5 untyped, 6 timestamp ms, 7 histogram
 *   Histogram, native with float counts: 2 sum, 4 count, 5 schema, 6 zero threshold, 8 zero count, 9 and 12 spans, 11 and 14 counts
 */
export const PROTOBUF_EXPOSITION = 'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited';

const TYPES = { untyped: 3, histogram: 4, 'gauge-histogram': 5 } as const;
export type FamilyType = keyof typeof TYPES;

export interface ExposedMetric {
  /** Name, value, …, without the metric's name. */
  readonly labels: readonly string[];
  readonly timestampMs: number;
  readonly value: number;
  /** In place of the value. */
  readonly histogram: ReadHistogram | undefined;
}

const LENGTH_BYTES_MAX = 10;

/** Writes families one after the other. */
export class ProtobufExpositionWriter {
  readonly #parts: Uint8Array<ArrayBuffer>[] = [];
  readonly #family = new ProtobufWriter();

  family(name: string, type: FamilyType, metrics: readonly ExposedMetric[]): void {
    const out = this.#family;
    out.clear();
    out.string(1, name);
    out.int64(3, TYPES[type]);
    for (const metric of metrics) out.message(4, () => writeMetric(out, metric));
    const length = new Uint8Array(LENGTH_BYTES_MAX);
    this.#parts.push(length.slice(0, writeVarint(length, 0, out.length)), out.written().slice());
  }

  finish(): Blob {
    return new Blob(this.#parts);
  }
}

function writeMetric(out: ProtobufWriter, { labels, timestampMs, value, histogram }: ExposedMetric): void {
  writeLabels(out, 1, labels);
  if (histogram === undefined) out.message(5, () => out.double(1, value));
  out.int64(6, timestampMs);
  if (histogram !== undefined) out.message(7, () => writeHistogram(out, histogram));
}

function writeHistogram(out: ProtobufWriter, histogram: ReadHistogram): void {
  out.double(2, histogram.sum);
  out.double(4, histogram.count);
  out.sint64(5, histogram.schema);
  out.double(6, histogram.zeroThreshold);
  out.double(8, histogram.zeroCount);
  writeSpans(out, 9, histogram.negativeSpans);
  writeCounts(out, 11, histogram.negativeBuckets);
  const isBare = histogram.positiveSpans.length === 0 && histogram.negativeSpans.length === 0 && histogram.zeroThreshold === 0;
  // Without anything that only native histograms have, it would be taken for a classic one.
  writeSpans(out, 12, isBare ? [{ offset: 0, length: 0 }] : histogram.positiveSpans);
  writeCounts(out, 14, histogram.positiveBuckets);
}

/** Repeated fields that proto2 does not pack. */
function writeCounts(out: ProtobufWriter, field: number, counts: readonly number[]): void {
  for (const count of counts) out.double(field, count);
}
