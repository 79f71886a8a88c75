import { crc32 } from 'node:zlib';
import { DecodeError } from '../../../proto/decode-error.ts';
import { ByteReader, signedVarint } from '../../../proto/varint.ts';
import { ColumnWriter } from '../../chunk/index.ts';
import { compress, decompressBlocks } from '../../chunk/zstd.ts';
import type { Labels } from '../../model/labels.ts';

/*
 * Which rows of a file are of which series: between the last row group and the page indexes, where no Parquet reader looks. A query finds
 * its rows here, and need not read the columns that say the same a row at a time.
 *
 *   u8 version │ 3 × u8 0 │ u32 CRC-32 of all that follows │ u32 plain bytes │ u32 series
 *   compressed (chunk/zstd.ts), per series in the order of its rows:
 *     varint strings as in the labels before │ varint strings of its own, each as length and UTF-8
 *     varint rows │ signed first timestamp - that of the series before (ms) │ varint last timestamp - first
 *     u8 flags: 1 = has start timestamps, 2 = has histograms
 *
 * Labels have the metric's name among them, as in storage/model/labels.ts.
 */
const VERSION = 1;
const HEADER_BYTES = 16;
const CRC_FROM = 8;
const HAS_STARTS = 1;
const HAS_HISTOGRAMS = 2;
/** No writer makes more of one file: what a damaged header may ask for. */
const PLAIN_BYTES_MAX = 64 * 1024 * 1024;
/** Of a number below 2^53. */
const VARINT_BYTES_MAX = 8;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A series of a file. */
export interface SeriesEntry {
  readonly labels: Labels;
  /** Its first row in the file, and how many follow each other. */
  readonly firstRow: number;
  readonly rowCount: number;
  /** Unix milliseconds, both inclusive. */
  readonly minTimeMs: number;
  readonly maxTimeMs: number;
  readonly hasStarts: boolean;
  readonly hasHistograms: boolean;
}

export class SeriesDirectoryWriter {
  readonly #out = new ColumnWriter(16 * 1024);
  #seriesCount = 0;
  #labels: Labels = [];
  #minTimeMs = 0;

  get seriesCount(): number {
    return this.#seriesCount;
  }

  /** Bytes before compression. */
  get plainBytes(): number {
    return this.#out.length;
  }

  add({ labels, rowCount, minTimeMs, maxTimeMs, hasStarts, hasHistograms }: Omit<SeriesEntry, 'firstRow'>): void {
    const out = this.#out;
    const before = this.#labels;
    let shared = 0;
    while (shared < labels.length && shared < before.length && labels[shared] === before[shared]) shared++;
    out.unsigned(shared);
    out.unsigned(labels.length - shared);
    for (let i = shared; i < labels.length; i++) {
      const bytes = encoder.encode(labels[i]);
      out.unsigned(bytes.length);
      out.append(bytes);
    }
    out.unsigned(rowCount);
    out.signed(minTimeMs - this.#minTimeMs);
    out.unsigned(maxTimeMs - minTimeMs);
    out.byte((hasStarts ? HAS_STARTS : 0) | (hasHistograms ? HAS_HISTOGRAMS : 0));
    this.#labels = labels;
    this.#minTimeMs = minTimeMs;
    this.#seriesCount++;
  }

  finish(): Uint8Array {
    const packed = compress(this.#out.written());
    const bytes = new Uint8Array(HEADER_BYTES + packed.length);
    const view = new DataView(bytes.buffer);
    view.setUint8(0, VERSION);
    view.setUint32(8, this.#out.length, true);
    view.setUint32(12, this.#seriesCount, true);
    bytes.set(packed, HEADER_BYTES);
    view.setUint32(4, crc32(bytes.subarray(CRC_FROM)), true);
    return bytes;
  }
}

/** Hands out the series of a directory, in order. Throws DecodeError when it is damaged. `where` names it in errors. */
export function* readSeriesDirectory(bytes: Uint8Array, where: string): Generator<SeriesEntry> {
  const head = new ByteReader(bytes);
  const version = head.byte();
  if (version !== VERSION) throw new DecodeError(`${where}: version ${version}, this build knows ${VERSION}`);
  if (head.take(3).some((byte) => byte !== 0)) throw new DecodeError(`${where}: bytes 1 to 3 are not zero`);
  const wantCrc = head.uint32();
  const crc = crc32(bytes.subarray(CRC_FROM));
  if (crc !== wantCrc) throw new DecodeError(`${where}: damaged, CRC-32 is ${crc}, want ${wantCrc}`);
  const plainBytes = head.uint32();
  const seriesCount = head.uint32();
  if (plainBytes > PLAIN_BYTES_MAX) throw new DecodeError(`${where}: ${plainBytes} bytes, at most ${PLAIN_BYTES_MAX} are possible`);
  const plain = new BlockReader(decompressBlocks(bytes.subarray(HEADER_BYTES), plainBytes, where));
  let labels: string[] = [];
  let minTimeMs = 0;
  let firstRow = 0;
  for (let series = 0; series < seriesCount; series++) {
    const shared = plain.varint();
    if (shared > labels.length) throw new DecodeError(`${where}: ${shared} strings of ${labels.length} before`);
    labels = labels.slice(0, shared);
    for (let own = plain.varint(); own > 0; own--) labels.push(textOf(plain.take(plain.varint()), where));
    if (labels.length % 2 !== 0) throw new DecodeError(`${where}: ${labels.length} strings are no pairs`);
    const rowCount = plain.varint();
    minTimeMs += signedVarint(plain.upTo(VARINT_BYTES_MAX));
    const maxTimeMs = minTimeMs + plain.varint();
    const flags = plain.upTo(1).byte();
    if (rowCount === 0 || flags > (HAS_STARTS | HAS_HISTOGRAMS)) throw new DecodeError(`${where}: a series of ${rowCount} rows with flags ${flags}`);
    yield { labels, firstRow, rowCount, minTimeMs, maxTimeMs, hasStarts: (flags & HAS_STARTS) !== 0, hasHistograms: (flags & HAS_HISTOGRAMS) !== 0 };
    firstRow += rowCount;
  }
  const { done, end, position } = plain.upTo(1);
  if (!done) throw new DecodeError(`${where}: ${end - position} bytes too many`);
}

function textOf(bytes: Uint8Array, where: string): string {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw new DecodeError(`${where}: invalid UTF-8`, { cause: error });
  }
}

/** A cursor over bytes that come in blocks, of which it holds one, and what is left of the one before. */
class BlockReader {
  readonly #blocks: Iterator<Uint8Array>;
  #reader = new ByteReader(new Uint8Array(0));

  constructor(blocks: Iterator<Uint8Array>) {
    this.#blocks = blocks;
  }

  varint(): number {
    return this.upTo(VARINT_BYTES_MAX).varint();
  }

  /** Good until the next call of any kind. */
  take(length: number): Uint8Array {
    return this.upTo(length).take(length);
  }

  /** A cursor that has so many bytes, or all that are left. */
  upTo(length: number): ByteReader {
    while (this.#reader.end - this.#reader.position < length) {
      const next = this.#blocks.next();
      if (next.done === true) break;
      const rest = this.#reader.bytes.subarray(this.#reader.position, this.#reader.end);
      const joined = new Uint8Array(rest.length + next.value.length);
      joined.set(rest);
      joined.set(next.value, rest.length);
      this.#reader = new ByteReader(joined);
    }
    return this.#reader;
  }
}
