import type { RequestColumns } from '../proto/remote-write-v2.ts';
import { plainSampleEnd, readPlainSample } from '../proto/write-columns.ts';
import type { WireReader } from '../proto/wire-reader.ts';
import type { SeriesHasher } from '../storage/model/series-id.ts';
import type { SeriesIdColumns } from './series-id-cache.ts';
import type { SeriesList } from './series-list.ts';

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
 * Bounded in bytes: when it is full nothing is added, until so much was missed that what it holds must be old; then it starts empty.
 */
export class KnownRequests {
  readonly #bytesMax: number;
  readonly #byLength = new Map<number, KnownRequest[]>();
  readonly #marks = new Set<number>();
  #bytes = 0;
  #count = 0;
  #missesWhileFull = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The request that the message is but for values and timestamps, which are in the columns then, as is all else that a decoder finds. */
  find(reader: WireReader, hasher: SeriesHasher, columns: RequestColumns): KnownRequest | undefined {
    const alike = this.#byLength.get(reader.bytes.length);
    if (alike === undefined) return undefined;
    for (const request of alike) if (request.hasher === hasher && request.read(reader, columns)) return request;
    return undefined;
  }

  /** Keeps a request that has been decoded into the columns, if it is one that can be known, fits, and has come before. All of its series have ids. */
  note(reader: WireReader, hasher: SeriesHasher, columns: RequestColumns, numbers: Uint32Array, ids: SeriesIdColumns): void {
    const bytes = KnownRequest.bytesOf(reader.bytes, columns);
    // One that never fits is no reason to make room.
    if (bytes > this.#bytesMax || !canBeKnown(columns)) return;
    const mark = markOf(reader.bytes, columns, numbers);
    if (!this.#marks.delete(mark)) {
      if (this.#marks.size >= MARKS_MAX) this.#marks.clear();
      this.#marks.add(mark);
      return;
    }
    const alike = this.#byLength.get(reader.bytes.length) ?? [];
    if (this.#bytes + bytes > this.#bytesMax || alike.length >= ALIKE_MAX) {
      if (++this.#missesWhileFull > this.#count * 2) this.clear();
      return;
    }
    this.#bytes += bytes;
    this.#count++;
    alike.push(new KnownRequest(reader.bytes, hasher, columns, ids));
    this.#byLength.set(reader.bytes.length, alike);
  }

  clear(): void {
    this.#byLength.clear();
    this.#marks.clear();
    this.#bytes = this.#count = this.#missesWhileFull = 0;
  }
}

/** One plain sample a series and nothing else, as Prometheus sends floats: only those bytes may differ. And the message is still as it was sent. */
function canBeKnown({ seriesCount, sampleCount, plainSampleCount, histograms, exemplars, hasStarts, hasMoved, sampleStart }: RequestColumns): boolean {
  if (seriesCount === 0 || seriesCount !== sampleCount || plainSampleCount !== sampleCount) return false;
  if (histograms.count > 0 || exemplars.count > 0 || hasStarts || hasMoved) return false;
  for (let series = 0; series < seriesCount; series++) if (sampleStart[series] !== series) return false;
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

/** A request that has come before. */
export class KnownRequest {
  readonly hasher: SeriesHasher;
  readonly #view: DataView;
  readonly #symbolStart: Uint32Array;
  readonly #symbolEnd: Uint32Array;
  readonly #refsStart: Uint32Array;
  readonly #refsEnd: Uint32Array;
  readonly #sampleStart: Uint32Array;
  /** Where each series' sample begins in the message, and where it ends. */
  readonly #samplesAt: Uint32Array;
  readonly #samplesEnd: Uint32Array;
  readonly list: SeriesList;

  constructor(plain: Uint8Array, hasher: SeriesHasher, columns: RequestColumns, ids: SeriesIdColumns) {
    const { seriesCount, symbolCount } = columns;
    this.hasher = hasher;
    this.#view = new DataView(plain.slice().buffer);
    this.#symbolStart = columns.symbolStart.slice(0, symbolCount);
    this.#symbolEnd = columns.symbolEnd.slice(0, symbolCount);
    this.#refsStart = columns.refsStart.slice(0, seriesCount);
    this.#refsEnd = columns.refsEnd.slice(0, seriesCount);
    this.#sampleStart = columns.sampleStart.slice(0, seriesCount + 1);
    this.#samplesAt = columns.samplesAt.slice(0, seriesCount);
    this.#samplesEnd = this.#samplesAt.map((at) => plainSampleEnd(plain, at));
    this.list = { idLow: ids.low.slice(0, seriesCount), idHigh: ids.high.slice(0, seriesCount), idCheck: ids.check.slice(0, seriesCount), name: undefined };
  }

  static bytesOf(plain: Uint8Array, { seriesCount, symbolCount }: RequestColumns): number {
    return REQUEST_BYTES + plain.length + symbolCount * 8 + seriesCount * 32;
  }

  /** Whether the message is this request but for its samples, and then the columns are those that it would be decoded into. */
  read(reader: WireReader, columns: RequestColumns): boolean {
    const { view } = reader;
    const kept = this.#view;
    const samplesAt = this.#samplesAt;
    const samplesEnd = this.#samplesEnd;
    const seriesCount = samplesAt.length;
    let position = 0;
    for (let series = 0; series < seriesCount; series++) {
      const at = samplesAt[series]! | 0;
      const end = samplesEnd[series]! | 0;
      if (!isSameRun(view, kept, position, at) || !readPlainSample(reader, at, end, columns, series)) return false;
      position = end;
    }
    if (!isSameRun(view, kept, position, view.byteLength)) return false;
    this.#restore(columns);
    return true;
  }

  /** All but the samples, and the metadata, which only matters to those whose ids are not known. */
  #restore(columns: RequestColumns): void {
    const seriesCount = this.#samplesAt.length;
    columns.clear();
    columns.seriesCount = columns.sampleCount = columns.plainSampleCount = seriesCount;
    columns.symbolCount = this.#symbolStart.length;
    columns.symbolStart.set(this.#symbolStart);
    columns.symbolEnd.set(this.#symbolEnd);
    columns.refsStart.set(this.#refsStart);
    columns.refsEnd.set(this.#refsEnd);
    columns.sampleStart.set(this.#sampleStart);
    columns.samplesAt.set(this.#samplesAt);
  }

  copyIds(ids: SeriesIdColumns): void {
    const { idLow, idHigh, idCheck } = this.list;
    ids.low.set(idLow);
    ids.high.set(idHigh);
    ids.check.set(idCheck);
    ids.isRefused.fill(0, 0, idLow.length);
  }
}

function isSameRun(a: DataView, b: DataView, start: number, end: number): boolean {
  let position = start;
  for (; position + 4 <= end; position += 4) if (a.getInt32(position, true) !== b.getInt32(position, true)) return false;
  // The rest with bytes that are known to be the same, as one word more.
  if (end - start >= 4) return position === end || a.getInt32(end - 4, true) === b.getInt32(end - 4, true);
  for (; position < end; position++) if (a.getUint8(position) !== b.getUint8(position)) return false;
  return true;
}
