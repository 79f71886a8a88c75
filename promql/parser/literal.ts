/**
 * The values behind literals: numbers, durations, strings. Each follows what Go's and Prometheus' libraries accept, since that is what
 * clients were tried against. A literal that is no value gives a `{ error }` with Prometheus' text.
 */
import { quoteString } from './quote.ts';

export type Literal<T> = { readonly value: T; readonly error?: undefined } | { readonly error: string };

const INT64_MAX = 2n ** 63n - 1n;
const UINT64_MAX = 2n ** 64n - 1n;

/** Go integer syntax first (hexadecimal, octal with a leading 0, `_` between digits), then Go float syntax. */
export function numberValue(text: string): Literal<number> {
  const lower = text.toLowerCase();
  if (lower === 'inf') return { value: Infinity };
  if (lower === 'nan') return { value: NaN };
  const plain = lower.replaceAll('_', '');
  if (underscoresSeparateDigits(lower)) {
    if (/^0x[0-9a-f]+$/.test(plain)) {
      const value = BigInt(plain);
      if (value <= INT64_MAX) return { value: Number(value) };
    } else if (/^0[0-7]+$/.test(plain)) {
      const value = BigInt(`0o${plain.slice(1)}`);
      if (value <= INT64_MAX) return { value: Number(value) };
      return floatValue(text, plain);
    } else {
      return floatValue(text, plain);
    }
  }
  return { error: `error parsing number: strconv.ParseFloat: parsing ${quoteString(text)}: invalid syntax` };
}

function floatValue(text: string, plain: string): Literal<number> {
  const failure = (reason: string) => ({ error: `error parsing number: strconv.ParseFloat: parsing ${quoteString(text)}: ${reason}` });
  if (!/^(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/.test(plain)) return failure('invalid syntax');
  const value = Number(plain);
  return Number.isFinite(value) ? { value } : failure('value out of range');
}

/** Go's rule: an underscore stands between two digits, or between a base prefix and a digit. */
function underscoresSeparateDigits(lower: string): boolean {
  const isHex = lower.startsWith('0x');
  const digits = isHex ? lower.slice(2) : lower;
  const between = isHex ? /(?<![0-9a-f])_|_(?![0-9a-f])/ : /(?<!\d)_|_(?!\d)/;
  return !between.test(isHex && digits.startsWith('_') ? digits.slice(1) : digits);
}

const DURATION = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;
const DURATION_UNITS = [
  ['y', 365n * 86_400_000n],
  ['w', 7n * 86_400_000n],
  ['d', 86_400_000n],
  ['h', 3_600_000n],
  ['m', 60_000n],
  ['s', 1000n],
  ['ms', 1n],
] as const;
/** Prometheus keeps durations as 64-bit nanoseconds. */
const DURATION_MS_MAX = INT64_MAX / 1_000_000n;

/** A duration literal such as `1h30m`, in seconds. */
export function durationSeconds(text: string): Literal<number> {
  const match = DURATION.exec(text);
  if (match === null) return { error: durationError(text) };
  let totalMs = 0n;
  for (const [i, [, unitMs]] of DURATION_UNITS.entries()) {
    const digits = match[i + 1];
    if (digits === undefined) continue;
    const count = digits.length > 400 ? undefined : BigInt(digits);
    // Prometheus says of a count that is no 64-bit number that it is none at all.
    if (count === undefined || count > UINT64_MAX) return { error: durationError(text) };
    totalMs += count * unitMs;
    if (totalMs > DURATION_MS_MAX) return { error: 'duration out of range' };
  }
  return { value: Number(totalMs) / 1000 };
}

/** Prometheus reads a number and what follows up to the next one, which need not be a unit. */
function durationError(text: string): string {
  const notValid = `not a valid duration string: ${quoteString(text)}`;
  const units: readonly string[] = DURATION_UNITS.map(([unit]) => unit);
  let last = -1;
  for (const [, unit = ''] of text.matchAll(/\d+(\D*)/g)) {
    if (unit === '') return notValid;
    const index = units.indexOf(unit);
    if (index === -1) return `unknown unit ${quoteString(unit)} in duration ${quoteString(text)}`;
    if (index <= last) return notValid;
    last = index;
  }
  return notValid;
}

/** The canonical text of a duration: the largest units first, years and weeks only when nothing is left over. */
export function formatDurationMs(durationMs: number): string {
  if (durationMs === 0) return '0s';
  if (durationMs < 0) return `-${formatDurationMs(-durationMs)}`;
  let left = BigInt(Math.trunc(durationMs));
  let text = '';
  for (const [unit, unitMs] of DURATION_UNITS) {
    const onlyExact = unit === 'y' || unit === 'w';
    if (left < unitMs || (onlyExact && left % unitMs !== 0n)) continue;
    text += `${left / unitMs}${unit}`;
    left %= unitMs;
  }
  return text === '' ? '0s' : text;
}

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** The value of a string token that the lexer let pass. Bytes of `\x` and octal escapes are put together to UTF-8 (see quote.ts). */
export function stringValue(token: string): string {
  const body = token.slice(1, -1);
  if (token.startsWith('`') || !body.includes('\\')) return body;
  let value = '';
  let bytes: number[] = [];
  const flush = () => {
    if (bytes.length > 0) value += decodeBytes(bytes);
    bytes = [];
  };
  for (const [part] of body.matchAll(/\\(?:[0-7]{3}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[^])|[^\\]+/g)) {
    const mark = part[1];
    if (part[0] === '\\' && (mark === 'x' || (part.length === 4 && mark !== 'u'))) {
      bytes.push(mark === 'x' ? parseInt(part.slice(2), 16) : parseInt(part.slice(1), 8));
      continue;
    }
    flush();
    if (part[0] !== '\\') value += part;
    else if (part.length > 2) value += String.fromCodePoint(parseInt(part.slice(2), 16));
    else value += SIMPLE_ESCAPES[mark!] ?? mark!;
  }
  flush();
  return value;
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeBytes(bytes: readonly number[]): string {
  let text = '';
  for (let i = 0; i < bytes.length; ) {
    const lead = bytes[i]!;
    const length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    try {
      text += strictUtf8.decode(Uint8Array.from(bytes.slice(i, i + length)));
      i += length;
    } catch {
      text += String.fromCharCode(0xdc00 + lead);
      i += 1;
    }
  }
  return text;
}
