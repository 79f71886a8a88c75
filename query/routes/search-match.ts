/*
 * How well a name answers a search term, by the rules of Prometheus' search API (`web/api/v1/search_filters.go`): 1 is best, and what every
 * prefix has. Terms are alternatives, and the best of them counts. What lies between is ordered alike; its digits are our own.
 */

export type FuzzAlgorithm = 'subsequence' | 'jarowinkler';
export const FUZZ_ALGORITHMS: readonly FuzzAlgorithm[] = ['subsequence', 'jarowinkler'];

export interface SearchTerms {
  readonly terms: readonly string[];
  readonly algorithm: FuzzAlgorithm;
  /** From 0 to 1: less is no match. */
  readonly threshold: number;
  readonly isCaseSensitive: boolean;
}

/** The score of a name; `undefined` for no match. Without terms every name matches, with the best score. */
export function nameScorer({ terms, algorithm, threshold, isCaseSensitive }: SearchTerms): (name: string) => number | undefined {
  if (terms.length === 0) return () => 1;
  const fold = (text: string): string => (isCaseSensitive ? text : text.toLowerCase());
  const scoreOf = algorithm === 'subsequence' ? subsequenceScore : substringOrJaroWinkler(threshold);
  const folded = terms.map(fold);
  return (name) => {
    const text = fold(name);
    let best: number | undefined;
    for (const term of folded) {
      const score = term === '' || text.startsWith(term) ? 1 : scoreOf(term, text);
      if (score > 0 && (score >= threshold || (algorithm === 'jarowinkler' && text.includes(term))) && (best === undefined || score > best)) best = score;
    }
    return best;
  };
}

function substringOrJaroWinkler(threshold: number): (term: string, text: string) => number {
  return (term, text) => {
    if (text.includes(term)) return SUBSTRING_SCORE;
    // A threshold of nothing would let every name through.
    return threshold > 0 ? jaroWinkler(term, text) : 0;
  };
}

const SUBSTRING_SCORE = 0.9;

/**
 * All characters of the term in their order, found as early as they come and then from each possible start; runs without gaps count by the
 * square of their length, gaps cost their share of the text. An equal text has 1. Takes no longer than both lengths multiplied.
 */
export function subsequenceScore(term: string, text: string): number {
  if (term.length > text.length) return 0;
  const characters = [...term];
  // From a later start each character is found where it was, or behind: none is looked for twice in the same part of the text.
  const places = new Int32Array(characters.length).fill(-1);
  let best = 0;
  for (let start = text.indexOf(characters[0]!); start >= 0; start = text.indexOf(characters[0]!, start + 1)) {
    // From further on there is even less to find the term in.
    if (!findPlaces(characters, text, start, places)) break;
    best = Math.max(best, scoreOfPlaces(characters, text, places));
  }
  return best;
}

/** Moves each character's place to the first behind that of the one before, the first one's to `start`; whether all are there. */
function findPlaces(characters: readonly string[], text: string, start: number, places: Int32Array): boolean {
  let at = start;
  for (let i = 0; i < characters.length; i++) {
    if (places[i]! < at && (places[i] = text.indexOf(characters[i]!, at)) < 0) return false;
    at = places[i]! + characters[i]!.length;
  }
  return true;
}

function scoreOfPlaces(characters: readonly string[], text: string, places: Int32Array): number {
  let squares = 0;
  let gaps = places[0]!;
  let length = 0;
  let run = 0;
  let at = places[0]!;
  for (let i = 0; i < characters.length; i++) {
    const place = places[i]!;
    if (place > at) {
      squares += run * run;
      gaps += place - at;
      run = 0;
    }
    run += characters[i]!.length;
    length += characters[i]!.length;
    at = place + characters[i]!.length;
  }
  squares += run * run;
  const trailing = text.length - at;
  // Prefixes are scored before; behind a gap nothing is as good, and whatever is there is above nothing.
  return Math.max(Number.MIN_VALUE, (squares - gaps / text.length - trailing / (2 * text.length)) / (length * length));
}

const PREFIX_WEIGHT = 0.1;
const PREFIX_LENGTH_MAX = 4;

/** The similarity of Jaro, raised by a common beginning (Winkler). */
export function jaroWinkler(a: string, b: string): number {
  if (a === b) return 1;
  const reach = Math.max(0, Math.floor(Math.max(a.length, b.length) / 2) - 1);
  const isTaken = new Uint8Array(b.length);
  const common: string[] = [];
  for (let i = 0; i < a.length; i++) {
    for (let j = Math.max(0, i - reach); j < Math.min(b.length, i + reach + 1); j++) {
      if (isTaken[j] === 1 || a[i] !== b[j]) continue;
      isTaken[j] = 1;
      common.push(a[i]!);
      break;
    }
  }
  if (common.length === 0) return 0;
  let transposed = 0;
  let next = 0;
  for (let j = 0; j < b.length; j++) if (isTaken[j] === 1 && b[j] !== common[next++]) transposed++;
  const matches = common.length;
  const jaro = (matches / a.length + matches / b.length + (matches - transposed / 2) / matches) / 3;
  let prefix = 0;
  while (prefix < Math.min(PREFIX_LENGTH_MAX, a.length, b.length) && a[prefix] === b[prefix]) prefix++;
  return jaro + prefix * PREFIX_WEIGHT * (1 - jaro);
}
