import type { SeededRandom } from '../../fakes/seeded-random.ts';

const KEYWORD = /\b(?:and|or|unless|atan2|sum|avg|count|min|max|group|stddev|stdvar|topk|bottomk|count_values|quantile|offset|by|without|on|ignoring|group_left|group_right|bool|start|end|inf|nan)\b/gi;
const QUOTED = /("[^"]*"|'[^']*')/;
const BLANKS = [' ', '  ', '\n', '\t', ' # a comment, with "quotes" and {braces}\n'];

/** The same query in another guise: keywords in capitals, blanks of all kinds and comments where there was a blank. */
export function restyle(random: SeededRandom, expression: string): string {
  return expression
    .split(QUOTED)
    .map((part, index) => (index % 2 === 1 ? part : restylePart(random, part)))
    .join('');
}

function restylePart(random: SeededRandom, text: string): string {
  // A metric or label of that name, or a function's name, would be another one in capitals.
  const inCapitals = text.replace(KEYWORD, (word, offset: number) => (random.oneIn(3) && isKeyword(text, word, offset) ? word.toUpperCase() : word));
  return inCapitals.replace(/ /g, () => random.pick(BLANKS));
}

function isKeyword(text: string, word: string, offset: number): boolean {
  const before = text.slice(0, offset).trimEnd();
  const isName = /[{,]$/.test(before) && !/^\s*\(/.test(text.slice(offset + word.length));
  return !isName && !/^(?:start|end)$/i.test(word);
}
