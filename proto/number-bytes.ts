/*
 * Numbers in ASCII bytes. A string is only made for what the short way cannot read exactly.
 */

const ZERO = 0x30;
const DOT = 0x2e;
const PLUS = 0x2b;
const MINUS = 0x2d;
/** A whole number of this many digits is below 2^53, and so exact. */
const EXACT_DIGITS = 15;
/** One of this many is below 2^64. */
const WORDS_DIGITS = 19;
/** Powers of ten up to 10^22 are exact doubles, so one division by them rounds once, as parsing the text would. */
const POWERS_OF_TEN = Float64Array.from({ length: EXACT_DIGITS + 1 }, (_, exponent) => Number(`1e${exponent}`));
/** No number that means something is longer; a longer one would only cost time. */
export const NUMBER_BYTES_MAX = 400;

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const SPECIAL = /^([+-]?)(?:inf(?:inity)?|(nan))$/i;

/**
 * A decimal floating-point number, `Inf` or `NaN` in any case, with or without a sign; `undefined` when it is none. Digits beyond the range
 * of a float64 are none either, as for Go's `ParseFloat` and so for Prometheus: who means an infinity writes one.
 */
export function parseFloatBytes(bytes: Uint8Array, start: number, end: number): number | undefined {
  let position = start;
  const first = bytes[position];
  if (first === MINUS || first === PLUS) position++;
  let mantissa = 0;
  let digits = 0;
  let dotAt = -1;
  for (; position < end && digits <= EXACT_DIGITS; position++) {
    const byte = bytes[position]!;
    const digit = byte - ZERO;
    if (digit >= 0 && digit <= 9) {
      mantissa = mantissa * 10 + digit;
      digits++;
    } else if (byte === DOT && dotAt < 0) dotAt = position;
    else return parseFloatText(bytes, start, end);
  }
  if (digits === 0 || digits > EXACT_DIGITS) return parseFloatText(bytes, start, end);
  const value = dotAt < 0 ? mantissa : mantissa / POWERS_OF_TEN[end - dotAt - 1]!;
  return first === MINUS ? -value : value;
}

/** A whole number of at most 15 digits, with or without a minus; `undefined` when it is none. */
export function parseShortInteger(bytes: Uint8Array, start: number, end: number): number | undefined {
  const isNegative = bytes[start] === MINUS;
  const first = isNegative ? start + 1 : start;
  if (end === first || end - first > EXACT_DIGITS) return undefined;
  let value = 0;
  for (let position = first; position < end; position++) {
    const digit = bytes[position]! - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return isNegative ? -value : value;
}

/** A whole number of 1 to 19 digits, all of which fit 64 bits, into two words, the low one first; false when it is none. */
export function parseWords(bytes: Uint8Array, start: number, end: number, words: Uint32Array): boolean {
  if (end === start || end - start > WORDS_DIGITS) return false;
  // The last nine digits and those before them are each exact.
  const split = Math.max(start, end - 9);
  let above = 0;
  let below = 0;
  for (let position = start; position < end; position++) {
    const digit = bytes[position]! - ZERO;
    if (digit < 0 || digit > 9) return false;
    if (position < split) above = above * 10 + digit;
    else below = below * 10 + digit;
  }
  // above · 10^9 + below, of which no step is beyond 2^53: in units of 2^15 first.
  const units = Math.floor(above / 0x8000) * 1e9;
  const low = (units % 0x20000) * 0x8000 + (above % 0x8000) * 1e9 + below;
  words[0] = low % 2 ** 32;
  words[1] = Math.floor(units / 0x20000) + Math.floor(low / 2 ** 32);
  return true;
}

function parseFloatText(bytes: Uint8Array, start: number, end: number): number | undefined {
  if (start === end || end - start > NUMBER_BYTES_MAX) return undefined;
  const text = asciiText(bytes, start, end);
  if (DECIMAL.test(text)) {
    const value = Number(text);
    return Number.isFinite(value) ? value : undefined;
  }
  const special = SPECIAL.exec(text);
  if (special === null) return undefined;
  if (special[2] !== undefined) return NaN;
  return special[1] === '-' ? -Infinity : Infinity;
}

/**
 * A decimal number, scaled by a power of ten and cut down to a whole one: seconds with a fraction to milliseconds (3), nanoseconds to
 * milliseconds (-6). Digit by digit, so that nothing is lost to rounding on the way; what lies below a millisecond goes towards the past.
 * `undefined` when it is no number or beyond 2^53. An exponent is read as well, by way of a double.
 */
export function parseScaledInteger(bytes: Uint8Array, start: number, end: number, scale: number): number | undefined {
  if (end - start > NUMBER_BYTES_MAX) return undefined;
  const isNegative = bytes[start] === MINUS;
  let position = isNegative || bytes[start] === PLUS ? start + 1 : start;
  let wholeEnd = position;
  while (wholeEnd < end && isDigit(bytes[wholeEnd]!)) wholeEnd++;
  let fractionEnd = wholeEnd;
  if (bytes[wholeEnd] === DOT && wholeEnd < end) {
    fractionEnd++;
    while (fractionEnd < end && isDigit(bytes[fractionEnd]!)) fractionEnd++;
  }
  if (fractionEnd < end) return scaledFloat(bytes, start, end, scale);
  const digitCount = fractionEnd - position - (fractionEnd > wholeEnd ? 1 : 0);
  if (digitCount === 0) return undefined;
  // Digits before this one are the whole part of the result, those behind it are cut off.
  const wholeDigits = wholeEnd - position + scale;
  let value = 0;
  let hasRest = false;
  for (let digit = 0; digit < Math.max(digitCount, wholeDigits); digit++) {
    if (position === wholeEnd && position < fractionEnd) position++;
    const number = digit < digitCount ? bytes[position++]! - ZERO : 0;
    if (digit < wholeDigits) value = value * 10 + number;
    else hasRest ||= number > 0;
  }
  if (value > Number.MAX_SAFE_INTEGER) return undefined;
  return isNegative ? -(hasRest ? value + 1 : value) + 0 : value;
}

function scaledFloat(bytes: Uint8Array, start: number, end: number, scale: number): number | undefined {
  const number = parseFloatText(bytes, start, end);
  if (number === undefined) return undefined;
  const value = Math.floor(scale < 0 ? number / Number(`1e${-scale}`) : number * Number(`1e${scale}`));
  return Math.abs(value) <= Number.MAX_SAFE_INTEGER ? value : undefined;
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= ZERO + 9;
}

/** The text of bytes that are ASCII; others come out as Latin-1, which no number has. */
export function asciiText(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let position = start; position < end; position++) text += String.fromCharCode(bytes[position]!);
  return text;
}

/** Whether it is digits alone, with a minus before them or without. */
export function isWholeNumber(bytes: Uint8Array, start: number, end: number): boolean {
  if (bytes[start] === MINUS) start++;
  if (start >= end) return false;
  for (let position = start; position < end; position++) if (!isDigit(bytes[position]!)) return false;
  return true;
}
