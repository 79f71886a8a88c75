import { DecodeError } from '../../../proto/decode-error.ts';
import { ByteReader } from '../../../proto/varint.ts';
import { ColumnWriter, decodeHistogram } from '../../chunk/index.ts';
import { histogramBytes } from '../../model/histogram-bytes.ts';
import type { FloatHistogram } from '../../model/histogram.ts';
import type { Labels } from '../../model/labels.ts';
import { STALE_BITS_HIGH, STALE_BITS_LOW } from '../../model/sample.ts';
import { LIMITS } from '../../runtime/limits.ts';
import type { SeriesIndex } from '../index/series-index.ts';
import { payloadOf } from '../run/payloads.ts';
import { areSameTimes, type Part } from '../run/piece.ts';

/*
 * A page of a select's answer, one buffer, little-endian, so that it crosses RPC as one copy and is read through views:
 *
 *   u32 version │ u32 series │ u32 length of the columns in 8-byte words │ u32 bytes of the directory │ u32 bytes of the symbols │ u32 0
 *   columns: timestamps (f64 ms) and values (bits)
 *   directory, per series: varint strings, each as varint number of its symbol, varint samples, varint word at which the timestamps
 *                          begin, varint the same for the values, varint stale markers, then their positions as varints
 *                          since version 3: u8 flags, 1 = start timestamps, 2 = histograms;
 *                          with 1: varint word at which the start timestamps begin;
 *                          with 2: varint histograms, of each varint gap to the one before, varint bytes, payload (chunk/histograms.ts)
 *   symbols: a JSON array of strings
 *   whatever the buffer has beyond that means nothing
 *
 * A series with the same timestamps as the one before points at the same column. Names and values recur in nearly every series, so each
 * crosses once a page: encoding them anew for each series was nearly half of what an instant query cost.
 */
const VERSION = 3;
const VERSION_FLOATS = 2;
const FLAG_STARTS = 1;
const FLAG_HISTOGRAMS = 2;
const HEADER_BYTES = 24;
/** Small: most panels show a few series, and making room for more is cheap beside what fills it. */
const INITIAL_WORDS = 64;
const INITIAL_DIRECTORY_BYTES = 512;
/** What a series takes of the directory and of symbols that are its own, mostly, and what the symbols of all take. */
const DIRECTORY_WORDS = 8;
const SYMBOLS_WORDS = 256;
/** Room that is made at once: a page with its last series and its symbols is rarely more. */
const EXPECTED_WORDS_MAX = (LIMITS.selectPageBytesTarget * 1.125) / 8;

/** A varint of a sample's position, or of a histogram's length. */
const POSITION_BYTES_MAX = 4;

