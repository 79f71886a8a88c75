import { fromWords, highWord, lowWord } from './float-parts.ts';

/** Splits a float64 into two of half its length (Dekker, "A floating-point technique for extending the available precision", 1971). */
const SPLITTER = 2 ** 27 + 1;

/**
 * a × b + c rounded once, as a processor's own instruction has it (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", 2008). For numbers
 * so far from the largest that nothing overflows on the way.
 */
export function fusedMultiplyAdd(a: number, b: number, c: number): number {
  const product = a * b;
  const productRest = restOfProduct(a, b, product);
  const low = c + productRest;
  const lowRest = restOfSum(c, productRest, low);
  const high = product + low;
  const highRest = restOfSum(product, low, high);
  return high + sumToOdd(lowRest, highRest);
}

/** What rounding left of a product. */
function restOfProduct(a: number, b: number, product: number): number {
  const [scaledA, scaledB] = [SPLITTER * a, SPLITTER * b];
  const highA = scaledA - (scaledA - a);
  const highB = scaledB - (scaledB - b);
  const [lowA, lowB] = [a - highA, b - highB];
  return lowA * lowB - (product - highA * highB - lowA * highB - highA * lowB);
}

/** What rounding left of a sum, whichever number is larger (Knuth's TwoSum). */
function restOfSum(a: number, b: number, sum: number): number {
  const added = sum - a;
  return a - (sum - added) + (b - added);
}

/** A sum that, where it is not exact, is rounded to the neighbour with an odd last bit: rounding that again is as good as rounding once. */
function sumToOdd(a: number, b: number): number {
  const sum = a + b;
  const rest = restOfSum(a, b, sum);
  const low = lowWord(sum);
  if (rest === 0 || (low & 1) === 1) return sum;
  const high = highWord(sum);
  if (rest > 0 === sum > 0) return fromWords(high, low + 1);
  return low === 0 ? fromWords(high - 1, 0xffffffff) : fromWords(high, low - 1);
}
