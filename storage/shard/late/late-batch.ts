import { crc32 } from 'node:zlib';
import { DecodeError } from '../../../proto/decode-error.ts';
import { ByteReader, signedVarint } from '../../../proto/varint.ts';
import { ColumnWriter, decodeLabels, decodeTimestamps, decodeValues, encodeLabels, encodeTimestamps, encodeValues, TIMESTAMP_MS_MAX } from '../../chunk/index.ts';
import { compress, decompress } from '../../chunk/zstd.ts';
import type { Labels } from '../../model/labels.ts';
import { messageOf } from '../../runtime/errors.ts';

/*
 * Samples that are too old for the hot tier, on their way to a shard and in its late queue: the same bytes, little-endian.
 *
 *   u8 version │ 3 × u8 0 │ u32 CRC-32 of all that follows │ u32 series │ u32 samples │ u32 plain bytes │ u32 0 │ f64 oldest │ f64 newest, ms
 *   compressed (chunk/zstd.ts), per series:
 *     labels │ varint samples │ timestamps │ values │ u8 1 and per sample signed (timestamp - start timestamp), or u8 0
 *
 * A series stands there with its labels and not with a ref: the index of the hot tier need not know it.
 */
const VERSION = 1;
const CRC_AT = 4;
const CRC_FROM = 8;
const HEADER_BYTES = 40;
const WITHOUT_STARTS = 0;
const WITH_STARTS = 1;
/** No encoder makes more of one message: what a damaged or hostile header may ask for. */
const PLAIN_BYTES_MAX = 4 * 1024 * 1024;

/** Samples of one series, in any order. Start timestamps are Unix ms, 0 where it is not known. */
export interface LateSeries {
  readonly labels: Labels;
  readonly timestampsMs: Float64Array;
  /** Two words a value, the low one first. */
  readonly valueBits: Uint32Array;
  readonly startsMs: Float64Array;
}

export interface LateBatchHead {
  readonly seriesCount: number;
  readonly sampleCount: number;
  /** Unix milliseconds, both inclusive. */
  readonly oldestMs: number;
  readonly newestMs: number;
}

/** Collects series for one message. Give it each series once; reused after `finish`. */
export class LateBatchWriter {
  readonly #out = new ColumnWriter();
  #seriesCount = 0;
  #sampleCount = 0;
  #oldestMs = Infinity;
  #newestMs = -Infinity;

  get sampleCount(): number {
    return this.#sampleCount;
  }

  /** Bytes before compression. */
  get plainBytes(): number {
    return this.#out.length;
  }

  add({ labels, timestampsMs, valueBits, startsMs }: LateSeries): void {
    const count = timestampsMs.length;
    const out = this.#out;
    out.append(encodeLabels(labels));
    out.unsigned(count);
    encodeTimestamps(timestampsMs, 0, count, out);
    encodeValues(new Float64Array(valueBits.buffer, valueBits.byteOffset, count), valueBits, 0, count, out);
    const hasStarts = startsMs.some((startMs) => startMs !== 0);
    out.byte(hasStarts ? WITH_STARTS : WITHOUT_STARTS);
    for (let i = 0; i < count; i++) {
      if (hasStarts) out.signed(timestampsMs[i]! - startsMs[i]!);
      this.#oldestMs = Math.min(this.#oldestMs, timestampsMs[i]!);
      this.#newestMs = Math.max(this.#newestMs, timestampsMs[i]!);
    }
    this.#seriesCount++;
    this.#sampleCount += count;
  }

