import { DecodeError } from '../../../proto/decode-error.ts';
import { ByteReader } from '../../../proto/varint.ts';
import { ColumnWriter, decodeLabels, NO_PAYLOADS, TIMESTAMP_MS_MAX, writeLabels } from '../../chunk/index.ts';
import type { Labels } from '../../model/labels.ts';
import { HISTOGRAM_BITS_HIGH } from '../../model/sample.ts';
import { decodeExemplars, type BatchExemplar } from './batch-exemplars.ts';

/**
 * A batch on its way to a shard: one buffer, little-endian.
 *
 * ```
 * u32 version │ u32 series │ u32 samples │ u32 bytes of definitions
 * version 2 only: u32 flags │ u32 histograms │ u32 bytes of histograms │ u32 bytes of exemplars
 * u32 × series: id low │ the same: id high │ the same: check word
 * u32 × series: end of the series' samples (exclusive), so that series i has samples end[i - 1] to end[i]
 * FLAG_DELTAS: u32 × series: 1 when the series' samples are to be added up
 * (4 bytes of padding when needed, so that what follows lies at a multiple of 8)
 * f64 × samples: timestamp, ms │ 8 bytes × samples: value bits
 * FLAG_STARTS: f64 × samples: start timestamp, ms, 0 when unknown
 * u32 × histograms: bytes of the payload │ payloads (chunk/histograms.ts); value bits name them by position
 * exemplars (batch-exemplars.ts)
 * definitions: varint position, labels (labels-codec.ts); positions rising
 * ```
 *
 * A batch of floats alone is version 1. Timestamps are whole and within ±TIMESTAMP_MS_MAX: a batch that could not be sealed later must
 * not be acknowledged.
 */
const VERSION_FLOATS = 1;
const VERSION = 2;
const HEADER_BYTES = 16;
const HEADER_2_BYTES = 32;
const FLAG_STARTS = 1;
const FLAG_DELTAS = 2;

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
  /** Histograms that values stand for (HISTOGRAM_BITS_HIGH); none when absent. */
  readonly payloads?: readonly Uint8Array[];
  /** Start timestamp of each sample, Unix ms, 0 when unknown; absent when none is known. */
  readonly startsMs?: Float64Array | undefined;
  /** By series: 1 when its samples are differences, for the shard to add up; absent when none are. */
  readonly isDelta?: Uint32Array | undefined;
  /** Encoded exemplars of the batch's series (batch-exemplars.ts); none when absent. */
  readonly exemplarBytes?: Uint8Array;
}

/** What a shard stores of a batch, whichever way its series are named. */
export interface BatchSamples extends Pick<SampleColumns, 'seriesCount' | 'sampleCount' | 'sampleEnd' | 'timestampsMs' | 'valueBits'> {
  readonly payloads: readonly Uint8Array[];
  readonly startsMs: Float64Array | undefined;
  readonly isDelta: Uint32Array | undefined;
}

/** Whether it is one float for each of its series and nothing else: nearly every batch is. */
export function hasOneFloatEach({ seriesCount, sampleCount, sampleEnd, payloads, startsMs, isDelta }: BatchSamples): boolean {
  if (seriesCount !== sampleCount || payloads.length > 0 || startsMs !== undefined || isDelta !== undefined) return false;
  for (let series = 0; series < seriesCount; series++) if (sampleEnd[series] !== series + 1) return false;
  return true;
}

export interface AppendMessage extends SampleColumns, BatchSamples {
  readonly payloads: readonly Uint8Array[];
  readonly startsMs: Float64Array | undefined;
  readonly isDelta: Uint32Array | undefined;
  readonly exemplars: readonly BatchExemplar[];
  /** Labels of series, by their position in the batch. */
  readonly definitions: ReadonlyMap<number, Labels>;
}

