import type { ReadHistogram } from './histogram-chunk.ts';
import type { ProtobufWriter } from './protobuf-writer.ts';

/* Messages that Prometheus' protocols share, remote write, remote read and the exposition: Label or LabelPair, and BucketSpan. */

/** `labels` are flat as name, value, … */
export function writeLabels(out: ProtobufWriter, field: number, labels: readonly string[]): void {
  for (let i = 0; i < labels.length; i += 2) {
    out.message(field, () => {
      out.string(1, labels[i]!);
      out.string(2, labels[i + 1]!);
    });
  }
}

export function writeSpans(out: ProtobufWriter, field: number, spans: ReadHistogram['positiveSpans']): void {
  for (const { offset, length } of spans) {
    out.message(field, () => {
      out.sint64(1, offset);
      out.int64(2, length);
    });
  }
}
