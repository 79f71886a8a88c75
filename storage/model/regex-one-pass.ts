/**
 * Patterns that JavaScript's own, backtracking engine may be trusted with: sequences of single characters and sets, each with its counts,
 * in which one look at the next character always tells whether to stay or to go on. Such a pattern can fail only in linear time, because
 * whatever the engine goes back to fails at once. All sets are spelled out, so that JavaScript and RE2 cannot differ on what they hold.
 */
import type { CharSet, RegexNode } from './regex-syntax.ts';
import type { TestCost } from './test-cost.ts';

interface Item {
  readonly set: CharSet;
  readonly min: number;
  readonly max: number;
}

const ALTERNATIVES_MAX = 20;
const ITEMS_MAX = 500;

/** Of each alternative that is tried: what a value and one of its characters take. */
const ALTERNATIVE_NS = 40;
const CHARACTER_NS = 7;

/** A test of whole values, or `undefined` when it is not certain that the pattern is harmless. */
export function compileOnePass(node: RegexNode): { readonly test: (value: string) => boolean; readonly cost: TestCost } | undefined {
  const alternatives = node.kind === 'alternation' ? node.nodes : [node];
  if (alternatives.length > ALTERNATIVES_MAX) return undefined;
  const sources: string[] = [];
  for (const alternative of alternatives) {
    const items = itemsOf(alternative);
    if (items === undefined || items.length > ITEMS_MAX || !isOnePass(items)) return undefined;
    sources.push(items.map(sourceOf).join(''));
  }
  const regex = new RegExp(`^(?:${sources.join('|')})$`, 'u');
  return { test: (value) => regex.test(value), cost: { perValue: ALTERNATIVE_NS * sources.length, perCharacter: CHARACTER_NS * sources.length } };
}

function itemsOf(node: RegexNode): readonly Item[] | undefined {
  switch (node.kind) {
    case 'set':
      return [{ set: node.set, min: 1, max: 1 }];
    case 'literal': {
      const sets = [...node.text].map(singleton);
      return sets.every((set) => set !== undefined) ? sets.map((set) => ({ set, min: 1, max: 1 })) : undefined;
    }
    case 'repeat': {
      const items = itemsOf(node.node);
      const only = items?.length === 1 ? items[0]! : undefined;
      return only === undefined || only.min !== 1 || only.max !== 1 ? undefined : [{ set: only.set, min: node.min, max: node.max }];
    }
    case 'sequence': {
      const parts = node.nodes.map(itemsOf);
      return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
    }
    case 'alternation':
      return undefined;
  }
}

/** The set of each ASCII character alone. */
const SINGLETONS: readonly CharSet[] = Array.from({ length: 128 }, (_, code) => ({
  ascii: Array.from({ length: 128 }, (_, i) => i === code),
  others: false,
}));

function singleton(char: string): CharSet | undefined {
  return SINGLETONS[char.codePointAt(0)!];
}

/** Where an item may take more or fewer characters, none of its characters may begin what follows it. */
function isOnePass(items: readonly Item[]): boolean {
  return items.every((item, i) => {
    if (item.min === item.max) return true;
    for (const next of items.slice(i + 1)) {
      if (overlaps(item.set, next.set)) return false;
      if (next.min > 0) return true;
    }
    return true;
  });
}

function overlaps(a: CharSet, b: CharSet): boolean {
  return (a.others && b.others) || a.ascii.some((has, code) => has && b.ascii[code] === true);
}

function sourceOf({ set, min, max }: Item): string {
  const counts = min === max ? (min === 1 ? '' : `{${min}}`) : `{${min},${max === Infinity ? '' : max}}`;
  return classSource(set) + counts;
}

/** A class as ranges of code points: `[\u{30}-\u{39}]`. */
function classSource({ ascii, others }: CharSet): string {
  const ranges: string[] = [];
  for (let code = 0; code < ascii.length; code++) {
    if (ascii[code] !== true) continue;
    const from = code;
    while (ascii[code + 1] === true) code++;
    ranges.push(`\\u{${from.toString(16)}}-\\u{${code.toString(16)}}`);
  }
  return `[${ranges.join('')}${others ? '\\u{80}-\\u{10ffff}' : ''}]`;
}
