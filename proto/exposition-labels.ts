/*
 * The name and labels at the head of a line of an exposition: `name{a="b"}`, `{"a name","a label"="b"}`.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const EQUALS = 0x3d;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const COLON = 0x3a;
const SPACE = 0x20;
const TAB = 0x09;
const METRIC_NAME = '__name__';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Labels as written, name, value, …; or why they are none. */
export type ParsedLabels = string[] | { readonly invalid: string };

/** The end of a series' text (behind the closing brace, or behind a name without labels) that begins at `start`; -1 when a brace or quote stays open. */
export function seriesEnd(bytes: Uint8Array, start: number, end: number): number {
  let position = skipName(bytes, start, end);
  const open = skipBlank(bytes, position, end);
  if (open >= end || bytes[open] !== OPEN) return position;
  position = open + 1;
  while (position < end) {
    const byte = bytes[position++];
    if (byte === CLOSE) return position;
    if (byte !== QUOTE) continue;
    position = quoteEnd(bytes, position, end);
    if (position < 0) return -1;
  }
  return -1;
}

/** The labels of a series' text, its metric's name among them as `__name__`. */
export function parseSeries(bytes: Uint8Array, start: number, end: number): ParsedLabels {
  const nameEnd = skipName(bytes, start, end);
  const labels: string[] = nameEnd === start ? [] : [METRIC_NAME, text(bytes, start, nameEnd)];
  const open = skipBlank(bytes, nameEnd, end);
  if (open === end) return labels;
  return bytes[open] === OPEN ? parseLabelsInto(labels, bytes, open, end, true) : { invalid: 'a name holds a character that must be quoted' };
}

/** The labels of an exemplar: braces, and no name. */
export function parseExemplarLabels(bytes: Uint8Array, start: number, end: number): ParsedLabels {
  return parseLabelsInto([], bytes, start, end, false);
}

/** Reads from the opening brace at `open` to the closing one, which ends at `end`. */
function parseLabelsInto(labels: string[], bytes: Uint8Array, open: number, end: number, mayHaveName: boolean): ParsedLabels {
  let position = skipBlank(bytes, open + 1, end);
  for (;;) {
    if (bytes[position] === CLOSE) return position + 1 === end ? labels : { invalid: 'there is something between the labels and the value' };
    const isQuoted = bytes[position] === QUOTE;
    const nameStart = isQuoted ? position + 1 : position;
    const nameEnd = isQuoted ? quoteEnd(bytes, nameStart, end) - 1 : skipLabelName(bytes, position, end);
    if (nameEnd < nameStart || (!isQuoted && nameEnd === nameStart)) return { invalid: 'a label name is missing or holds a character that must be quoted' };
    const name = isQuoted ? unquoted(bytes, nameStart, nameEnd) : text(bytes, nameStart, nameEnd);
    if (name === undefined) return { invalid: 'a label name is not valid UTF-8' };
    position = skipBlank(bytes, isQuoted ? nameEnd + 1 : nameEnd, end);
    if (bytes[position] === EQUALS) {
      position = skipBlank(bytes, position + 1, end);
      if (bytes[position] !== QUOTE) return { invalid: `the value of label ${JSON.stringify(name)} is not quoted` };
      const valueEnd = quoteEnd(bytes, position + 1, end) - 1;
      if (valueEnd < 0) return { invalid: `the value of label ${JSON.stringify(name)} has no closing quote` };
      const value = unquoted(bytes, position + 1, valueEnd);
      if (value === undefined) return { invalid: `the value of label ${JSON.stringify(name)} is not valid UTF-8` };
      labels.push(name, value);
      position = skipBlank(bytes, valueEnd + 1, end);
    } else if (isQuoted && mayHaveName) {
      if (labels[0] === METRIC_NAME) return { invalid: `there is a second metric name, ${JSON.stringify(name)}` };
      labels.unshift(METRIC_NAME, name);
    } else return { invalid: `label ${JSON.stringify(name)} has no value` };
    if (bytes[position] === COMMA) position = skipBlank(bytes, position + 1, end);
    else if (bytes[position] !== CLOSE) return { invalid: `there is no comma behind label ${JSON.stringify(name)}` };
  }
}

/** Behind the closing quote of a string whose content begins at `position`; -1 when there is none. */
export function quoteEnd(bytes: Uint8Array, position: number, end: number): number {
  while (position < end) {
    const byte = bytes[position++];
    if (byte === QUOTE) return position;
    if (byte === BACKSLASH) position++;
  }
  return -1;
}

/** The text between quotes: `\\`, `\"` and `\n` are escapes, any other backslash stands for itself, as Prometheus reads it. */
export function unquoted(bytes: Uint8Array, start: number, end: number): string | undefined {
  let plain: string;
  try {
    plain = text(bytes, start, end);
  } catch {
    return undefined;
  }
  return plain.includes('\\') ? plain.replace(/\\([\\"n])/g, (_match, character: string) => (character === 'n' ? '\n' : character)) : plain;
}

/** Behind the blanks (spaces and tabs) at `position`. */
export function skipBlank(bytes: Uint8Array, position: number, end: number): number {
  while (position < end && (bytes[position] === SPACE || bytes[position] === TAB)) position++;
  return position;
}

/** Behind the characters that are not blank. */
export function skipToken(bytes: Uint8Array, position: number, end: number): number {
  while (position < end && bytes[position] !== SPACE && bytes[position] !== TAB) position++;
  return position;
}

/** Behind an unquoted metric name, `[a-zA-Z_:][a-zA-Z0-9_:]*`; `position` itself when there is none. */
function skipName(bytes: Uint8Array, position: number, end: number): number {
  if (position < end && isDigit(bytes[position]!)) return position;
  while (position < end && (isLabelNameByte(bytes[position]!) || bytes[position] === COLON)) position++;
  return position;
}

function skipLabelName(bytes: Uint8Array, position: number, end: number): number {
  if (position < end && isDigit(bytes[position]!)) return position;
  while (position < end && isLabelNameByte(bytes[position]!)) position++;
  return position;
}

function isLabelNameByte(byte: number): boolean {
  return (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x41 && byte <= 0x5a) || byte === 0x5f || isDigit(byte);
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function text(bytes: Uint8Array, start: number, end: number): string {
  return decoder.decode(bytes.subarray(start, end));
}
