import type { RequestColumns } from '../../proto/remote-write-v2.ts';
import type { WireReader } from '../../proto/wire-reader.ts';
import { plainSampleEnd, readPlainSample } from '../../proto/write-columns.ts';
import type { SeriesHasher } from '../../storage/model/series-id.ts';
import { ownShare, type CacheShare } from '../../storage/runtime/cache-budget.ts';
import type { SeriesIdColumns } from '../series-id-columns.ts';

/** Requests of one length that are compared; more that differ only in their middles are not told apart, and decoded. */
const ALIKE_MAX = 8;
/** Requests remembered to have come once, a number each: as many may come before one of them comes again. A thousand senders of 30,000 series send 15,000 a scrape. */
const MARKS_MAX = 16 * 1024;
/** Symbols whose numbers are in a mark. */
const MARK_SYMBOLS = 16;
/** What a request takes beside its columns: the objects themselves. */
const REQUEST_BYTES = 1024;

/**
 * Requests of remote write 2.0 that come again: a sender whose requests always hold the same series sends the same bytes each time, symbols,
 * references and metadata, but for values and timestamps. So a request of known length is compared with the one that came before, and where all
 * else is the same its columns and ids are those of before: no symbol and no reference is looked at.
 *
 * A request is kept when it comes for the second time: those of other senders are cut elsewhere each time, and copying them would be in vain.
 * Bounded in bytes: when it is full, those that have not come in a while make room, and others stay for as long as they come.
 */
export class KnownRequests {
  readonly #bytesMax: number;
  readonly #share: CacheShare;
  readonly #byLength = new Map<number, KnownRequest[]>();
  readonly #marks = new Set<number>();
  #bytes = 0;
  #count = 0;
  /** Requests looked for since the last look for old ones. */
  #lookUps = 0;

  constructor(bytesMax: number, share = ownShare()) {
    this.#bytesMax = bytesMax;
    this.#share = share;
  }

  /** The request that the message is but for values and timestamps, which are in the columns then, as is all else that a decoder finds. */
  find(reader: WireReader, hasher: SeriesHasher, columns: RequestColumns): KnownRequest | undefined {
    this.#lookUps++;
    const alike = this.#byLength.get(reader.bytes.length);
    if (alike === undefined) return undefined;
    for (const request of alike) {
      if (request.hasher !== hasher || !request.read(reader, columns)) continue;
      request.isUsed = true;
      return request;
    }
    return undefined;
  }

