import type { ReadHistogram } from './histogram-chunk.ts';
import { MessageWriter } from './message-writer.ts';
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
  readonly #family = new MessageWriter();

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

function writeMetric(out: MessageWriter, { labels, timestampMs, value, histogram }: ExposedMetric): void {
  for (let i = 0; i < labels.length; i += 2) {
    out.message(1, () => {
      out.string(1, labels[i]!);
      out.string(2, labels[i + 1]!);
    });
  }
  if (histogram === undefined) out.message(5, () => out.float(1, value));
  out.int64(6, timestampMs);
  if (histogram !== undefined) out.message(7, () => writeHistogram(out, histogram));
}

function writeHistogram(out: MessageWriter, histogram: ReadHistogram): void {
  out.float(2, histogram.sum);
  out.float(4, histogram.count);
  out.int64(5, zigzag(histogram.schema));
  out.float(6, histogram.zeroThreshold);
  out.float(8, histogram.zeroCount);
  writeSpans(out, 9, histogram.negativeSpans);
  writeCounts(out, 11, histogram.negativeBuckets);
  const isBare = histogram.positiveSpans.length === 0 && histogram.negativeSpans.length === 0 && histogram.zeroThreshold === 0;
  // Without anything that only native histograms have, it would be taken for a classic one.
  writeSpans(out, 12, isBare ? [{ offset: 0, length: 0 }] : histogram.positiveSpans);
  writeCounts(out, 14, histogram.positiveBuckets);
}

/** Repeated fields that proto2 does not pack. */
function writeCounts(out: MessageWriter, field: number, counts: readonly number[]): void {
  for (const count of counts) out.float(field, count);
}

function writeSpans(out: MessageWriter, field: number, spans: ReadHistogram['positiveSpans']): void {
  for (const { offset, length } of spans) {
    out.message(field, () => {
      out.int64(1, zigzag(offset));
      out.int64(2, length);
    });
  }
}

function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}