  /** The message of all that was added; there must be something. The writer is empty afterwards. */
  finish(): ArrayBuffer {
    const packed = compress(this.#out.written());
    const bytes = new Uint8Array(HEADER_BYTES + packed.length);
    const view = new DataView(bytes.buffer);
    view.setUint8(0, VERSION);
    view.setUint32(8, this.#seriesCount, true);
    view.setUint32(12, this.#sampleCount, true);
    view.setUint32(16, this.#out.length, true);
    view.setFloat64(24, this.#oldestMs, true);
    view.setFloat64(32, this.#newestMs, true);
    bytes.set(packed, HEADER_BYTES);
    view.setUint32(CRC_AT, crc32(bytes.subarray(CRC_FROM)), true);
    this.#out.clear();
    this.#seriesCount = 0;
    this.#sampleCount = 0;
    this.#oldestMs = Infinity;
    this.#newestMs = -Infinity;
    return bytes.buffer;
  }
}

/** Reads a message, checking all of it. Throws DecodeError on anything that an encoder of this version would not have made. */
export function decodeLateBatch(buffer: ArrayBuffer, each: (series: LateSeries) => void): LateBatchHead {
  const bytes = new Uint8Array(buffer);
  const head = new ByteReader(bytes);
  const version = head.byte();
  if (version !== VERSION) throw new DecodeError(`late batch: version ${version}, this build knows ${VERSION}`);
  if (head.take(3).some((byte) => byte !== 0)) throw new DecodeError('late batch: bytes 1 to 3 are not zero');
  const wantCrc = head.uint32();
  const crc = crc32(bytes.subarray(CRC_FROM));
  if (crc !== wantCrc) throw new DecodeError(`late batch: damaged, CRC-32 is ${crc}, want ${wantCrc}`);
  const seriesCount = head.uint32();
  const sampleCount = head.uint32();
  const plainBytes = head.uint32();
  if (head.uint32() !== 0) throw new DecodeError('late batch: bytes 20 to 23 are not zero');
  const result = { seriesCount, sampleCount, oldestMs: head.float64(), newestMs: head.float64() };
  if (plainBytes > PLAIN_BYTES_MAX) throw new DecodeError(`late batch: ${plainBytes} bytes of content, at most ${PLAIN_BYTES_MAX} are possible`);
  const reader = new ByteReader(plainOf(bytes.subarray(HEADER_BYTES), plainBytes));
  let samplesSeen = 0;
  for (let i = 0; i < seriesCount; i++) {
    const series = readSeries(reader, sampleCount - samplesSeen, result);
    samplesSeen += series.timestampsMs.length;
    each(series);
  }
  if (!reader.done || samplesSeen !== sampleCount) {
    throw new DecodeError(`late batch: ${samplesSeen} samples of ${sampleCount}, ${reader.end - reader.position} bytes left`);
  }
  return result;
}

function plainOf(packed: Uint8Array, plainBytes: number): Uint8Array {
  try {
    return decompress(packed, plainBytes, 'late batch');
  } catch (error) {
    throw error instanceof DecodeError ? error : new DecodeError(`late batch: ${messageOf(error)}`, { cause: error });
  }
}

function readSeries(reader: ByteReader, samplesMax: number, { oldestMs, newestMs }: LateBatchHead): LateSeries {
  const labels = decodeLabels(reader);
  const count = reader.varint();
  if (count === 0 || count > samplesMax) throw new DecodeError(`late batch: a series of ${count} samples where ${samplesMax} are left`);
  const timestampsMs = decodeTimestamps(reader, count);
  const valueBits = decodeValues(reader, count);
  const startsMs = new Float64Array(count);
  const starts = reader.byte();
  if (starts !== WITH_STARTS && starts !== WITHOUT_STARTS) throw new DecodeError(`late batch: ${starts} where 0 or 1 says whether there are start timestamps`);
  for (let i = 0; i < count; i++) {
    const timestampMs = timestampsMs[i]!;
    if (!(timestampMs >= oldestMs && timestampMs <= newestMs && Math.abs(timestampMs) <= TIMESTAMP_MS_MAX)) {
      throw new DecodeError(`late batch: the timestamp ${timestampMs} is not from ${oldestMs} to ${newestMs}`);
    }
    if (starts === WITH_STARTS) startsMs[i] = timestampMs - signedVarint(reader);
  }
  return { labels, timestampsMs, valueBits, startsMs };
}
