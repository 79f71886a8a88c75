import { compareStrings } from '../../storage/model/labels.ts';

/**
 * Whether `a` stands before `b` in the order people expect of names with numbers in them: runs of digits compare by value, the rest as text,
 * so that `node9` comes before `node10`.
 *
 * The answers are those of the library that Prometheus sorts with, and no order in the strict sense: an empty text is neither before nor
 * behind another one, and of `1` and `01` each is before the other.
 */
export function isNaturallyBefore(a: string, b: string): boolean {
  const partsA = splitDigits(a);
  const partsB = splitDigits(b);
  for (let i = 0; i < partsA.length; i++) {
    if (i >= partsB.length) return false;
    const order = comparePart(partsA[i]!, partsB[i]!);
    if (order !== 0) return order < 0;
    // Of two that are alike so far the one that ends is before the other.
    if (i === partsA.length - 1) return true;
  }
  return false;
}

function splitDigits(text: string): string[] {
  return text.match(/\d+|\D+/g) ?? [];
}

function comparePart(a: string, b: string): number {
  const numberA = integerOf(a);
  const numberB = integerOf(b);
  if (numberA === undefined || numberB === undefined) return compareStrings(a, b);
  return numberA < numberB ? -1 : numberA > numberB ? 1 : 0;
}

const INT64_MAX = 2n ** 63n - 1n;
/** Longer runs of digits, leading zeros left out, are no 64-bit integers. */
const DIGITS_MAX = 19;

/** Undefined for what no 64-bit integer can hold, which compares as text. */
function integerOf(text: string): bigint | undefined {
  if (!/^\d/.test(text) || text.replace(/^0+/, '').length > DIGITS_MAX) return undefined;
  const value = BigInt(text);
  return value > INT64_MAX ? undefined : value;
}
