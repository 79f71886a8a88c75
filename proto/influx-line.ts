import { isWholeNumber, parseFloatBytes, parseScaledInteger } from './number-bytes.ts';

const QUOTE = 0x22;
const HASH = 0x23;
const COMMA = 0x2c;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const TAB = 0x09;
const CARRIAGE_RETURN = 0x0d;
const LETTER_I = 0x69;
const LETTER_U = 0x75;

/** The greatest integers, of 64 bits, as the float64 that they come out as. */
const INTEGER_MAX = 2 ** 63;
const UNSIGNED_MAX = 2 ** 64;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Millisecond powers of ten of the units that timestamps come in; minutes and hours, which only 1.x knew, are whole multiples instead. */
const PRECISIONS: Readonly<Record<string, { readonly scale: number; readonly factor: number }>> = {
  ns: { scale: -6, factor: 1 },
  n: { scale: -6, factor: 1 },
  us: { scale: -3, factor: 1 },
  u: { scale: -3, factor: 1 },
  'µ': { scale: -3, factor: 1 },
  ms: { scale: 0, factor: 1 },
  s: { scale: 3, factor: 1 },
  m: { scale: 3, factor: 60 },
  h: { scale: 3, factor: 3600 },
};

export function isPrecision(text: string): boolean {
  return Object.hasOwn(PRECISIONS, text);
}

/**
 * One line of the Influx line protocol (docs.influxdata.com, "Line protocol"):
 *
 * ```
 * measurement,tag=value,tag2=value2 field=1.5,field2=3i,field3=t,field4="text" 1700000000000000000
 * └──────────── head ─────────────┘ └──────────────── fields ────────────────┘ └── timestamp ───┘
 * ```
 *
 * The object is filled anew by each `parse` and makes nothing but numbers. Integers beyond 2^53 come out as the nearest float64: samples
 * are floats. The protocol's page allows no newline within a text, and InfluxDB, its clients and Telegraf have them there all the same:
 * a line may end within a text ('open'), and `resume` goes on when the next one has been put behind it.
 */
export class InfluxLine {
  readonly #scale: number;
  readonly #factor: number;
  headStart = 0;
  headEnd = 0;
  /** Unix milliseconds, what lies below cut off towards the past; NaN when the line has none. */
  timestampMs = NaN;
  /** Fields that are numbers or booleans: where their names stand, and their values. */
  fieldCount = 0;
  readonly fieldNameStart: number[] = [];
  readonly fieldNameEnd: number[] = [];
  readonly fieldValue: number[] = [];
  /** Fields that are texts, which no sample can hold. */
  textFieldCount = 0;
  /** Of a line that is open: where to look for the end of its text. */
  #openAt = 0;

  /** `precision` is the unit of the timestamps; see isPrecision. */
  constructor(precision: string) {
    const { scale, factor } = PRECISIONS[precision]!;
    this.#scale = scale;
    this.#factor = factor;
  }

  /** 'point' when the fields hold one; 'blank' for nothing or a comment; 'open' when it ends within a text; or what is wrong with the line. */
  parse(bytes: Uint8Array, start: number, end: number): 'point' | 'blank' | 'open' | { readonly invalid: string } {
    end = trimmedEnd(bytes, start, end);
    while (start < end && isBlank(bytes[start]!)) start++;
    if (start === end || bytes[start] === HASH) return 'blank';
    this.headStart = start;
    this.headEnd = skipUnescaped(bytes, start, end, SPACE, SPACE);
    this.fieldCount = 0;
    this.textFieldCount = 0;
    let position = this.headEnd;
    while (position < end && bytes[position] === SPACE) position++;
    if (position === end) return { invalid: 'there are no fields' };
    return this.#fields(bytes, position, end, false);
  }

  /** The line that was open, with more behind it: the same bytes from the same start on, to a later end. */
  resume(bytes: Uint8Array, end: number): 'point' | 'open' | { readonly invalid: string } {
    end = trimmedEnd(bytes, this.headStart, end);
    const position = this.#text(bytes, this.#openAt, end);
    return position < 0 ? 'open' : this.#fields(bytes, position, end, true);
  }

