import { encodeWriteRequest } from '../../proto/remote-write-v1.ts';
import { writeVarint } from '../../proto/varint.ts';
import { compressPatchable } from './patchable-snappy.ts';
import type { SeriesShape } from './shapes.ts';

/** Sample { double value = 1; int64 timestamp = 2; }: two tags, eight bytes of value, six of timestamp. It ends each series' message. */
const SAMPLE_BYTES = 16;
/** Milliseconds from 2^35 (1971) up to 2^42 (2109) take six varint bytes; a timestamp of fixed width can be overwritten in place. */
const TIMESTAMP_MIN_MS = 2 ** 35;
const TIMESTAMP_MAX_MS = 2 ** 42;

/**
 * The body of a remote write 1.0 request (prometheus.WriteRequest, snappy block format) for a fixed group of series with one sample each.
 * It is encoded and compressed once; every scrape then only overwrites values and timestamps. What the generator spends on a sample is
 * thus a few stores, and the servers measured beside it keep the CPU.
 */
export class RemoteWriteBody {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  /** Where each series' eight bytes of value begin; the timestamp follows after one tag byte. */
  readonly #valueOffsets: Int32Array;

  constructor(series: readonly SeriesShape[]) {
    const messages = series.map(encodeSeries);
    const plain = Buffer.concat(messages);
    const isFixed = new Uint8Array(plain.length).fill(1);
    const valuePositions: number[] = [];
    let end = 0;
    for (const message of messages) {
      end += message.length;
      valuePositions.push(end - SAMPLE_BYTES + 1);
      isFixed.fill(0, end - SAMPLE_BYTES + 1, end);
    }
    const { compressed, patchOffsets } = compressPatchable(plain, isFixed, valuePositions);
    this.bytes = compressed;
    this.#view = new DataView(compressed.buffer, compressed.byteOffset, compressed.byteLength);
    this.#valueOffsets = patchOffsets;
  }

  /** Makes it the body of another scrape. Only between requests: the bytes are sent without a copy. */
  patch(timestampMs: number, values: Float64Array): void {
    const timestamp = encodeTimestamp(timestampMs);
    const head = timestamp.getUint32(0, true);
    const tail = timestamp.getUint16(4, true);
    const view = this.#view;
    const offsets = this.#valueOffsets;
    for (let index = 0; index < offsets.length; index++) {
      const at = offsets[index]!;
      view.setFloat64(at, values[index]!, true);
      view.setUint32(at + 9, head, true);
      view.setUint16(at + 13, tail, true);
    }
  }
}

/** One series as a whole request: protobuf messages that stand one after the other are one message, repeated fields and all. */
function encodeSeries(series: SeriesShape): Uint8Array {
  return encodeWriteRequest([{ labels: series.labels.flat(), timestampsMs: [TIMESTAMP_MIN_MS], values: [0] }]);
}

function encodeTimestamp(timestampMs: number): DataView {
  if (!(timestampMs >= TIMESTAMP_MIN_MS && timestampMs < TIMESTAMP_MAX_MS)) throw new RangeError(`${timestampMs} ms does not take six varint bytes`);
  const bytes = new Uint8Array(6);
  writeVarint(bytes, 0, timestampMs);
  return new DataView(bytes.buffer);
}