/** What is in JSON as it is, a byte a character. */
const PLAIN_TEXT = /^[ !#-[\]-~]*$/;

/** 32-bit words. */
const LOOP_WORDS_MAX = 64;

const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder();

export interface PageSeries {
  readonly labels: Labels;
  readonly timestampsMs: Float64Array;
  readonly values: Float64Array;
  readonly isStale: Uint8Array | undefined;
  /** Where samples are native histograms: `values` then means nothing. */
  readonly histograms: readonly (FloatHistogram | undefined)[] | undefined;
  /** Start timestamps, 0 where unknown. */
  readonly startTimestampsMs: Float64Array | undefined;
}

/** What a series takes of a page at the most, its labels left aside: nobody else's timestamps are the same, and what may be stale is. */
export function pageBytesOf(parts: readonly Part[]): number {
  let bytes = 0;
  for (const { bits, payloads, startsMs, hasStale, from, to } of parts) {
    bytes += (to - from) * (16 + (startsMs === undefined ? 0 : 8) + (hasStale ? POSITION_BYTES_MAX : 0));
    if (payloads.length === 0) continue;
    for (let i = from; i < to; i++) {
      const payload = payloadOf(bits, i, payloads);
      if (payload !== undefined) bytes += POSITION_BYTES_MAX * 2 + payload.length;
    }
  }
  return bytes;
}

export class SelectPageWriter {
  readonly #index: SeriesIndex;
  /** The page in the making: columns stand where they will stay, so that finishing it copies nothing. */
  #buffer = new ArrayBuffer(HEADER_BYTES + INITIAL_WORDS * 8);
  #columns = new Float64Array(this.#buffer, HEADER_BYTES);
  #columnBits = new Uint32Array(this.#buffer, HEADER_BYTES);
  #columnLength = 0;
  readonly #directory = new ColumnWriter(INITIAL_DIRECTORY_BYTES);
  /** The index's symbol → the page's. */
  readonly #symbols = new Map<number, number>();
  #symbolBytes = 0;
  #seriesCount = 0;
  #lastTimesAt = 0;
  #lastTimesLength = 0;
  /** Of the series before. */
  #lastParts: readonly Part[] = NO_PARTS;

  get seriesCount(): number {
    return this.#seriesCount;
  }

  /** So far, at the most: texts that are no plain ASCII are taken to need an escape for each character. */
  get bytes(): number {
    return this.#columnLength * 8 + this.#directory.length + this.#symbolBytes;
  }

  constructor(index: SeriesIndex) {
    this.#index = index;
  }

  /**
   * Makes room, before anything is added, for what is about to be: as far as it is known, and fits a page. `tailLength` is how many samples
   * more to expect of each series. Too little or far too much would copy the page once more: a fifth of what a wide query costs.
   */
  expect(parts: readonly (readonly Part[] | undefined)[], tailLength: number): void {
    let words = parts.length * (tailLength + DIRECTORY_WORDS);
    let longest = 0;
    for (const known of parts) {
      let length = 0;
      for (const { from, to } of known ?? NO_PARTS) length += to - from;
      words += length;
      longest = Math.max(longest, length);
    }
    // Most have their timestamps in common.
    this.#reserve(Math.min(words + longest + tailLength + SYMBOLS_WORDS, EXPECTED_WORDS_MAX));
  }

  /** Parts follow each other in time. */
  add(ref: number, parts: readonly Part[]): void {
    let sampleCount = 0;
    for (const { from, to } of parts) sampleCount += to - from;
    const timesAt = this.#timesAt(parts, sampleCount);
    const valuesAt = this.#columnLength;
    this.#reserve(sampleCount);
    const stale: number[] = [];
    for (const { bits, from, to, hasStale } of parts) {
      const at = this.#columnLength - from;
      this.#copyBits(bits, from * 2, to * 2);
      this.#columnLength += to - from;
      for (let i = from; hasStale && i < to; i++) {
        if (bits[i * 2 + 1] === STALE_BITS_HIGH && bits[i * 2] === STALE_BITS_LOW) stale.push(at + i - valuesAt);
      }
    }
    const directory = this.#directory;
    const symbols = this.#index.symbolsOf(ref);
    directory.unsigned(symbols.length);
    for (const symbol of symbols) directory.unsigned(this.#pageSymbol(symbol));
    directory.unsigned(sampleCount);
    directory.unsigned(timesAt);
    directory.unsigned(valuesAt);
    directory.unsigned(stale.length);
    for (const position of stale) directory.unsigned(position);
    this.#addExtras(parts, valuesAt, sampleCount);
    this.#seriesCount++;
  }

  /** To the end of the columns. */
  #copyBits(bits: Uint32Array, from: number, to: number): void {
    const columnBits = this.#columnBits;
    let at = this.#columnLength * 2;
    // A view costs more than copying a few words one by one.
    if (to - from > LOOP_WORDS_MAX) columnBits.set(bits.subarray(from, to), at);
    else for (let i = from; i < to; i++) columnBits[at++] = bits[i]!;
  }

  /** Start timestamps and histograms of a series, which most have none of. */
  #addExtras(parts: readonly Part[], valuesAt: number, sampleCount: number): void {
    const directory = this.#directory;
    const hasStarts = parts.some((part) => part.startsMs !== undefined);
    const histograms = parts.some((part) => part.payloads.length > 0) ? payloadsOf(parts) : NO_HISTOGRAMS;
    directory.byte((hasStarts ? FLAG_STARTS : 0) | (histograms.length > 0 ? FLAG_HISTOGRAMS : 0));
    if (hasStarts) {
      this.#reserve(sampleCount);
      directory.unsigned(this.#columnLength);
      for (const { startsMs, from, to } of parts) {
        if (startsMs === undefined) this.#columns.fill(0, this.#columnLength, this.#columnLength + to - from);
        else this.#columns.set(startsMs.subarray(from, to), this.#columnLength);
        this.#columnLength += to - from;
      }
    }
    if (histograms.length === 0) return;
    directory.unsigned(histograms.length);
    let next = 0;
    for (const { position, payload } of histograms) {
      // What stands for a histogram inside the shard is nothing outside.
      this.#columnBits[(valuesAt + position) * 2] = 0;
      this.#columnBits[(valuesAt + position) * 2 + 1] = 0;
      directory.unsigned(position - next);
      directory.unsigned(payload.length);
      directory.append(payload);
      next = position + 1;
    }
  }

  finish(): ArrayBuffer {
    const directory = this.#directory.written();
    const symbols = utf8Encoder.encode(JSON.stringify(Array.from(this.#symbols.keys(), (symbol) => this.#index.textOf(symbol))));
    this.#reserve(Math.ceil((directory.length + symbols.length) / 8));
    const directoryAt = HEADER_BYTES + this.#columnLength * 8;
    const buffer = this.#buffer;
    new Uint32Array(buffer, 0, 5).set([VERSION, this.#seriesCount, this.#columnLength, directory.length, symbols.length]);
    new Uint8Array(buffer, directoryAt).set(directory);
    new Uint8Array(buffer, directoryAt + directory.length).set(symbols);
    // Room to spare would cross RPC too.
    const length = directoryAt + directory.length + symbols.length;
    return length < buffer.byteLength * 0.75 ? buffer.slice(0, length) : buffer;
  }

  #pageSymbol(symbol: number): number {
    let pageSymbol = this.#symbols.get(symbol);
    if (pageSymbol === undefined) {
      this.#symbols.set(symbol, (pageSymbol = this.#symbols.size));
      const text = this.#index.textOf(symbol);
      this.#symbolBytes += PLAIN_TEXT.test(text) ? text.length + 3 : text.length * 6 + 3;
    }
    return pageSymbol;
  }

  #timesAt(parts: readonly Part[], sampleCount: number): number {
    const isLast = this.#seriesCount > 0 && sampleCount === this.#lastTimesLength && areSameTimes(parts, this.#lastParts, this.#columns, this.#lastTimesAt);
    this.#lastParts = parts;
    if (isLast) return this.#lastTimesAt;
    this.#reserve(sampleCount);
    this.#lastTimesAt = this.#columnLength;
    this.#lastTimesLength = sampleCount;
    for (const { timestampsMs, from, to } of parts) {
      this.#columns.set(timestampsMs.subarray(from, to), this.#columnLength);
      this.#columnLength += to - from;
    }
    return this.#lastTimesAt;
  }

  #reserve(words: number): void {
    const needed = this.#columnLength + words;
    if (needed <= this.#columns.length) return;
    // What is larger has its last series: twice as much would be most of an isolate.
    const larger = new ArrayBuffer(HEADER_BYTES + Math.ceil(Math.max(needed, Math.min(this.#columns.length * 2, EXPECTED_WORDS_MAX))) * 8);
    const bits = new Uint32Array(larger, HEADER_BYTES);
    bits.set(this.#columnBits.subarray(0, this.#columnLength * 2));
    this.#buffer = larger;
    this.#columns = new Float64Array(larger, HEADER_BYTES);
    this.#columnBits = bits;
  }
}

const NO_PARTS: readonly Part[] = [];

interface PlacedPayload {
  readonly position: number;
  readonly payload: Uint8Array;
}

const NO_HISTOGRAMS: readonly PlacedPayload[] = [];

/** The histograms of a series, by their positions among its samples. */
function payloadsOf(parts: readonly Part[]): PlacedPayload[] {
  const placed: PlacedPayload[] = [];
  let start = 0;
  for (const { bits, payloads, from, to } of parts) {
    for (let i = from; payloads.length > 0 && i < to; i++) {
      const payload = payloadOf(bits, i, payloads);
      if (payload !== undefined) placed.push({ position: start + i - from, payload });
    }
    start += to - from;
  }
  return placed;
}

/** Told how many bytes the histograms of a series take so far: by throwing it keeps the rest of them from being decoded. */
export type CheckHistograms = (bytes: number) => void;

/** Hands out the series of a page, in its order, as views into it. Series that share timestamps share the array. */
export function* readSelectPage(buffer: ArrayBuffer, checkHistograms?: CheckHistograms): Generator<PageSeries> {
  if (buffer.byteLength < HEADER_BYTES) throw new DecodeError(`select page: ${buffer.byteLength} bytes`);
  const [version, seriesCount, columnLength, directoryBytes, symbolBytes] = new Uint32Array(buffer, 0, 5) as unknown as [number, number, number, number, number];
  if (version !== VERSION && version !== VERSION_FLOATS) throw new DecodeError(`select page: version ${version}, this build knows ${VERSION_FLOATS} and ${VERSION}`);
  const directoryAt = HEADER_BYTES + columnLength * 8;
  const symbolsAt = directoryAt + directoryBytes;
  if (symbolsAt + symbolBytes > buffer.byteLength) {
    throw new DecodeError(`select page: got ${buffer.byteLength} bytes, want at least ${symbolsAt + symbolBytes}`);
  }
  const symbols = readSymbols(new Uint8Array(buffer, symbolsAt, symbolBytes));
  const reader = new ByteReader(new Uint8Array(buffer), directoryAt, symbolsAt);
  let lastTimesAt = -1;
  let timestampsMs = new Float64Array(0);
  for (let i = 0; i < seriesCount; i++) {
    const labels: string[] = [];
    for (let strings = reader.varint(); strings > 0; strings--) {
      const symbol = symbols[reader.varint()];
      if (symbol === undefined) throw new DecodeError(`select page: series ${i} has a label that is none of the ${symbols.length} symbols`);
      labels.push(symbol);
    }
    const sampleCount = reader.varint();
    const timesAt = reader.varint();
    const valuesAt = reader.varint();
    if (Math.max(timesAt, valuesAt) + sampleCount > columnLength) throw new DecodeError(`select page: series ${i} reaches beyond the columns`);
    if (timesAt !== lastTimesAt) timestampsMs = new Float64Array(buffer, HEADER_BYTES + timesAt * 8, sampleCount);
    lastTimesAt = timesAt;
    const values = new Float64Array(buffer, HEADER_BYTES + valuesAt * 8, sampleCount);
    let isStale: Uint8Array | undefined;
    for (let stale = reader.varint(); stale > 0; stale--) {
      isStale ??= new Uint8Array(sampleCount);
      const position = reader.varint();
      if (position >= sampleCount) throw new DecodeError(`select page: a stale marker at ${position} of ${sampleCount}`);
      isStale[position] = 1;
    }
    const flags = version === VERSION_FLOATS ? 0 : reader.byte();
    let startTimestampsMs: Float64Array | undefined;
    if ((flags & FLAG_STARTS) !== 0) {
      const startsAt = reader.varint();
      if (startsAt + sampleCount > columnLength) throw new DecodeError(`select page: series ${i} reaches beyond the columns`);
      startTimestampsMs = new Float64Array(buffer, HEADER_BYTES + startsAt * 8, sampleCount);
    }
    const histograms = (flags & FLAG_HISTOGRAMS) === 0 ? undefined : readHistograms(reader, sampleCount, checkHistograms);
    yield { labels, timestampsMs, values, isStale, histograms, startTimestampsMs };
  }
}

function readSymbols(bytes: Uint8Array): readonly string[] {
  try {
    return JSON.parse(utf8Decoder.decode(bytes)) as readonly string[];
  } catch (error) {
    throw new DecodeError('select page: the symbols are no JSON', { cause: error });
  }
}

function readHistograms(reader: ByteReader, sampleCount: number, check: CheckHistograms | undefined): (FloatHistogram | undefined)[] {
  const histograms = new Array<FloatHistogram | undefined>(sampleCount).fill(undefined);
  let next = 0;
  let bytes = 0;
  for (let left = reader.varint(); left > 0; left--) {
    const position = next + reader.varint();
    if (position >= sampleCount) throw new DecodeError(`select page: a histogram at ${position} of ${sampleCount}`);
    const histogram = decodeHistogram(reader.take(reader.varint()));
    histograms[position] = histogram;
    check?.((bytes += histogramBytes(histogram)));
    next = position + 1;
  }
  return histograms;
}
