import { DecodeError } from '../../proto/decode-error.ts';
import { signedVarint, type ByteReader } from '../../proto/varint.ts';
import { HISTOGRAM_BITS_HIGH } from '../model/sample.ts';
import type { ColumnWriter } from './column-writer.ts';
import { decodeValues, encodeValues, valueCodecName } from './values.ts';

/*
 * A series' samples beside their timestamps: floats in most columns, and where there are any, native histograms and start timestamps.
 * A column without them is a column of values (values.ts) to the byte. Otherwise it is wrapped, starts outermost:
 *
 *   STARTS       start timestamps as pairs of (signed change, varint how many samples have it), then the column
 *   HISTOGRAMS   varint histograms, their positions as gaps, the bytes of each payload's length, the payloads, each XORed with the
 *                one before as far as both reach, then the floats between them as a column of values, if there are any
 */
const HISTOGRAMS = 5;
const STARTS = 6;

/** Payloads of a column without histograms. */
export const NO_PAYLOADS: readonly Uint8Array[] = [];

/** A column of samples. A value whose high word is HISTOGRAM_BITS_HIGH stands for the payload at its low word. */
export interface SampleColumn {
  /** Two words a value, the low one first. */
  readonly bits: Uint32Array;
  readonly payloads: readonly Uint8Array[];
  /** Start timestamp of each sample, Unix ms, 0 where it is not known; `undefined` when none is. */
  readonly startsMs: Float64Array | undefined;
}

/** What a column is written from; `values` is another view of `bits`. */
export interface SampleColumnSource extends SampleColumn {
  readonly values: Float64Array;
}

/** Encodes samples `start` to `end`. */
export function encodeSampleColumn(source: SampleColumnSource, start: number, end: number, out: ColumnWriter): void {
  const { startsMs, payloads } = source;
  if (startsMs !== undefined && hasStarts(startsMs, start, end)) {
    out.byte(STARTS);
    writeStarts(startsMs, start, end, out);
  }
  if (payloads.length > 0 && hasHistograms(source.bits, start, end)) writeHistograms(source, start, end, out);
  else encodeValues(source.values, source.bits, start, end, out);
}

/** Whether the column at the reader is one of values alone, which `decodeValuesInto` takes. */
export function isPlainColumn(reader: ByteReader): boolean {
  const head = reader.bytes[reader.position]!;
  return head !== HISTOGRAMS && head !== STARTS;
}

/** A column of `count` samples; its arrays are the caller's own. */
export function decodeSampleColumn(reader: ByteReader, count: number): SampleColumn {
  let startsMs: Float64Array | undefined;
  if (reader.bytes[reader.position] === STARTS) {
    reader.byte();
    startsMs = readStarts(reader, count);
  }
  if (reader.bytes[reader.position] !== HISTOGRAMS) return { bits: decodeValues(reader, count), payloads: NO_PAYLOADS, startsMs };
  reader.byte();
  return { ...readHistograms(reader, count), startsMs };
}

export function hasHistograms(bits: Uint32Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bits[i * 2 + 1] === HISTOGRAM_BITS_HIGH) return true;
  return false;
}

function hasStarts(startsMs: Float64Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (startsMs[i] !== 0) return true;
  return false;
}

function writeStarts(startsMs: Float64Array, start: number, end: number, out: ColumnWriter): void {
  let previous = 0;
  for (let i = start; i < end; ) {
    const startMs = startsMs[i]!;
    let run = 1;
    while (i + run < end && startsMs[i + run] === startMs) run++;
    out.signed(startMs - previous);
    out.unsigned(run);
    previous = startMs;
    i += run;
  }
}

function readStarts(reader: ByteReader, count: number): Float64Array {
  const startsMs = new Float64Array(count);
  let startMs = 0;
  for (let i = 0; i < count; ) {
    startMs += signedVarint(reader);
    const run = reader.varint();
    if (run === 0 || run > count - i) throw new DecodeError(`start timestamps: a run of ${run} with ${count - i} to go`);
    startsMs.fill(startMs, i, i + run);
    i += run;
  }
  return startsMs;
}

function writeHistograms({ bits, payloads }: SampleColumnSource, start: number, end: number, out: ColumnWriter): void {
  const positions: number[] = [];
  const floatBits = new Uint32Array((end - start) * 2);
  let floats = 0;
  for (let i = start; i < end; i++) {
    if (bits[i * 2 + 1] === HISTOGRAM_BITS_HIGH) positions.push(i);
    else {
      floatBits[floats * 2] = bits[i * 2]!;
      floatBits[floats * 2 + 1] = bits[i * 2 + 1]!;
      floats++;
    }
  }
  out.byte(HISTOGRAMS);
  out.unsigned(positions.length);
  let next = start;
  for (const position of positions) {
    out.unsigned(position - next);
    next = position + 1;
  }
  const written = positions.map((position) => payloads[bits[position * 2]!]!);
  for (const payload of written) out.unsigned(payload.length);
  written.forEach((payload, i) => out.append(i === 0 ? payload : xored(payload, written[i - 1]!)));
  if (floats > 0) encodeValues(new Float64Array(floatBits.buffer), floatBits, 0, floats, out);
}

function readHistograms(reader: ByteReader, count: number): { readonly bits: Uint32Array; readonly payloads: readonly Uint8Array[] } {
  const histograms = reader.varint();
  if (histograms === 0 || histograms > count) throw new DecodeError(`histograms: ${histograms} among ${count} samples`);
  const positions: number[] = [];
  for (let i = 0, next = 0; i < histograms; i++) {
    const position = next + reader.varint();
    if (position >= count) throw new DecodeError(`histograms: one at ${position} of ${count} samples`);
    positions.push(position);
    next = position + 1;
  }
  const lengths = Array.from(positions, () => reader.varint());
  const payloads: Uint8Array[] = [];
  for (const [i, length] of lengths.entries()) {
    const bytes = reader.take(length);
    payloads.push(i === 0 ? new Uint8Array(bytes) : xored(bytes, payloads[i - 1]!));
  }
  const floats = count - histograms;
  const floatBits = floats === 0 ? new Uint32Array(0) : decodeValues(reader, floats);
  const bits = new Uint32Array(count * 2);
  for (let i = 0, histogram = 0, float = 0; i < count; i++) {
    if (positions[histogram] === i) {
      bits[i * 2] = histogram++;
      bits[i * 2 + 1] = HISTOGRAM_BITS_HIGH;
      continue;
    }
    bits[i * 2] = floatBits[float * 2]!;
    bits[i * 2 + 1] = floatBits[float * 2 + 1]!;
    float++;
  }
  return { bits, payloads };
}

/** Successive histograms of a series differ in few bytes: what is alike becomes zeros, which zstd takes away. Its own inverse. */
function xored(bytes: Uint8Array, previous: Uint8Array): Uint8Array {
  // Not `slice`: what zstd gave is a Buffer, and its slice no copy.
  const result = new Uint8Array(bytes);
  const common = Math.min(bytes.length, previous.length);
  for (let i = 0; i < common; i++) result[i]! ^= previous[i]!;
  return result;
}

/** What a sample column that begins with this byte is, in the words of FORMAT.md. */
export function sampleColumnName(head: number): string {
  return head === STARTS ? 'STARTS' : head === HISTOGRAMS ? 'HISTOGRAMS' : valueCodecName(head);
}
