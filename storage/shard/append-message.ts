import { DecodeError } from '../../proto/decode-error.ts';
import { ByteReader, writeVarint, varintLength } from '../../proto/varint.ts';
import { decodeLabels, encodeLabels, TIMESTAMP_MS_MAX } from '../chunk/index.ts';
import type { Labels } from '../model/labels.ts';

/**
 * A batch on its way to a shard: one buffer, little-endian.
 *
 * ```
 * u32 version │ u32 series │ u32 samples │ u32 bytes of definitions
 * u32 × series: id low │ the same: id high │ the same: check word
 * u32 × series: end of the series' samples (exclusive), so that series i has samples end[i - 1] to end[i]
 * (4 bytes of padding when needed, so that what follows lies at a multiple of 8)
 * f64 × samples: timestamp, ms │ 8 bytes × samples: value bits
 * definitions: varint position, labels (labels-codec.ts); positions rising
 * ```
 *
 * Timestamps are whole and within ±TIMESTAMP_MS_MAX: a batch that could not be sealed later must not be acknowledged.
 */
const VERSION = 1;
const HEADER_BYTES = 16;

/** The columns of a batch; typed arrays may be longer than the counts say. */
export interface SampleColumns {
  readonly seriesCount: number;
  readonly sampleCount: number;
  readonly idLow: Uint32Array;
  readonly idHigh: Uint32Array;
  readonly idCheck: Uint32Array;
  /** End (exclusive) of each series' samples. */
  readonly sampleEnd: Uint32Array;
  readonly timestampsMs: Float64Array;
  /** Two words a value, the low one first: bits, so that stale markers survive. */
  readonly valueBits: Uint32Array;
}

export interface AppendMessage extends SampleColumns {
  /** Labels of series, by their position in the batch. */
  readonly definitions: ReadonlyMap<number, Labels>;
}

export function encodeAppendMessage(columns: SampleColumns, definitions: ReadonlyMap<number, Labels>): ArrayBuffer {
  const { seriesCount, sampleCount } = columns;
  const samplesAt = alignedTo8(HEADER_BYTES + seriesCount * 16);
  const buffer = new ArrayBuffer(samplesAt + sampleCount * 16);
  new Uint32Array(buffer, 0, 4).set([VERSION, seriesCount, sampleCount, 0]);
  const words = new Uint32Array(buffer, HEADER_BYTES, seriesCount * 4);
  words.set(columns.idLow.subarray(0, seriesCount), 0);
  words.set(columns.idHigh.subarray(0, seriesCount), seriesCount);
  words.set(columns.idCheck.subarray(0, seriesCount), seriesCount * 2);
  words.set(columns.sampleEnd.subarray(0, seriesCount), seriesCount * 3);
  new Float64Array(buffer, samplesAt, sampleCount).set(columns.timestampsMs.subarray(0, sampleCount));
  new Uint32Array(buffer, samplesAt + sampleCount * 8, sampleCount * 2).set(columns.valueBits.subarray(0, sampleCount * 2));
  return definitions.size === 0 ? buffer : withDefinitions(buffer, definitions);
}

/** The same message, which has no definitions yet, with definitions of some of its series. */
export function withDefinitions(message: ArrayBuffer, definitions: ReadonlyMap<number, Labels>): ArrayBuffer {
  const encoded = [...definitions].map(([position, labels]) => ({ position, bytes: encodeLabels(labels) }));
  let definitionBytes = 0;
  for (const { position, bytes } of encoded) definitionBytes += varintLength(position) + bytes.length;
  const extended = new Uint8Array(message.byteLength + definitionBytes);
  extended.set(new Uint8Array(message));
  let at = message.byteLength;
  for (const { position, bytes } of encoded) {
    at = writeVarint(extended, at, position);
    extended.set(bytes, at);
    at += bytes.length;
  }
  new DataView(extended.buffer).setUint32(12, definitionBytes, true);
  return extended.buffer;
}

/** Views into the message; throws DecodeError on anything that an encoder of this version would not have made. */
export function decodeAppendMessage(buffer: ArrayBuffer): AppendMessage {
  if (buffer.byteLength < HEADER_BYTES) throw new DecodeError(`append message: ${buffer.byteLength} bytes`);
  const [version, seriesCount, sampleCount, definitionBytes] = new Uint32Array(buffer, 0, 4) as unknown as [number, number, number, number];
  if (version !== VERSION) throw new DecodeError(`append message: version ${version}, this shard knows ${VERSION}`);
  const samplesAt = alignedTo8(HEADER_BYTES + seriesCount * 16);
  const definitionsAt = samplesAt + sampleCount * 16;
  if (definitionsAt + definitionBytes !== buffer.byteLength) {
    throw new DecodeError(`append message: got ${buffer.byteLength} bytes, want ${definitionsAt + definitionBytes}`);
  }
  const column = (index: number): Uint32Array => new Uint32Array(buffer, HEADER_BYTES + index * seriesCount * 4, seriesCount);
  const sampleEnd = column(3);
  let start = 0;
  for (let i = 0; i < seriesCount; i++) {
    const end = sampleEnd[i]!;
    if (end < start || end > sampleCount) throw new DecodeError(`append message: series ${i} ends at sample ${end} of ${sampleCount}`);
    start = end;
  }
  if (start !== sampleCount) throw new DecodeError(`append message: the series end at sample ${start} of ${sampleCount}`);
  const timestampsMs = new Float64Array(buffer, samplesAt, sampleCount);
  for (let i = 0; i < sampleCount; i++) {
    const timestampMs = timestampsMs[i]!;
    if (!(Math.abs(timestampMs) <= TIMESTAMP_MS_MAX) || timestampMs !== Math.trunc(timestampMs)) {
      throw new DecodeError(`append message: the timestamp ${timestampMs} of sample ${i} cannot be stored`);
    }
  }
  const definitions = new Map<number, Labels>();
  const reader = new ByteReader(new Uint8Array(buffer), definitionsAt);
  let previous = -1;
  while (!reader.done) {
    const position = reader.varint();
    if (position <= previous || position >= seriesCount) {
      throw new DecodeError(`append message: labels for series ${position} of ${seriesCount} behind those for ${previous}`);
    }
    definitions.set(position, decodeLabels(reader));
    previous = position;
  }
  return {
    seriesCount,
    sampleCount,
    idLow: column(0),
    idHigh: column(1),
    idCheck: column(2),
    sampleEnd,
    timestampsMs,
    valueBits: new Uint32Array(buffer, samplesAt + sampleCount * 8, sampleCount * 2),
    definitions,
  };
}

function alignedTo8(position: number): number {
  // Not by a mask: hostile counts go beyond 32 bits.
  return Math.ceil(position / 8) * 8;
}
