import { DecodeError } from '../../proto/decode-error.ts';
import { ByteReader } from '../../proto/varint.ts';
import { ColumnWriter } from '../chunk/index.ts';
import type { Labels } from '../model/labels.ts';
import { STALE_BITS_HIGH, STALE_BITS_LOW } from '../model/sample.ts';
import type { SampleRun } from './sample-run.ts';
import type { SeriesIndex } from './series-index.ts';

/*
 * A page of a select's answer, one buffer, little-endian, so that it crosses RPC as one copy and is read through views:
 *
 *   u32 version │ u32 series │ u32 length of the columns in 8-byte words │ u32 bytes of the directory
 *   columns: timestamps (f64 ms) and values (bits)
 *   directory, per series: varint strings, each as varint number of its symbol, varint samples, varint word at which the timestamps
 *                          begin, varint the same for the values, varint stale markers, then their positions as varints
 *   symbols: a JSON array of strings
 *
 * A series with the same timestamps as the one before points at the same column. Names and values recur in nearly every series, so each
 * crosses once a page: encoding them anew for each series was nearly half of what an instant query cost.
 */
const VERSION = 1;
const HEADER_BYTES = 16;

const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder();

export interface PageSeries {
  readonly labels: Labels;
  readonly timestampsMs: Float64Array;
  readonly values: Float64Array;
  readonly isStale: Uint8Array | undefined;
}

export class SelectPageWriter {
  readonly #index: SeriesIndex;
  #columns = new Float64Array(4 * 1024);
  #columnBits = new Uint32Array(this.#columns.buffer);
  #columnLength = 0;
  readonly #directory = new ColumnWriter(16 * 1024);
  /** The index's symbol → the page's. */
  readonly #symbols = new Map<number, number>();
  #seriesCount = 0;
  #lastTimesAt = 0;
  #lastTimesLength = 0;

  get seriesCount(): number {
    return this.#seriesCount;
  }

  get bytes(): number {
    return this.#columnLength * 8 + this.#directory.length;
  }

  constructor(index: SeriesIndex) {
    this.#index = index;
  }

  add(ref: number, run: SampleRun): void {
    const timesAt = this.#timesAt(run);
    const valuesAt = this.#columnLength;
    this.#reserve(run.length);
    this.#columnBits.set(run.bits.subarray(0, run.length * 2), valuesAt * 2);
    this.#columnLength += run.length;
    const directory = this.#directory;
    const symbols = this.#index.symbolsOf(ref);
    directory.unsigned(symbols.length);
    for (const symbol of symbols) directory.unsigned(this.#pageSymbol(symbol));
    directory.unsigned(run.length);
    directory.unsigned(timesAt);
    directory.unsigned(valuesAt);
    const stale: number[] = [];
    for (let i = 0; i < run.length; i++) {
      if (run.bits[i * 2 + 1] === STALE_BITS_HIGH && run.bits[i * 2] === STALE_BITS_LOW) stale.push(i);
    }
    directory.unsigned(stale.length);
    for (const position of stale) directory.unsigned(position);
    this.#seriesCount++;
  }

  finish(): ArrayBuffer {
    const directory = this.#directory.written();
    const symbols = utf8Encoder.encode(JSON.stringify(Array.from(this.#symbols.keys(), (symbol) => this.#index.textOf(symbol))));
    const directoryAt = HEADER_BYTES + this.#columnLength * 8;
    const buffer = new ArrayBuffer(directoryAt + directory.length + symbols.length);
    new Uint32Array(buffer, 0, 4).set([VERSION, this.#seriesCount, this.#columnLength, directory.length]);
    new Uint32Array(buffer, HEADER_BYTES, this.#columnLength * 2).set(this.#columnBits.subarray(0, this.#columnLength * 2));
    new Uint8Array(buffer, directoryAt).set(directory);
    new Uint8Array(buffer, directoryAt + directory.length).set(symbols);
    return buffer;
  }

  #pageSymbol(symbol: number): number {
    let pageSymbol = this.#symbols.get(symbol);
    if (pageSymbol === undefined) this.#symbols.set(symbol, (pageSymbol = this.#symbols.size));
    return pageSymbol;
  }

  #timesAt(run: SampleRun): number {
    const { timestampsMs, length } = run;
    let isSame = this.#seriesCount > 0 && length === this.#lastTimesLength;
    for (let i = 0; i < length && isSame; i++) isSame = this.#columns[this.#lastTimesAt + i] === timestampsMs[i];
    if (isSame) return this.#lastTimesAt;
    this.#reserve(length);
    this.#columns.set(timestampsMs.subarray(0, length), this.#columnLength);
    this.#lastTimesAt = this.#columnLength;
    this.#lastTimesLength = length;
    this.#columnLength += length;
    return this.#lastTimesAt;
  }

  #reserve(length: number): void {
    const needed = this.#columnLength + length;
    if (needed <= this.#columns.length) return;
    const larger = new Float64Array(Math.max(needed, this.#columns.length * 2));
    const bits = new Uint32Array(larger.buffer);
    bits.set(this.#columnBits.subarray(0, this.#columnLength * 2));
    this.#columns = larger;
    this.#columnBits = bits;
  }
}

/** Hands out the series of a page, in its order, as views into it. Series that share timestamps share the array. */
export function* readSelectPage(buffer: ArrayBuffer): Generator<PageSeries> {
  const [version, seriesCount, columnLength, directoryBytes] = new Uint32Array(buffer, 0, 4) as unknown as [number, number, number, number];
  if (version !== VERSION) throw new DecodeError(`select page: version ${version}, this build knows ${VERSION}`);
  const directoryAt = HEADER_BYTES + columnLength * 8;
  if (directoryAt + directoryBytes > buffer.byteLength) {
    throw new DecodeError(`select page: got ${buffer.byteLength} bytes, want at least ${directoryAt + directoryBytes}`);
  }
  const symbols = JSON.parse(utf8Decoder.decode(new Uint8Array(buffer, directoryAt + directoryBytes))) as readonly string[];
  const reader = new ByteReader(new Uint8Array(buffer), directoryAt, directoryAt + directoryBytes);
  let lastTimesAt = -1;
  let timestampsMs = new Float64Array(0);
  for (let i = 0; i < seriesCount; i++) {
    const labels: string[] = [];
    for (let strings = reader.varint(); strings > 0; strings--) labels.push(symbols[reader.varint()]!);
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
    yield { labels, timestampsMs, values, isStale };
  }
}
