import { crc32 } from 'node:zlib';
import { DecodeError } from '../../../proto/decode-error.ts';
import { ByteReader } from '../../../proto/varint.ts';
import { decodeTimestampsMicros } from './delta-binary-packed.ts';
import { readPrefixedLevels } from './hybrid-runs.ts';
import { DELTA_BINARY_PACKED, PLAIN, readDataPageHeader, type PageLocation } from './parquet-footer.ts';
import { unpackFrame } from './zstd-frame.ts';

/** No writer makes a larger page: a long dictionary is never read here, and a histogram is at most 48 KiB. What a damaged header may ask for. */
const PLAIN_BYTES_MAX = 1024 * 1024;
const MICROS_PER_MS = 1000n;

/** A page of numbers: `bits` has two words a row, the low one first; those of rows that are null mean nothing. */
export interface NumberPage {
  readonly bits: Uint32Array;
  /** 1 where a row has a number; `undefined` when all have. */
  readonly isDefined: Uint8Array | undefined;
}

interface OpenPage {
  readonly reader: ByteReader;
  readonly rowCount: number;
}

/** A page of a column with one value, or null, a row. */
function open(bytes: Uint8Array, rowCount: number, encoding: number, where: string): OpenPage {
  return { reader: openPage(bytes, rowCount, encoding, where).reader, rowCount };
}

/** Opens a page: `bytes` are its header and content. `valueCount` is how many it must have, where that is known. */
export function openPage(bytes: Uint8Array, valueCount: number | undefined, encoding: number, where: string): { readonly reader: ByteReader; readonly valueCount: number } {
  const reader = new ByteReader(bytes);
  const header = readDataPageHeader(reader, where);
  if (header.encoding !== encoding || (valueCount !== undefined && header.valueCount !== valueCount)) {
    throw new DecodeError(`${where}: ${header.valueCount} values in encoding ${header.encoding}, want ${valueCount ?? 'some'} in ${encoding}`);
  }
  if (header.plainBytes > PLAIN_BYTES_MAX) throw new DecodeError(`${where}: ${header.plainBytes} bytes, at most ${PLAIN_BYTES_MAX} are possible`);
  const packed = reader.take(header.bytes);
  if (!reader.done) throw new DecodeError(`${where}: ${reader.end - reader.position} bytes too many`);
  const crc = crc32(packed);
  if (crc !== header.crc) throw new DecodeError(`${where}: damaged, CRC-32 is ${crc}, want ${header.crc}`);
  return { reader: new ByteReader(unpackFrame(packed, header.plainBytes, where)), valueCount: header.valueCount };
}

function close({ reader }: OpenPage, where: string): void {
  if (!reader.done) throw new DecodeError(`${where}: ${reader.end - reader.position} bytes behind the values`);
}

/** Timestamps in ms. All of these readers throw a DecodeError, which names `where`, for a page that is damaged or has other rows. */
export function readTimestampPage(bytes: Uint8Array, rowCount: number, where: string): Float64Array {
  const page = open(bytes, rowCount, DELTA_BINARY_PACKED, where);
  const timestampsMs = new Float64Array(rowCount);
  decodeTimestampsMicros(page.reader, rowCount, timestampsMs, 0);
  close(page, where);
  return timestampsMs;
}

/** Doubles as bits. */
export function readValuePage(bytes: Uint8Array, rowCount: number, where: string): NumberPage {
  const page = open(bytes, rowCount, PLAIN, where);
  const isDefined = levelsOf(page);
  const bits = new Uint32Array(rowCount * 2);
  const target = new Uint8Array(bits.buffer);
  if (isDefined === undefined) target.set(page.reader.take(rowCount * 8));
  else for (let row = 0; row < rowCount; row++) if (isDefined[row] === 1) target.set(page.reader.take(8), row * 8);
  close(page, where);
  return { bits, isDefined };
}

/** Whole numbers below 2^53 of a column that has no nulls. */
export function readLongPage(bytes: Uint8Array, rowCount: number, where: string): Float64Array {
  const page = open(bytes, rowCount, PLAIN, where);
  // A copy of its own: what was decompressed may be a part of a larger buffer.
  const longs = new BigInt64Array(new Uint8Array(page.reader.take(rowCount * 8)).buffer);
  close(page, where);
  return Float64Array.from(longs, Number);
}

/** Timestamps in ms, NaN where there is none. */
export function readOptionalTimestampPage(bytes: Uint8Array, rowCount: number, where: string): Float64Array {
  const page = open(bytes, rowCount, DELTA_BINARY_PACKED, where);
  const isDefined = levelsOf(page);
  const count = isDefined === undefined ? rowCount : isDefined.reduce((sum, level) => sum + level, 0);
  const timestampsMs = new Float64Array(rowCount);
  decodeTimestampsMicros(page.reader, count, timestampsMs, 0);
  close(page, where);
  if (isDefined === undefined) return timestampsMs;
  for (let row = rowCount - 1, from = count - 1; row >= 0; row--) timestampsMs[row] = isDefined[row] === 1 ? timestampsMs[from--]! : NaN;
  return timestampsMs;
}

/** Start timestamps in ms, 0 where there is none. */
export function readStartPage(bytes: Uint8Array, rowCount: number, where: string): Float64Array {
  const { bits, isDefined } = readValuePage(bytes, rowCount, where);
  const micros = new BigInt64Array(bits.buffer);
  const startsMs = new Float64Array(rowCount);
  for (let row = 0; row < rowCount; row++) {
    if (isDefined !== undefined && isDefined[row] === 0) continue;
    startsMs[row] = row > 0 && micros[row] === micros[row - 1] ? startsMs[row - 1]! : Number(micros[row]! / MICROS_PER_MS);
  }
  return startsMs;
}

/** Bytes by row, those of histograms among them; `undefined` where a row has none. */
export function readBytesPage(bytes: Uint8Array, rowCount: number, where: string): (Uint8Array | undefined)[] {
  const page = open(bytes, rowCount, PLAIN, where);
  const isDefined = levelsOf(page);
  const payloads = Array.from({ length: rowCount }, (_, row) => (isDefined === undefined || isDefined[row] === 1 ? page.reader.take(page.reader.uint32()) : undefined));
  close(page, where);
  return payloads;
}

function levelsOf({ reader, rowCount }: OpenPage): Uint8Array | undefined {
  const isDefined = readPrefixedLevels(reader, rowCount);
  return isDefined.includes(0) ? isDefined : undefined;
}

/** How many rows a page has. */
export function pageRowCount(pages: readonly PageLocation[], page: number, groupRowCount: number): number {
  return (pages[page + 1]?.firstRow ?? groupRowCount) - pages[page]!.firstRow;
}
