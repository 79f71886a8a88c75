import { quoteEnd, skipBlank, skipToken, unquoted } from './exposition-labels.ts';

const QUOTE = 0x22;
const HASH = 0x23;

/** What a comment of an exposition says about a metric family; `text` is the help, the type's word or the unit. */
export interface MetadataLine {
  readonly keyword: 'HELP' | 'TYPE' | 'UNIT';
  readonly metric: string;
  readonly text: string;
}

/** Reads a line that begins with a hash: metadata, the end of an OpenMetrics text, or a comment that means nothing. */
export function parseCommentLine(bytes: Uint8Array, start: number, end: number): MetadataLine | 'end' | 'comment' {
  if (bytes[end - 1] === 0x0d) end--;
  const hash = skipBlank(bytes, start, end);
  if (bytes[hash] !== HASH) return 'comment';
  const keywordStart = skipBlank(bytes, hash + 1, end);
  const keywordEnd = skipToken(bytes, keywordStart, end);
  const keyword = keywordEnd - keywordStart <= 4 ? unquoted(bytes, keywordStart, keywordEnd) : undefined;
  // The mark of the end is exact to the byte (OpenMetrics 1.0, "Overall Structure").
  if (keyword === 'EOF') return keywordEnd === end && hash === start && keywordStart === hash + 2 ? 'end' : 'comment';
  if (keyword !== 'HELP' && keyword !== 'TYPE' && keyword !== 'UNIT') return 'comment';
  const nameStart = skipBlank(bytes, keywordEnd, end);
  const isQuoted = bytes[nameStart] === QUOTE && nameStart < end;
  const nameEnd = isQuoted ? quoteEnd(bytes, nameStart + 1, end) : skipToken(bytes, nameStart, end);
  if (nameEnd <= nameStart) return 'comment';
  const metric = isQuoted ? unquoted(bytes, nameStart + 1, nameEnd - 1) : unquoted(bytes, nameStart, nameEnd);
  const text = unquoted(bytes, Math.min(nameEnd + 1, end), end);
  if (metric === undefined || metric === '' || text === undefined) return 'comment';
  return { keyword, metric, text: keyword === 'HELP' ? text : text.trim() };
}
