import { ProtobufWriter } from './protobuf-writer.ts';
import { writeLabels } from './prometheus-parts.ts';

/** One series of a request to be encoded: labels flat as name, value, …; one timestamp (ms) for each value. */
export interface WriteRequestSeries {
  readonly labels: readonly string[];
  readonly timestampsMs: readonly number[] | Float64Array;
  readonly values: readonly number[] | Float64Array;
}

const out = new ProtobufWriter();

/** Encodes a WriteRequest (its fields: remote-write-v1.ts), uncompressed: for the self-scrape, tools and tests. */
export function encodeWriteRequest(series: readonly WriteRequestSeries[]): Uint8Array {
  out.clear();
  for (const { labels, timestampsMs, values } of series) {
    const floats = values instanceof Float64Array ? values : Float64Array.from(values);
    const bits = new Uint32Array(floats.buffer, floats.byteOffset, floats.length * 2);
    out.message(1, () => {
      writeLabels(out, 1, labels);
      for (let i = 0; i < floats.length; i++) out.sample(2, bits[i * 2]!, bits[i * 2 + 1]!, timestampsMs[i]!);
    });
  }
  return out.written().slice();
}
