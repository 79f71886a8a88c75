import { encodeWriteRequest } from '../../proto/encode-write-request.ts';
import { writeVarint } from '../../proto/varint.ts';
import { bytesField, doubleField, varint, varintField } from '../proto/protobuf-fields.ts';
import { compressPatchable } from './patchable-snappy.ts';
import type { SeriesShape } from './shapes.ts';

/** Sample { double value = 1; int64 timestamp = 2; }: two tags, eight bytes of value, six of timestamp; alike in both versions. */
export const SAMPLE_BYTES = 16;
/** Milliseconds from 2^35 (1971) up to 2^42 (2109) take six varint bytes; a timestamp of fixed width can be overwritten in place. */
export const TIMESTAMP_MIN_MS = 2 ** 35;
const TIMESTAMP_MAX_MS = 2 ** 42;

export type WriteProtocol = '1.0' | '2.0';

export const WRITE_HEADERS: Readonly<Record<WriteProtocol, Readonly<Record<string, string>>>> = {
  '1.0': { 'content-type': 'application/x-protobuf', 'x-prometheus-remote-write-version': '0.1.0' },
  '2.0': { 'content-type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request', 'x-prometheus-remote-write-version': '2.0.0' },
};

/** A part of a message; `valueAt` is where a value that changes stands in it, -1 when none does. */
interface Part {
  readonly bytes: Uint8Array;
  readonly valueAt: number;
}

/**
 * The body of a remote write request (snappy block format) for a fixed group of series with one sample each. It is encoded and compressed
 * once; every scrape then only overwrites values and timestamps. What the generator spends on a sample is thus a few stores, and the
 * servers measured beside it keep the CPU.
 */
export class RemoteWriteBody {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  /** Where each series' eight bytes of value begin; the timestamp follows after one tag byte. */
  readonly #valueOffsets: Int32Array;

  constructor(series: readonly SeriesShape[], protocol: WriteProtocol = '1.0') {
    const parts = protocol === '1.0' ? series.map(encodeSeries) : encodeRequest(series);
    const plain = Buffer.concat(parts.map(({ bytes }) => bytes));
    const isFixed = new Uint8Array(plain.length).fill(1);
    const valuePositions: number[] = [];
    let start = 0;
    for (const { bytes, valueAt } of parts) {
      if (valueAt >= 0) {
        valuePositions.push(start + valueAt);
        isFixed.fill(0, start + valueAt, start + valueAt + SAMPLE_BYTES - 1);
      }
      start += bytes.length;
    }
    const { compressed, patchOffsets } = compressPatchable(plain, isFixed, valuePositions);
    this.bytes = compressed;
    this.#view = new DataView(compressed.buffer, compressed.byteOffset, compressed.byteLength);
    this.#valueOffsets = patchOffsets;
  }

  /** Makes so many series, from the given one on, those of another scrape. Only between requests: the bytes are sent without a copy. */
  patch(timestampMs: number, values: Float64Array, firstSeries = 0): void {
    const timestamp = encodeTimestamp(timestampMs);
    const head = timestamp.getUint32(0, true);
    const tail = timestamp.getUint16(4, true);
    const view = this.#view;
    const offsets = this.#valueOffsets;
    for (let index = 0; index < values.length; index++) {
      const at = offsets[firstSeries + index]!;
      view.setFloat64(at, values[index]!, true);
      view.setUint32(at + 9, head, true);
      view.setUint16(at + 13, tail, true);
    }
  }
}

/** One series as a whole request: protobuf messages that stand one after the other are one message, repeated fields and all. */
function encodeSeries(series: SeriesShape): Part {
  const bytes = encodeWriteRequest([{ labels: series.labels.flat(), timestampsMs: [TIMESTAMP_MIN_MS], values: [0] }]);
  return { bytes, valueAt: bytes.length - SAMPLE_BYTES + 1 };
}

/** A 2.0 request: the symbols in the order in which the series need them, then the series with the type of their metric, as Prometheus sends them. */
function encodeRequest(series: readonly SeriesShape[]): Part[] {
  const refs = new Map([['', 0]]);
  const refOf = (text: string): number => {
    if (!refs.has(text)) refs.set(text, refs.size);
    return refs.get(text)!;
  };
  const messages = series.map(({ labels, kind }): Part => {
    const labelRefs = bytesField(1, labels.flat().flatMap((text) => varint(refOf(text))));
    const sample = bytesField(2, [...doubleField(1, 0), ...varintField(2, TIMESTAMP_MIN_MS)]);
    const type = kind === 'counter' ? 1 : 2;
    const metadata = bytesField(5, [...varintField(1, type), ...varintField(3, refOf(`Help of ${labels[0]![1]}.`))]);
    const message = Uint8Array.from(bytesField(5, [...labelRefs, ...sample, ...metadata]));
    return { bytes: message, valueAt: message.length - metadata.length - SAMPLE_BYTES + 1 };
  });
  const symbols = [...refs.keys()].map((symbol): Part => ({ bytes: Uint8Array.from(bytesField(4, symbol)), valueAt: -1 }));
  return [...symbols, ...messages];
}

export function encodeTimestamp(timestampMs: number): DataView {
  if (!(timestampMs >= TIMESTAMP_MIN_MS && timestampMs < TIMESTAMP_MAX_MS)) throw new RangeError(`${timestampMs} ms does not take six varint bytes`);
  const bytes = new Uint8Array(6);
  writeVarint(bytes, 0, timestampMs);
  return new DataView(bytes.buffer);
}
