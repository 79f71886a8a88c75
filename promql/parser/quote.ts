/**
 * Quoting as Go's %q does it, because Prometheus' error texts and its canonical text of a query are made with it.
 *
 * A byte that is no valid UTF-8 (from an escape such as `"\xc5"`) is held in our strings as the lone surrogate U+DC00 + byte, which no
 * valid text contains; it is printed as `\xNN` again. `String.isWellFormed` tells whether a string has such bytes.
 */

const SHORT_ESCAPES: Readonly<Record<number, string>> = {
  0x07: '\\a',
  0x08: '\\b',
  0x09: '\\t',
  0x0a: '\\n',
  0x0b: '\\v',
  0x0c: '\\f',
  0x0d: '\\r',
  0x5c: '\\\\',
};

const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;
const PLAIN_TEXT = /^[ !#-[\]-~]*$/;

/** The text in double quotes. */
export function quoteString(text: string): string {
  if (PLAIN_TEXT.test(text)) return `"${text}"`;
  let quoted = '"';
  for (const char of text) quoted += char === '"' ? '\\"' : escapeCodePoint(char.codePointAt(0)!);
  return `${quoted}"`;
}

/** One code point in single quotes; `undefined` stands for the end of the input. */
export function quoteCodePoint(codePoint: number | undefined): string {
  if (codePoint === undefined) return "'\ufffd'";
  if (codePoint === 0x27) return "'\\''";
  return `'${escapeCodePoint(codePoint)}'`;
}

function escapeCodePoint(codePoint: number): string {
  const short = SHORT_ESCAPES[codePoint];
  if (short !== undefined) return short;
  if (codePoint >= 0xdc80 && codePoint <= 0xdcff) return `\\x${hex(codePoint - 0xdc00, 2)}`;
  if (codePoint >= 0xd800 && codePoint <= 0xdfff) return '\ufffd';
  const char = String.fromCodePoint(codePoint);
  if (PRINTABLE.test(char)) return char;
  if (codePoint < 0x20 || codePoint === 0x7f) return `\\x${hex(codePoint, 2)}`;
  return codePoint > 0xffff ? `\\U${hex(codePoint, 8)}` : `\\u${hex(codePoint, 4)}`;
}

function hex(value: number, width: number): string {
  return value.toString(16).padStart(width, '0');
}
