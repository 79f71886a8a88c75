import { compareStrings } from '../../storage/model/labels.ts';

/**
 * The order people expect of names with numbers in them: runs of digits compare by value, the rest as text, so that `node9` comes before
 * `node10`.
 */
export function compareNaturally(a: string, b: string): number {
  const partsA = splitDigits(a);
  const partsB = splitDigits(b);
  const length = Math.min(partsA.length, partsB.length);
  for (let i = 0; i < length; i++) {
    const order = comparePart(partsA[i]!, partsB[i]!);
    if (order !== 0) return order;
  }
  return partsA.length - partsB.length;
}

function splitDigits(text: string): string[] {
  return text.match(/\d+|\D+/g) ?? [];
}

function comparePart(a: string, b: string): number {
  if (a === b) return 0;
  const isNumberA = /^\d/.test(a);
  const isNumberB = /^\d/.test(b);
  if (!isNumberA || !isNumberB) return compareStrings(a, b);
  const digitsA = a.replace(/^0+/, '');
  const digitsB = b.replace(/^0+/, '');
  if (digitsA.length !== digitsB.length) return digitsA.length - digitsB.length;
  if (digitsA !== digitsB) return digitsA < digitsB ? -1 : 1;
  return b.length - a.length;
}
