/**
 * Patterns that need no engine: texts with gaps (`.*`, `.+`) between them, and alternations of such. They cover literals, prefixes,
 * suffixes and "contains", which is nearly all that dashboards ask for.
 */
import { ANY } from './regex-syntax.ts';
import type { RegexNode } from './regex-syntax.ts';
import { COMPARING, type TestCost } from './test-cost.ts';

/** `texts[0] gaps[0] texts[1] gaps[1] …`; a gap is the fewest characters it stands for, 0 or 1. One text and no gap is a literal. */
export interface Glob {
  readonly texts: readonly string[];
  readonly gaps: readonly (0 | 1)[];
}

/** Alternatives beyond these are left to the engine. Lists of literals are long (Grafana's variables), so theirs is high. */
const LITERALS_MAX = 10_000;
const GAPPED_GLOBS_MAX = 200;
/** All alternatives together: multiplying out `(a|b)(c|d)…` must not multiply memory. */
const TEXT_LENGTH_MAX = 1_000_000;
/** How many joins multiplying out may take, and how many texts and gaps one alternative may have. */
const JOINS_MAX = 20_000;
const TEXTS_MAX = 100;
/** A text that is searched for in the middle of a value; searching can take the product of both lengths. */
const MIDDLE_LENGTH_MAX = 256;

/** The alternatives of a pattern, or `undefined` when it is not made of globs only, or of too many. */
export function globsOf(node: RegexNode): readonly Glob[] | undefined {
  const globs = expand(node, { joinsLeft: JOINS_MAX });
  if (globs === undefined || globs.filter((glob) => glob.gaps.length > 0).length > GAPPED_GLOBS_MAX) return undefined;
  return globs.every((glob) => glob.texts.slice(1, -1).every((text) => text.length <= MIDDLE_LENGTH_MAX)) ? globs : undefined;
}

const NOTHING: Glob = { texts: [''], gaps: [] };

function expand(node: RegexNode, budget: { joinsLeft: number }): readonly Glob[] | undefined {
  switch (node.kind) {
    case 'literal':
      return [{ texts: [node.text], gaps: [] }];
    case 'set':
      return undefined;
    case 'alternation': {
      const parts = node.nodes.map((part) => expand(part, budget));
      return parts.every((part) => part !== undefined) ? bounded(parts.flat()) : undefined;
    }
    case 'sequence': {
      let product: readonly Glob[] | undefined = [NOTHING];
      for (const part of node.nodes) {
        const globs = expand(part, budget);
        if (globs === undefined || product === undefined) return undefined;
        budget.joinsLeft -= product.length * globs.length;
        if (budget.joinsLeft < 0) return undefined;
        const joined: readonly (Glob | undefined)[] = product.flatMap((left) => globs.map((right) => join(left, right)));
        product = joined.every((glob) => glob !== undefined) ? bounded(joined) : undefined;
      }
      return product;
    }
    case 'repeat': {
      const { min, max } = node;
      if (node.node.kind === 'set') {
        const isGap = node.node.set === ANY && max === Infinity && min <= 1;
        return isGap ? [{ texts: ['', ''], gaps: [min === 0 ? 0 : 1] }] : undefined;
      }
      const globs = min === 0 && max === 1 ? expand(node.node, budget) : undefined;
      return globs === undefined ? undefined : bounded([NOTHING, ...globs]);
    }
  }
}

function bounded(globs: readonly Glob[]): readonly Glob[] | undefined {
  if (globs.length > LITERALS_MAX) return undefined;
  let length = 0;
  for (const { texts } of globs) for (const text of texts) length += text.length;
  return length > TEXT_LENGTH_MAX ? undefined : globs;
}

/** One glob after the other. Gaps that meet become one; `.+.+` is left to the engine, since characters are counted there, not UTF-16 units. */
function join(left: Glob, right: Glob): Glob | undefined {
  const middle = left.texts.at(-1)! + right.texts[0]!;
  if (left.texts.length + right.texts.length > TEXTS_MAX) return undefined;
  if (middle !== '' || left.gaps.length === 0 || right.gaps.length === 0) {
    return { texts: [...left.texts.slice(0, -1), middle, ...right.texts.slice(1)], gaps: [...left.gaps, ...right.gaps] };
  }
  const gap = left.gaps.at(-1)! + right.gaps[0]!;
  if (gap !== 0 && gap !== 1) return undefined;
  return { texts: [...left.texts.slice(0, -1), ...right.texts.slice(1)], gaps: [...left.gaps.slice(0, -1), gap, ...right.gaps.slice(1)] };
}

/** Whether one of the alternatives is the whole value. */
export function compileGlobs(globs: readonly Glob[]): (value: string) => boolean {
  const literals = new Set(globs.filter((glob) => glob.gaps.length === 0).map((glob) => glob.texts[0]!));
  const gapped = globs.filter((glob) => glob.gaps.length > 0).map(compileGapped);
  if (gapped.length === 0) return (value) => literals.has(value);
  if (literals.size === 0 && gapped.length === 1) return gapped[0]!;
  return (value) => literals.has(value) || gapped.some((matches) => matches(value));
}

/** Of an alternative with gaps, and of each text in its middle, which is searched for. */
const GAPPED_NS = 20;
const MIDDLE_NS = 35;
/** Of a value that is searched through: a half for most texts, and ten for a short one that nearly stands everywhere. */
const SEARCHED_CHARACTER_NS = 4;

export function costOfGlobs(globs: readonly Glob[]): TestCost {
  let { perValue, perCharacter } = COMPARING;
  for (const { texts, gaps } of globs) {
    if (gaps.length === 0) continue;
    const middles = texts.length - 2;
    perValue += GAPPED_NS + MIDDLE_NS * middles;
    // They are found one behind the other: all of them in one pass.
    if (middles > 0) perCharacter += SEARCHED_CHARACTER_NS;
  }
  return { perValue, perCharacter };
}

function compileGapped({ texts, gaps }: Glob): (value: string) => boolean {
  const first = texts[0]!;
  const last = texts.at(-1)!;
  const lengthMin = texts.reduce((sum, text) => sum + text.length, 0) + gaps.reduce<number>((sum, gap) => sum + gap, 0);
  const lastGap = gaps.at(-1)!;
  if (texts.length === 2) return (value) => value.length >= lengthMin && value.startsWith(first) && value.endsWith(last);
  return (value) => {
    if (value.length < lengthMin || !value.startsWith(first) || !value.endsWith(last)) return false;
    // The leftmost place for each text leaves the most room for the rest.
    let offset = first.length;
    for (let i = 1; i < texts.length - 1; i++) {
      const found = value.indexOf(texts[i]!, offset + gaps[i - 1]!);
      if (found < 0) return false;
      offset = found + texts[i]!.length;
    }
    return offset + lastGap <= value.length - last.length;
  };
}