  /** Reads fields from a name on, or from behind a value on. */
  #fields(bytes: Uint8Array, position: number, end: number, isBehindValue: boolean): 'point' | 'open' | { readonly invalid: string } {
    for (; ; isBehindValue = true) {
      if (isBehindValue) {
        if (position === end || bytes[position] === SPACE) return this.#parseTimestamp(bytes, position, end);
        if (bytes[position] !== COMMA) return { invalid: 'there is no comma behind a field' };
        position++;
      }
      const nameStart = position;
      const nameEnd = skipUnescaped(bytes, position, end, EQUALS, COMMA, SPACE);
      if (nameEnd === nameStart || nameEnd === end || bytes[nameEnd] !== EQUALS) return { invalid: 'a field has no name or no value' };
      const valueStart = nameEnd + 1;
      if (bytes[valueStart] === QUOTE) {
        position = this.#text(bytes, valueStart + 1, end);
        if (position < 0) return 'open';
        continue;
      }
      position = skipPlain(bytes, valueStart, end);
      const value = parseFieldValue(bytes, valueStart, position);
      if (value === undefined) return { invalid: 'the value of a field is neither a number, nor a boolean, nor a quoted text' };
      this.fieldNameStart[this.fieldCount] = nameStart;
      this.fieldNameEnd[this.fieldCount] = nameEnd;
      this.fieldValue[this.fieldCount++] = value;
    }
  }

  /** The position behind a text's closing quote; -1 when there is none, and the line is open. */
  #text(bytes: Uint8Array, position: number, end: number): number {
    while (position < end) {
      const byte = bytes[position++];
      if (byte === QUOTE) {
        this.textFieldCount++;
        return position;
      }
      if (byte === BACKSLASH) position++;
    }
    this.#openAt = position;
    return -1;
  }

  /** The measurement and the tags of the line just parsed: name of the measurement, then tag and value in turn; or why they are none. */
  head(bytes: Uint8Array): string[] | { readonly invalid: string } {
    const { headStart, headEnd } = this;
    try {
      let position = skipUnescaped(bytes, headStart, headEnd, COMMA, COMMA);
      const parts = [unescaped(bytes, headStart, position)];
      while (position < headEnd) {
        const nameStart = position + 1;
        const nameEnd = skipUnescaped(bytes, nameStart, headEnd, EQUALS, COMMA);
        if (nameEnd === headEnd || bytes[nameEnd] !== EQUALS || nameEnd === nameStart) return { invalid: 'a tag has no name or no value' };
        position = skipUnescaped(bytes, nameEnd + 1, headEnd, COMMA, COMMA);
        parts.push(unescaped(bytes, nameStart, nameEnd), unescaped(bytes, nameEnd + 1, position));
      }
      return parts;
    } catch {
      return { invalid: 'the measurement or a tag is not valid UTF-8' };
    }
  }

  fieldName(bytes: Uint8Array, field: number): string | { readonly invalid: string } {
    try {
      return unescaped(bytes, this.fieldNameStart[field]!, this.fieldNameEnd[field]!);
    } catch {
      return { invalid: 'the name of a field is not valid UTF-8' };
    }
  }

  #parseTimestamp(bytes: Uint8Array, position: number, end: number): 'point' | { readonly invalid: string } {
    while (position < end && bytes[position] === SPACE) position++;
    this.timestampMs = NaN;
    if (position === end) return 'point';
    if (!isWholeNumber(bytes, position, end)) return { invalid: 'the timestamp is not a whole number' };
    const scaled = parseScaledInteger(bytes, position, end, this.#scale);
    if (scaled === undefined) return { invalid: 'the timestamp is beyond what can be stored' };
    this.timestampMs = scaled * this.#factor;
    return 'point';
  }
}

/** A float, an integer (`3i`), an unsigned integer (`3u`), or a boolean as 1 or 0. */
function parseFieldValue(bytes: Uint8Array, start: number, end: number): number | undefined {
  if (start === end) return undefined;
  const last = bytes[end - 1];
  if (last === LETTER_I || last === LETTER_U) {
    if (!isWholeNumber(bytes, start, end - 1) || (last === LETTER_U && bytes[start] === 0x2d)) return undefined;
    const integer = parseFloatBytes(bytes, start, end - 1);
    return integer === undefined || Math.abs(integer) > (last === LETTER_I ? INTEGER_MAX : UNSIGNED_MAX) ? undefined : integer;
  }
  const value = parseFloatBytes(bytes, start, end);
  // Neither NaN nor an infinity is a value of the protocol.
  if (value !== undefined) return Number.isFinite(value) ? value : undefined;
  if (end - start > 5) return undefined;
  switch (String.fromCharCode(...bytes.subarray(start, end))) {
    case 't':
    case 'T':
    case 'true':
    case 'True':
    case 'TRUE':
      return 1;
    case 'f':
    case 'F':
    case 'false':
    case 'False':
    case 'FALSE':
      return 0;
    default:
      return undefined;
  }
}

/** The position of the first of some bytes that no backslash stands before. */
function skipUnescaped(bytes: Uint8Array, position: number, end: number, a: number, b: number, c = b): number {
  while (position < end) {
    const byte = bytes[position]!;
    if (byte === a || byte === b || byte === c) return position;
    position += byte === BACKSLASH ? 2 : 1;
  }
  return end;
}

function skipPlain(bytes: Uint8Array, position: number, end: number): number {
  while (position < end && bytes[position] !== COMMA && bytes[position] !== SPACE) position++;
  return position;
}

function trimmedEnd(bytes: Uint8Array, start: number, end: number): number {
  while (end > start && isBlank(bytes[end - 1]!)) end--;
  return end;
}

/** A backslash before a comma, an equals sign or a space is left out; any other stands for itself. */
function unescaped(bytes: Uint8Array, start: number, end: number): string {
  const text = decoder.decode(bytes.subarray(start, end));
  return text.includes('\\') ? text.replace(/\\([,= ])/g, '$1') : text;
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB || byte === CARRIAGE_RETURN;
}
