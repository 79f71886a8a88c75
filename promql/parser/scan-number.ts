/**
 * Where numbers and durations end. More is let through here than has a value (`0x`, `1_ `, `1m1h`), as in Prometheus: the value is looked
 * at later, and the two places give different errors.
 */

/** What begins at `start`, a digit or a point before a digit. Without a kind it is neither, and `end` is how much of it to show. */
export function scanNumberOrDuration(text: string, start: number): { readonly kind: 'number' | 'duration' | undefined; readonly end: number } {
  const number = scanNumber(text, start);
  if (number.isNumber) return { kind: 'number', end: number.end };
  DURATION_REST.lastIndex = number.end;
  const rest = DURATION_REST.exec(text);
  if (rest === null) return { kind: undefined, end: number.end };
  const end = number.end + rest[0].length;
  if (rest[1] !== undefined) return { kind: undefined, end };
  return isAlphanumeric(text[end]) ? { kind: undefined, end: end + 1 } : { kind: 'duration', end };
}

/** What may follow a number and make it a duration. Group 1 is a last number that lacks its unit. Unambiguous, hence linear. */
const DURATION_REST = /[smhdwy]s?(?:[0-9]+[smhdw]s?)*([0-9]+)?/y;

/**
 * How far a number goes, or the characters that spoil it. An `e` that is met where a number may have an exponent is taken for one, even in a
 * hexadecimal number, where it is a digit only behind other digits: `0xee` is refused, `0xfee` is not.
 */
function scanNumber(text: string, start: number): { readonly isNumber: boolean; readonly end: number } {
  // The 0 that may begin a hexadecimal number stands before the number proper, also where no x follows: `0.5.5` is let through.
  let i = text[start] === '0' ? start + 1 : start;
  const isHex = i > start && (text[i] === 'x' || text[i] === 'X');
  if (isHex) i += text[i + 1] === '_' ? 2 : 1;
  const digit = isHex ? /^[0-9a-fA-F]$/ : /^[0-9]$/;
  const isDigitAt = (at: number): boolean => at < text.length && digit.test(text[at]!);
  let dotSeen = false;
  let exponentSeen = false;
  if (text[i] === '.') i++;
  if (isDigitAt(i)) i++;
  for (; ; ) {
    const char = text[i];
    if (char === '.') {
      if (dotSeen) return { isNumber: false, end: i + 1 };
      if (text[i + 1] === '_' || text[i + 1] === '.') return { isNumber: false, end: i + 2 };
      if (isHex) return { isNumber: false, end: i + 1 };
      dotSeen = true;
      i++;
    } else if (char === 'e' || char === 'E') {
      if (exponentSeen) return { isNumber: false, end: i + 1 };
      exponentSeen = true;
      i += text[i + 1] === '+' || text[i + 1] === '-' ? 2 : 1;
      if (refusesAfter(text[i])) return { isNumber: false, end: Math.min(i + 1, text.length) };
    } else if (char === '_') {
      i++;
      if (refusesAfter(text[i])) return { isNumber: false, end: Math.min(i + 1, text.length) };
    } else if (!isDigitAt(i)) break;
    while (isDigitAt(i)) i++;
  }
  return { isNumber: !isAlphanumeric(text[i]), end: i };
}

/** What may not follow an exponent's sign or an underscore. */
function refusesAfter(char: string | undefined): boolean {
  return char === undefined || char === '.' || char === '_' || char === 'e' || char === 'E';
}

function isAlphanumeric(char: string | undefined): boolean {
  return char !== undefined && /^\w$/.test(char);
}
