import { hashOfBytes, isText } from '../../../proto/utf8-text.ts';
import type { ByteReader } from '../../../proto/varint.ts';
import { decodeLabelCount, decodeLabelText } from '../../chunk/index.ts';
import type { SeriesIndex } from './series-index.ts';

/** Texts that are remembered, each in the one place that its bytes say: what comes later takes it. */
const KNOWN_TEXTS = 32 * 1024;

/**
 * Reads label sets from blocks as symbols of an index, with the strings of those only that it does not know yet. Waking is mostly this: fifty thousand series have a
 * million texts and some thousand different ones, and most are those which the series before has in the same place.
 */
export class SymbolReader {
  readonly #index: SeriesIndex;
  /** Of the label set that was read last: where its texts lie in `#bytes`, and what they are. */
  #bytes: Uint8Array = new Uint8Array(0);
  readonly #starts: number[] = [];
  readonly #lengths: number[] = [];
  readonly #symbols: number[] = [];
  /** By the hash of the bytes: symbol + 1. */
  readonly #known = new Uint32Array(KNOWN_TEXTS);

  constructor(index: SeriesIndex) {
    this.#index = index;
  }

  /** The symbols of the next label set, name and value in turn: good until the next one is read. */
  read(reader: ByteReader): readonly number[] {
    const { bytes } = reader;
    const starts = this.#starts;
    const lengths = this.#lengths;
    const symbols = this.#symbols;
    if (bytes !== this.#bytes) symbols.length = 0;
    this.#bytes = bytes;
    const count = decodeLabelCount(reader);
    for (let i = 0; i < count; i++) {
      const length = reader.varint();
      const start = reader.passOver(length);
      if (i >= symbols.length) symbols.push(this.#symbolOf(bytes, start, length));
      else if (length !== lengths[i]! || !isSame(bytes, starts[i]!, start, length)) symbols[i] = this.#symbolOf(bytes, start, length);
      starts[i] = start;
      lengths[i] = length;
    }
    symbols.length = count;
    return symbols;
  }

  #symbolOf(bytes: Uint8Array, start: number, length: number): number {
    const slot = hashOfBytes(bytes, start, start + length) & (KNOWN_TEXTS - 1);
    const known = this.#known[slot]! - 1;
    if (known >= 0) {
      const text = this.#index.textOf(known);
      if (text.length === length && isText(text, bytes, start)) return known;
    }
    const symbol = this.#index.intern(decodeLabelText(bytes, start, start + length));
    this.#known[slot] = symbol + 1;
    return symbol;
  }
}

function isSame(bytes: Uint8Array, a: number, b: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (bytes[a + i] !== bytes[b + i]) return false;
  return true;
}