export function encodeAppendMessage(columns: SampleColumns, definitions: ReadonlyMap<number, Labels>): ArrayBuffer {
  const { seriesCount, sampleCount, payloads = NO_PAYLOADS, startsMs, isDelta, exemplarBytes = NO_BYTES } = columns;
  const isPlain = payloads.length === 0 && startsMs === undefined && isDelta === undefined && exemplarBytes.length === 0;
  const headerBytes = isPlain ? HEADER_BYTES : HEADER_2_BYTES;
  const samplesAt = alignedTo8(headerBytes + seriesCount * (isDelta === undefined ? 16 : 20));
  const startsAt = samplesAt + sampleCount * 16;
  const payloadsAt = startsAt + (startsMs === undefined ? 0 : sampleCount * 8);
  const payloadBytes = payloads.reduce((sum, payload) => sum + payload.length, 0);
  const exemplarsAt = payloadsAt + payloads.length * 4 + payloadBytes;
  const buffer = new ArrayBuffer(exemplarsAt + exemplarBytes.length);
  new Uint32Array(buffer, 0, 4).set([isPlain ? VERSION_FLOATS : VERSION, seriesCount, sampleCount, 0]);
  const words = new Uint32Array(buffer, headerBytes, (samplesAt - headerBytes) / 4);
  words.set(columns.idLow.subarray(0, seriesCount), 0);
  words.set(columns.idHigh.subarray(0, seriesCount), seriesCount);
  words.set(columns.idCheck.subarray(0, seriesCount), seriesCount * 2);
  words.set(columns.sampleEnd.subarray(0, seriesCount), seriesCount * 3);
  new Float64Array(buffer, samplesAt, sampleCount).set(columns.timestampsMs.subarray(0, sampleCount));
  new Uint32Array(buffer, samplesAt + sampleCount * 8, sampleCount * 2).set(columns.valueBits.subarray(0, sampleCount * 2));
  if (!isPlain) {
    const flags = (startsMs === undefined ? 0 : FLAG_STARTS) | (isDelta === undefined ? 0 : FLAG_DELTAS);
    new Uint32Array(buffer, HEADER_BYTES, 4).set([flags, payloads.length, payloadBytes, exemplarBytes.length]);
    if (isDelta !== undefined) words.set(isDelta.subarray(0, seriesCount), seriesCount * 4);
    if (startsMs !== undefined) new Float64Array(buffer, startsAt, sampleCount).set(startsMs.subarray(0, sampleCount));
    const bytes = new Uint8Array(buffer);
    const view = new DataView(buffer);
    let at = payloadsAt + payloads.length * 4;
    payloads.forEach((payload, i) => {
      view.setUint32(payloadsAt + i * 4, payload.length, true);
      bytes.set(payload, at);
      at += payload.length;
    });
    bytes.set(exemplarBytes, exemplarsAt);
  }
  return definitions.size === 0 ? buffer : withDefinitions(buffer, definitions);
}

const NO_BYTES = new Uint8Array(0);

/** The same message, which has no definitions yet, with definitions of some of its series. */
export function withDefinitions(message: ArrayBuffer, definitions: ReadonlyMap<number, Labels>): ArrayBuffer {
  const encoded = new ColumnWriter(definitions.size * 256);
  for (const [position, labels] of definitions) {
    encoded.unsigned(position);
    writeLabels(labels, encoded);
  }
  const extended = new Uint8Array(message.byteLength + encoded.length);
  extended.set(new Uint8Array(message));
  extended.set(encoded.written(), message.byteLength);
  new DataView(extended.buffer).setUint32(12, encoded.length, true);
  return extended.buffer;
}

