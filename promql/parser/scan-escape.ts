import { quoteCodePoint } from './quote.ts';

/** The offset after an escape sequence whose backslash ends at `start`, or what is wrong with it. */
export function scanEscape(text: string, start: number, quote: string): number | string {
  const char = text[start];
  if (char === undefined) return 'escape sequence not terminated';
  if ('abfnrtv\\'.includes(char) || char === quote) return start + 1;
  const isOctal = char >= '0' && char <= '7';
  const length = isOctal ? 3 : char === 'x' ? 2 : char === 'u' ? 4 : char === 'U' ? 8 : 0;
  if (length === 0) return `unknown escape sequence ${unicodeName(text.codePointAt(start)!)}`;
  const first = isOctal ? start : start + 1;
  const digit = isOctal ? /^[0-7]$/ : /^[0-9a-fA-F]$/;
  for (let i = first; i < first + length; i++) {
    const code = text.codePointAt(i);
    if (code === undefined) return 'escape sequence not terminated';
    if (!digit.test(text[i]!)) return `illegal character ${unicodeName(code)} in escape sequence`;
  }
  const value = parseInt(text.slice(first, first + length), isOctal ? 8 : 16);
  const valueMax = length > 3 ? 0x10ffff : 0xff;
  if (value > valueMax || (value >= 0xd800 && value < 0xe000)) return 'escape sequence is an invalid Unicode code point';
  return first + length;
}

/** A code point as Go's %#U shows it: U+0071 'q'. */
function unicodeName(code: number): string {
  const quoted = quoteCodePoint(code);
  const isPrintable = !quoted.startsWith("'\\") || code === 0x27 || code === 0x5c;
  const name = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
  return isPrintable ? `${name} '${String.fromCodePoint(code)}'` : name;
}
