import { DecodeError } from './decode-error.ts';
import { NUMBER_BYTES_MAX } from './number-bytes.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const ESCAPES: Readonly<Record<string, string>> = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };
const HEX_DIGIT = /[0-9a-fA-F]/;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * A strict reader of JSON (RFC 8259) over bytes, token by token: no tree, no objects, and nothing of what is skipped is kept. It never
 * calls itself, so that depth costs a sender nothing but an error.
 */
export class JsonReader {
  readonly bytes: Uint8Array;
  readonly #format: string;
  readonly #depthMax: number;
  position = 0;
  /** The content of the last string or number read: bytes `textStart` to `textEnd`, still escaped if `isEscaped`. */
  textStart = 0;
  textEnd = 0;
  isEscaped = false;

  constructor(bytes: Uint8Array, format: string, depthMax: number) {
    this.bytes = bytes;
    this.#format = format;
    this.#depthMax = depthMax;
  }

  /** The first byte of the next token, -1 at the end. */
  peek(): number {
    const bytes = this.bytes;
    for (;;) {
      const byte = bytes[this.position];
      if (byte === undefined) return -1;
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte;
      this.position++;
    }
  }

  /** Reads `{` or `[`. */
  open(bracket: '{' | '['): void {
    this.#expect(bracket === '{' ? OPEN_OBJECT : OPEN_ARRAY, bracket);
  }

  /**
   * Moves to the next key of an object, whose text is then the last string read, and over its colon; false when the object is over.
   * `isFirst` is true right behind the opening bracket.
   */
  nextKey(isFirst: boolean): boolean {
    if (!this.#nextItem(isFirst, CLOSE_OBJECT)) return false;
    this.string();
    this.#expect(COLON, ':');
    return true;
  }

  /** Moves to the next element of an array; false when the array is over. */
  nextElement(isFirst: boolean): boolean {
    return this.#nextItem(isFirst, CLOSE_ARRAY);
  }

  /** Reads a string, whose content `textStart` to `textEnd` then is. */
  string(): void {
    this.#expect(QUOTE, 'a string');
    const bytes = this.bytes;
    let position = this.position;
    this.textStart = position;
    this.isEscaped = false;
    for (;;) {
      const byte = bytes[position];
      if (byte === undefined) throw this.error('a string without end');
      if (byte === QUOTE) break;
      if (byte < 0x20) throw this.error('a control character in a string');
      position++;
      if (byte === BACKSLASH) {
        this.isEscaped = true;
        position += this.#escapeLength(position);
      }
    }
    this.textEnd = position;
    this.position = position + 1;
  }

  /** The text of the last string or number read. */
  text(): string {
    let text: string;
    try {
      text = utf8.decode(this.bytes.subarray(this.textStart, this.textEnd));
    } catch {
      throw this.error('invalid UTF-8 in the string');
    }
    return this.isEscaped ? this.#unescaped(text) : text;
  }

  /** Reads `true` or `false`. */
  boolean(): boolean {
    const isTrue = this.peek() === 0x74;
    this.#literal(isTrue ? 'true' : 'false');
    return isTrue;
  }

  null(): void {
    this.#literal('null');
  }

  /** Reads a number, whose text `textStart` to `textEnd` then is. */
  number(): void {
    this.peek();
    const bytes = this.bytes;
    const start = this.position;
    const first = bytes[start] === 0x2d ? start + 1 : start;
    let position = this.#digitsEnd(first);
    if (bytes[first] === 0x30 && position - first > 1) throw this.error('a number with a leading zero');
    if (bytes[position] === 0x2e) position = this.#digitsEnd(position + 1);
    if (bytes[position] === 0x65 || bytes[position] === 0x45) {
      position++;
      if (bytes[position] === 0x2b || bytes[position] === 0x2d) position++;
      position = this.#digitsEnd(position);
    }
    if (position - start > NUMBER_BYTES_MAX) throw this.error(`a number of more than ${NUMBER_BYTES_MAX} digits`);
    this.textStart = start;
    this.position = this.textEnd = position;
    this.isEscaped = false;
  }

  /** The end of a run of digits, of which there must be one. */
  #digitsEnd(start: number): number {
    const bytes = this.bytes;
    let position = start;
    while (bytes[position]! >= 0x30 && bytes[position]! <= 0x39) position++;
    if (position === start) throw this.error('something that is no JSON value');
    return position;
  }

  /** Reads over a value of any kind. */
  skipValue(): void {
    /** By depth: whether the open bracket is an object's. */
    const isObject: boolean[] = [];
    for (;;) {
      const byte = this.peek();
      if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        this.position++;
        isObject.push(byte === OPEN_OBJECT);
        if (isObject.length > this.#depthMax) throw this.error(`a value that nests deeper than the limit of ${this.#depthMax}`);
        if (isObject.at(-1) === true ? this.nextKey(true) : this.nextElement(true)) continue;
        isObject.pop();
      } else this.#skipScalar(byte);
      while (isObject.length > 0 && !(isObject.at(-1) === true ? this.nextKey(false) : this.nextElement(false))) isObject.pop();
      if (isObject.length === 0) return;
    }
  }

  /** After the last value there may only be white space. */
  finish(): void {
    if (this.peek() !== -1) throw this.error('something behind the value');
  }

  error(what: string): DecodeError {
    return new DecodeError(`${this.#format}: ${what} at byte ${this.position}`);
  }

  #skipScalar(byte: number): void {
    if (byte === QUOTE) this.string();
    else if (byte === 0x74 || byte === 0x66) this.boolean();
    else if (byte === 0x6e) this.null();
    else this.number();
  }

  #nextItem(isFirst: boolean, close: number): boolean {
    const byte = this.peek();
    if (byte === close) {
      this.position++;
      return false;
    }
    if (isFirst) return true;
    this.#expect(COMMA, `"," or "${String.fromCharCode(close)}"`);
    if (this.peek() === close) throw this.error('a comma with nothing behind it');
    return true;
  }

  #expect(byte: number, what: string): void {
    if (this.peek() !== byte) throw this.error(`want ${what}`);
    this.position++;
  }

  /** Bytes of an escape behind its backslash. */
  #escapeLength(position: number): number {
    const character = String.fromCharCode(this.bytes[position] ?? 0);
    if (character !== 'u') {
      if (ESCAPES[character] === undefined) throw this.error(`the escape \\${character} in the string`);
      return 1;
    }
    for (let i = 1; i <= 4; i++) {
      if (!HEX_DIGIT.test(String.fromCharCode(this.bytes[position + i] ?? 0))) throw this.error('the escape \\u without four digits in the string');
    }
    return 5;
  }

  #literal(word: string): void {
    this.peek();
    for (let i = 0; i < word.length; i++) {
      if (this.bytes[this.position + i] !== word.charCodeAt(i)) throw this.error('something that is no JSON value');
    }
    this.position += word.length;
  }

  #unescaped(text: string): string {
    const plain = text.replace(/\\(?:u([0-9a-fA-F]{4})|([^]))/g, (_, hex: string | undefined, escape: string) =>
      hex === undefined ? ESCAPES[escape]! : String.fromCharCode(parseInt(hex, 16)),
    );
    if (!plain.isWellFormed()) throw this.error('half of a surrogate pair in the string');
    return plain;
  }
}
