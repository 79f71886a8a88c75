import { DecodeError } from '../../../proto/decode-error.ts';
import { grown } from '../../../proto/grown.ts';
import type { SeriesIndex } from '../index/series-index.ts';

/*
 * A page of label sets, one buffer, little-endian, so that it crosses RPC as one copy and is read through views:
 *
 *   u32 version │ u32 series │ u32 symbol numbers │ u32 bytes of the symbols
 *   u32 per series: where its numbers end
 *   u32 per number: name and value of each label in turn, as the symbol's place in the list
 *   symbols: a JSON array of strings, UTF-8
 *
 * Symbols cross as JSON because that is what they end in: who writes an answer of JSON copies a symbol's bytes wherever it occurs, and makes
 * no string of it.
 */
const VERSION = 1;
const HEADER_WORDS = 4;

/** Below this many series a map of the symbols they use is smaller than a table of all symbols that there are. */
const TABLE_SERIES_MIN = 256;

const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder();

export interface WrittenSeriesPage {
  readonly page: ArrayBuffer;
  /** Position in `refs` behind the page's last series. */
  readonly end: number;
}

/** Writes series from position `start` of `refs` on, as many as fit in about `bytesTarget` and at least one. */
export function writeSeriesPage(index: SeriesIndex, refs: readonly number[], start: number, bytesTarget: number): WrittenSeriesPage {
  const pageSymbol = refs.length - start < TABLE_SERIES_MIN ? symbolMap() : symbolTable(index.symbolCount);
  const texts: string[] = [];
  let numbers = new Uint32Array(64);
  let numberCount = 0;
  const ends: number[] = [];
  let bytes = 0;
  let end = start;
  while (end < refs.length && (end === start || bytes < bytesTarget)) {
    const symbols = index.symbolsOf(refs[end++]!);
    if (numberCount + symbols.length > numbers.length) numbers = grown(numbers, numberCount + symbols.length);
    for (const symbol of symbols) {
      let number = pageSymbol.get(symbol);
      if (number === undefined) {
        number = texts.length;
        pageSymbol.set(symbol, number);
        const text = index.textOf(symbol);
        texts.push(text);
        // Three bytes of UTF-8 a UTF-16 unit at the most.
        bytes += text.length * 3 + 3;
      }
      numbers[numberCount++] = number;
    }
    ends.push(numberCount);
    bytes += symbols.length * 4 + 4;
  }
  const json = utf8Encoder.encode(JSON.stringify(texts));
  const page = new ArrayBuffer((HEADER_WORDS + ends.length + numberCount) * 4 + json.length);
  const words = new Uint32Array(page, 0, HEADER_WORDS + ends.length + numberCount);
  words.set([VERSION, ends.length, numberCount, json.length]);
  words.set(ends, HEADER_WORDS);
  words.set(numbers.subarray(0, numberCount), HEADER_WORDS + ends.length);
  new Uint8Array(page, words.byteLength).set(json);
  return { page, end };
}

interface PageSymbols {
  get(symbol: number): number | undefined;
  set(symbol: number, number: number): unknown;
}

function symbolMap(): PageSymbols {
  return new Map<number, number>();
}

function symbolTable(symbolCount: number): PageSymbols {
  /** Plus one; zero for symbols that the page does not have yet. */
  const numbers = new Uint32Array(symbolCount);
  return {
    get: (symbol) => (numbers[symbol] === 0 ? undefined : numbers[symbol]! - 1),
    set: (symbol, number) => (numbers[symbol] = number + 1),
  };
}

/** A page as its reader sees it: views into it, checked. */
export class SeriesPage {
  readonly seriesCount: number;
  /** Where the numbers of each series end; the first one's begin at 0. */
  readonly ends: Uint32Array;
  readonly numbers: Uint32Array;
  /** Each symbol's JSON text, quotes included, lies from `textStarts[number]` to `textEnds[number]`. */
  readonly text: Uint8Array;
  readonly textStarts: Uint32Array;
  readonly textEnds: Uint32Array;

  constructor(buffer: ArrayBuffer) {
    if (buffer.byteLength < HEADER_WORDS * 4) throw new DecodeError(`series page: ${buffer.byteLength} bytes`);
    const [version, seriesCount, numberCount, textBytes] = new Uint32Array(buffer, 0, HEADER_WORDS) as unknown as [number, number, number, number];
    if (version !== VERSION) throw new DecodeError(`series page: version ${version}, this build knows ${VERSION}`);
    const textAt = (HEADER_WORDS + seriesCount + numberCount) * 4;
    if (textAt + textBytes !== buffer.byteLength) throw new DecodeError(`series page: got ${buffer.byteLength} bytes, want ${textAt + textBytes}`);
    this.seriesCount = seriesCount;
    this.ends = new Uint32Array(buffer, HEADER_WORDS * 4, seriesCount);
    this.numbers = new Uint32Array(buffer, (HEADER_WORDS + seriesCount) * 4, numberCount);
    this.text = new Uint8Array(buffer, textAt, textBytes);
    [this.textStarts, this.textEnds] = stringsIn(this.text);
    const symbolCount = this.textStarts.length;
    for (const number of this.numbers) if (number >= symbolCount) throw new DecodeError(`series page: symbol ${number} of ${symbolCount}`);
    let start = 0;
    for (const end of this.ends) {
      if (end < start || (end - start) % 2 !== 0) throw new DecodeError(`series page: labels from ${start} to ${end}`);
      start = end;
    }
    if (start !== numberCount) throw new DecodeError(`series page: labels end at ${start} of ${numberCount}`);
  }

  /** The symbols as strings. */
  symbols(): readonly string[] {
    const symbols = parseOrUndefined(utf8Decoder.decode(this.text));
    if (!Array.isArray(symbols) || symbols.length !== this.textStarts.length) throw new DecodeError('series page: the symbols are no array of strings');
    return symbols as readonly string[];
  }
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Where the strings of a JSON array of strings begin and end. */
function stringsIn(text: Uint8Array): [starts: Uint32Array, ends: Uint32Array] {
  const starts: number[] = [];
  const ends: number[] = [];
  let at = 0;
  for (;;) {
    while (at < text.length && text[at] !== QUOTE) at++;
    if (at === text.length) return [Uint32Array.from(starts), Uint32Array.from(ends)];
    starts.push(at++);
    while (text[at] !== QUOTE) {
      if (at >= text.length) throw new DecodeError('series page: a symbol without an end');
      at += text[at] === BACKSLASH ? 2 : 1;
    }
    ends.push(++at);
  }
}
