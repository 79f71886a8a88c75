import type { FloatHistogram } from '../../storage/model/histogram.ts';
import { namesResetHint, parseHistogramPoints } from './histogram-literal.ts';

/** One point of a series in the promqltest language. */
export type Point =
  | { readonly kind: 'missing' }
  | { readonly kind: 'stale' }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'histogram'; readonly histogram: FloatHistogram; readonly namesHint: boolean };

const TOKEN = /\{\{[^}]*\}\}(?:[+-]\{\{[^}]*\}\})?(?:x\d+)?|\S+/g;

/** The points of a series line: `1 2+3x4 _ _x2 stale {{count:1}}x3`. */
export function parsePoints(text: string): Point[] {
  return (text.match(TOKEN) ?? []).flatMap(parseToken);
}

function parseToken(token: string): Point[] {
  if (token.startsWith('{{')) {
    const namesHint = namesResetHint(token);
    return parseHistogramPoints(token).map((histogram) => ({ kind: 'histogram', histogram, namesHint }));
  }
  const missing = /^_(?:x(\d+))?$/.exec(token);
  if (missing !== null) return repeat(Number(missing[1] ?? 1), () => ({ kind: 'missing' }));
  const stale = /^stale(?:x(\d+))?$/.exec(token);
  if (stale !== null) return repeat(Number(stale[1] ?? 0) + 1, () => ({ kind: 'stale' }));
  // `0x10` is 0 eleven times: there are no hexadecimal numbers in series lines.
  const sequence = /^(.+?)(?:(?<![eE])([+-])([^+-].*?))?x(\d+)$/.exec(token);
  if (sequence !== null) {
    const first = parseNumber(sequence[1]!);
    const change = sequence[3] === undefined ? 0 : parseNumber(sequence[3]) * (sequence[2] === '-' ? -1 : 1);
    let value = first;
    return repeat(Number(sequence[4]) + 1, (index) => {
      if (index > 0) value += change;
      return { kind: 'float', value };
    });
  }
  return [{ kind: 'float', value: parseNumber(token) }];
}

function repeat(count: number, make: (index: number) => Point): Point[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

export function parseNumber(text: string): number {
  if (/^[+-]?inf$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  if (/^nan$/i.test(text)) return NaN;
  const digits = text.replace(/(?<=[\da-f])_(?=[\da-f])/gi, '');
  if (digits.trim() === '' || Number.isNaN(Number(digits))) throw new Error(`not a number: ${text}`);
  return Number(digits);
}

/**
 * The start timestamps of an `@st` line, as durations from each sample's own time; undefined where a sample has none. `-30s-1mx2` is -30 s,
 * -90 s, -150 s.
 */
export function parseStartPoints(text: string): (number | undefined)[] {
  return (text.match(/\S+/g) ?? []).flatMap((token) => {
    const missing = /^_(?:x(\d+))?$/.exec(token);
    if (missing !== null) return new Array<undefined>(Number(missing[1] ?? 1)).fill(undefined);
    const match = /^([+-]?[\da-z]+?)(?:([+-][\da-z]+?))?(?:x(\d+))?$/.exec(token);
    if (match === null) throw new Error(`not a start timestamp: ${token}`);
    const first = parseDurationMs(match[1]!);
    const change = match[2] === undefined ? 0 : parseDurationMs(match[2]);
    return Array.from({ length: Number(match[3] ?? 0) + 1 }, (_, index) => first + index * change);
  });
}

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000, y: 31_536_000_000 };

/** A Prometheus duration (`1h30m`) or plain seconds. */
export function parseDurationMs(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1;
  const magnitude = text.replace(/^[+-]/, '');
  if (/^[\d.]+(?:[eE][+-]?\d+)?$/.test(magnitude)) return sign * Math.round(Number(magnitude) * 1000);
  if (!/^(?:\d+(?:ms|[smhdwy]))+$/.test(magnitude)) throw new Error(`not a duration: ${text}`);
  let durationMs = 0;
  for (const [, count, unit] of magnitude.matchAll(/(\d+)(ms|[smhdwy])/g)) durationMs += Number(count) * UNITS_MS[unit!]!;
  return sign * durationMs;
}