/** Views into the message; throws DecodeError on anything that an encoder of this version would not have made. */
export function decodeAppendMessage(buffer: ArrayBuffer): AppendMessage {
  if (buffer.byteLength < HEADER_BYTES) throw new DecodeError(`append message: ${buffer.byteLength} bytes`);
  const [version, seriesCount, sampleCount, definitionBytes] = new Uint32Array(buffer, 0, 4) as unknown as [number, number, number, number];
  if (version !== VERSION_FLOATS && version !== VERSION) throw new DecodeError(`append message: version ${version}, this shard knows ${VERSION_FLOATS} and ${VERSION}`);
  const headerBytes = version === VERSION_FLOATS ? HEADER_BYTES : HEADER_2_BYTES;
  if (buffer.byteLength < headerBytes) throw new DecodeError(`append message: ${buffer.byteLength} bytes`);
  const [flags, payloadCount, payloadBytes, exemplarBytes] =
    version === VERSION_FLOATS ? [0, 0, 0, 0] : (new Uint32Array(buffer, HEADER_BYTES, 4) as unknown as [number, number, number, number]);
  if ((flags & ~(FLAG_STARTS | FLAG_DELTAS)) !== 0) throw new DecodeError(`append message: flags ${flags} are not known`);
  const hasDeltas = (flags & FLAG_DELTAS) !== 0;
  const hasStarts = (flags & FLAG_STARTS) !== 0;
  const samplesAt = alignedTo8(headerBytes + seriesCount * (hasDeltas ? 20 : 16));
  const startsAt = samplesAt + sampleCount * 16;
  const payloadsAt = startsAt + (hasStarts ? sampleCount * 8 : 0);
  const exemplarsAt = payloadsAt + payloadCount * 4 + payloadBytes;
  const definitionsAt = exemplarsAt + exemplarBytes;
  if (definitionsAt + definitionBytes !== buffer.byteLength) {
    throw new DecodeError(`append message: got ${buffer.byteLength} bytes, want ${definitionsAt + definitionBytes}`);
  }
  const column = (index: number): Uint32Array => new Uint32Array(buffer, headerBytes + index * seriesCount * 4, seriesCount);
  const sampleEnd = column(3);
  checkSampleEnds(sampleEnd, sampleCount);
  const timestampsMs = new Float64Array(buffer, samplesAt, sampleCount);
  checkTimes(timestampsMs, 'timestamp');
  const startsMs = hasStarts ? new Float64Array(buffer, startsAt, sampleCount) : undefined;
  if (startsMs !== undefined) checkTimes(startsMs, 'start timestamp');
  const valueBits = new Uint32Array(buffer, samplesAt + sampleCount * 8, sampleCount * 2);
  const payloads = payloadCount === 0 ? NO_PAYLOADS : readPayloads(buffer, payloadsAt, payloadCount, exemplarsAt);
  if (payloadCount > 0) checkHistograms(valueBits, payloadCount);
  return {
    seriesCount,
    sampleCount,
    idLow: column(0),
    idHigh: column(1),
    idCheck: column(2),
    sampleEnd,
    timestampsMs,
    valueBits,
    payloads,
    startsMs,
    isDelta: hasDeltas ? column(4) : undefined,
    exemplars: decodeExemplars(new ByteReader(new Uint8Array(buffer), exemplarsAt, definitionsAt), seriesCount),
    definitions: readDefinitions(new ByteReader(new Uint8Array(buffer), definitionsAt), seriesCount),
  };
}

function checkSampleEnds(sampleEnd: Uint32Array, sampleCount: number): void {
  let start = 0;
  for (let i = 0; i < sampleEnd.length; i++) {
    const end = sampleEnd[i]!;
    if (end < start || end > sampleCount) throw new DecodeError(`append message: series ${i} ends at sample ${end} of ${sampleCount}`);
    start = end;
  }
  if (start !== sampleCount) throw new DecodeError(`append message: the series end at sample ${start} of ${sampleCount}`);
}

function checkTimes(timesMs: Float64Array, noun: string): void {
  for (let i = 0; i < timesMs.length; i++) {
    const timeMs = timesMs[i]!;
    if (!(Math.abs(timeMs) <= TIMESTAMP_MS_MAX) || timeMs !== Math.trunc(timeMs)) {
      throw new DecodeError(`append message: the ${noun} ${timeMs} of sample ${i} cannot be stored`);
    }
  }
}

function readPayloads(buffer: ArrayBuffer, at: number, count: number, end: number): Uint8Array[] {
  const reader = new ByteReader(new Uint8Array(buffer), at, end);
  const lengths = Array.from({ length: count }, () => reader.uint32());
  // Copies: they stay in the log, and a view would keep the whole message with them.
  const payloads = lengths.map((length) => reader.take(length).slice());
  if (!reader.done) throw new DecodeError(`append message: ${reader.end - reader.position} bytes of histograms too many`);
  return payloads;
}

function checkHistograms(valueBits: Uint32Array, payloadCount: number): void {
  for (let i = 0; i < valueBits.length; i += 2) {
    if (valueBits[i + 1] === HISTOGRAM_BITS_HIGH && valueBits[i]! >= payloadCount) {
      throw new DecodeError(`append message: sample ${i / 2} is histogram ${valueBits[i]} of ${payloadCount}`);
    }
  }
}

function readDefinitions(reader: ByteReader, seriesCount: number): Map<number, Labels> {
  const definitions = new Map<number, Labels>();
  let previous = -1;
  while (!reader.done) {
    const position = reader.varint();
    if (position <= previous || position >= seriesCount) {
      throw new DecodeError(`append message: labels for series ${position} of ${seriesCount} behind those for ${previous}`);
    }
    definitions.set(position, decodeLabels(reader));
    previous = position;
  }
  return definitions;
}

function alignedTo8(position: number): number {
  // Not by a mask: hostile counts go beyond 32 bits.
  return Math.ceil(position / 8) * 8;
}