  /** Keeps a request that has been decoded into the columns, if it is one that can be known, fits, and has come before. All of its series have ids. */
  note(reader: WireReader, hasher: SeriesHasher, columns: RequestColumns, numbers: Uint32Array, ids: SeriesIdColumns): void {
    // One that never fits is no reason to make room.
    if (!mayBeKnown(columns) || reader.bytes.length > this.#bytesMax) return;
    const mark = markOf(reader.bytes, columns, numbers);
    if (!this.#marks.delete(mark)) {
      if (this.#marks.size >= MARKS_MAX) this.#marks.clear();
      this.#marks.add(mark);
      return;
    }
    const bytes = KnownRequest.bytesOf(reader.bytes, columns);
    if (bytes > this.#bytesMax || !hasLengthsOfOneByte(reader.bytes, columns)) return;
    const alike = (): KnownRequest[] => this.#byLength.get(reader.bytes.length) ?? [];
    const isFull = (): boolean => this.#bytes + bytes > this.#bytesMax || alike().length >= ALIKE_MAX;
    if (isFull()) this.#dropOld();
    if (isFull() || !this.#share.take(bytes)) return;
    this.#bytes += bytes;
    this.#count++;
    this.#byLength.set(reader.bytes.length, [...alike(), new KnownRequest(reader.bytes, hasher, columns, ids)]);
  }

  /** Drops those that did not come since the last time, which is when each could have come four times. */
  #dropOld(): void {
    if (this.#lookUps < this.#count * 4) return;
    this.#lookUps = 0;
    for (const [length, alike] of this.#byLength) {
      const used = alike.filter((request) => request.isUsed);
      for (const request of alike) {
        if (!request.isUsed) this.#drop(request.bytes);
        request.isUsed = false;
      }
      this.#count -= alike.length - used.length;
      if (used.length > 0) this.#byLength.set(length, used);
      else this.#byLength.delete(length);
    }
  }

  clear(): void {
    this.#byLength.clear();
    this.#marks.clear();
    this.#drop(this.#bytes);
    this.#count = this.#lookUps = 0;
  }

  #drop(bytes: number): void {
    this.#bytes -= bytes;
    this.#share.give(bytes);
  }
}

/** One plain sample a series and nothing else, as Prometheus sends floats: only those bytes may differ. And the message is still as it was sent. */
function mayBeKnown({ seriesCount, sampleCount, plainSampleCount, histograms, exemplars, hasOneSampleEach, hasStarts, hasMoved }: RequestColumns): boolean {
  if (seriesCount === 0 || !hasOneSampleEach || plainSampleCount !== sampleCount) return false;
  return histograms.count === 0 && exemplars.count === 0 && !hasStarts && !hasMoved;
}

/** Whether the length in front of each sample is one byte: it could have more than it needs. */
function hasLengthsOfOneByte(plain: Uint8Array, { seriesCount, samplesAt }: RequestColumns): boolean {
  for (let series = 0; series < seriesCount; series++) {
    const at = samplesAt[series]!;
    if (plain[at - 1] !== plainSampleEnd(plain, at) - at) return false;
  }
  return true;
}

/** The same for requests that are the same but for their samples, and most likely another for any other. */
function markOf(plain: Uint8Array, { seriesCount, symbolCount, refsStart }: RequestColumns, numbers: Uint32Array): number {
  let mark = plain.length;
  const mix = (word: number): void => {
    mark = Math.imul(mark ^ word, 0x9e3779b1) ^ (mark >>> 15);
  };
  mix(seriesCount);
  mix(symbolCount);
  mix(refsStart[seriesCount - 1]!);
  for (let i = 1; i <= MARK_SYMBOLS; i++) mix(numbers[Math.floor((symbolCount * i) / MARK_SYMBOLS) - 1] ?? 0);
  return mark;
}

/**
 * A request that has come before: what of it is not samples, one run of bytes before each of them and one behind the last. A run ends with its
 * sample's length.
 */
export class KnownRequest {
  readonly hasher: SeriesHasher;
  readonly bytes: number;
  /** Whether it has come since the last look for those that did not. */
  isUsed = true;
  readonly #view: DataView;
  /** Where each run ends in there. */
  readonly #runEnds: Uint32Array;
  readonly #idLow: Uint32Array;
  readonly #idHigh: Uint32Array;
  readonly #idCheck: Uint32Array;

  constructor(plain: Uint8Array, hasher: SeriesHasher, columns: RequestColumns, ids: SeriesIdColumns) {
    const { seriesCount, samplesAt } = columns;
    this.hasher = hasher;
    this.bytes = KnownRequest.bytesOf(plain, columns);
    const runs = new Uint8Array(plain.length - sampleBytes(plain, columns));
    this.#runEnds = new Uint32Array(seriesCount);
    let end = 0;
    let position = 0;
    for (let series = 0; series < seriesCount; series++) {
      const at = samplesAt[series]!;
      runs.set(plain.subarray(position, at), end);
      end += at - position;
      this.#runEnds[series] = end;
      position = at + plain[at - 1]!;
    }
    runs.set(plain.subarray(position), end);
    this.#view = new DataView(runs.buffer);
    this.#idLow = ids.low.slice(0, seriesCount);
    this.#idHigh = ids.high.slice(0, seriesCount);
    this.#idCheck = ids.check.slice(0, seriesCount);
  }

  /** At least as many as the message has: an id and an end take no less than a sample. */
  static bytesOf(plain: Uint8Array, columns: RequestColumns): number {
    return REQUEST_BYTES + plain.length - sampleBytes(plain, columns) + columns.seriesCount * 16;
  }

  /** Whether the message is this request but for its samples, and then these are in the columns, and nothing else is. */
  read(reader: WireReader, columns: RequestColumns): boolean {
    const { view } = reader;
    const kept = this.#view;
    const runEnds = this.#runEnds;
    const seriesCount = runEnds.length;
    let position = 0;
    let run = 0;
    for (let series = 0; series < seriesCount; series++) {
      const runEnd = runEnds[series]! | 0;
      if (!isSameRun(view, position, kept, run, runEnd - run)) return false;
      position += runEnd - run;
      const sampleEnd = position + kept.getUint8(runEnd - 1);
      if (!readPlainSample(reader, position, sampleEnd, columns, series)) return false;
      position = sampleEnd;
      run = runEnd;
    }
    if (!isSameRun(view, position, kept, run, kept.byteLength - run)) return false;
    this.#restore(columns);
    return true;
  }

  /** Of the columns, what those who store a request's samples ask for. */
  #restore(columns: RequestColumns): void {
    const seriesCount = this.#runEnds.length;
    columns.clear();
    columns.seriesCount = columns.sampleCount = columns.plainSampleCount = seriesCount;
    for (let series = 0; series <= seriesCount; series++) columns.sampleStart[series] = series;
  }

  copyIds(ids: SeriesIdColumns): void {
    ids.low.set(this.#idLow);
    ids.high.set(this.#idHigh);
    ids.check.set(this.#idCheck);
    ids.isRefused.fill(0, 0, this.#idLow.length);
  }
}

function sampleBytes(plain: Uint8Array, { seriesCount, samplesAt }: RequestColumns): number {
  let bytes = 0;
  for (let series = 0; series < seriesCount; series++) bytes += plainSampleEnd(plain, samplesAt[series]!) - samplesAt[series]!;
  return bytes;
}

/** Whether both have the same bytes, eight a comparison. */
function isSameRun(a: DataView, start: number, b: DataView, other: number, length: number): boolean {
  const distance = (other - start) | 0;
  const end = (start + length) | 0;
  let position = start | 0;
  for (; position + 8 <= end; position += 8) if (differingBits(a, position, b, distance) !== 0) return false;
  // The rest with bytes that are known to be the same, as eight more.
  if (length >= 8) return position === end || differingBits(a, end - 8, b, distance) === 0;
  for (; position < end; position++) if (a.getUint8(position) !== b.getUint8(position + distance)) return false;
  return true;
}

/** None where eight bytes are the same. */
function differingBits(a: DataView, position: number, b: DataView, distance: number): number {
  const other = (position + distance) | 0;
  return (a.getInt32(position, true) ^ b.getInt32(other, true)) | (a.getInt32(position + 4, true) ^ b.getInt32(other + 4, true));
}
