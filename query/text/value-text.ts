import { writeSix, writeWhole } from './digits.ts';
import { SHORTEST_BYTES_MAX, writeShortest } from './shortest-decimal.ts';

/** Bytes that a value takes at most, with those that are overwritten meanwhile. */
export const VALUE_BYTES_MAX = SHORTEST_BYTES_MAX;

const ZERO = 48;
const POINT = 46;
const MINUS = 45;
/** Below this a number of millionths has fifteen digits. */
const DECIMAL_MAX = 1e9;

/** Shortest digits, plain from 1e-6 up to 1e21 and with an exponent of at least two digits elsewhere: Go's form, which JavaScript's nearly is. */
export function formatValue(value: number): string {
  if (Number.isFinite(value)) {
    const magnitude = Math.abs(value);
    if (magnitude >= 1e-6 && magnitude < 1e21) return String(value);
    const text = Object.is(value, -0) ? '-0' : String(value);
    const exponentAt = text.indexOf('e');
    if (exponentAt < 0 || text.length - exponentAt > 3) return text;
    return `${text.slice(0, exponentAt + 2)}0${text.slice(exponentAt + 2)}`;
  }
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}

/** Writes what `formatValue` says at `at`, where there is room for VALUE_BYTES_MAX, and returns where it ends. `view` sees the same bytes. */
export function writeValue(bytes: Uint8Array, view: DataView, at: number, value: number): number {
  const magnitude = Math.abs(value);
  if (magnitude < DECIMAL_MAX && value !== 0) {
    // A decimal of up to fifteen digits is the only one of that length that reads back as its double, so it is what every shortest form is.
    const millionths = Math.round(magnitude * 1e6);
    if (millionths / 1e6 === magnitude) {
      const whole = Math.floor(magnitude) | 0;
      return writeFraction(bytes, view, writeWhole(bytes, view, writeSign(bytes, at, value), whole), (millionths - whole * 1e6) | 0);
    }
  } else if (magnitude <= Number.MAX_SAFE_INTEGER && Number.isInteger(value) && !Object.is(value, -0)) {
    return writeWhole(bytes, view, writeSign(bytes, at, value), magnitude);
  }
  const end = writeShortest(bytes, view, at, value);
  return end > at ? end : writeAscii(bytes, at, formatValue(value));
}

function writeSign(bytes: Uint8Array, at: number, value: number): number {
  if (value >= 0) return at;
  bytes[at] = MINUS;
  return at + 1;
}

/** A point and so many millionths, without zeros at the end; nothing for none. */
function writeFraction(bytes: Uint8Array, view: DataView, at: number, millionths: number): number {
  if (millionths === 0) return at;
  bytes[at] = POINT;
  writeSix(view, at + 1, millionths);
  let end = at + 7;
  while (bytes[end - 1] === ZERO) end--;
  return end;
}

function writeAscii(bytes: Uint8Array, start: number, text: string): number {
  let at = start;
  for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
  return at;
}
