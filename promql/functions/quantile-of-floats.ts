import { quantileOfSorted } from '../../storage/model/quantile.ts';

/**
 * The φ-quantile of numbers, interpolated between ranks; NaN counts as the smallest. φ outside 0…1 gives an infinity, NaN gives NaN.
 * Moves `values` about.
 */
export function quantileOfFloats(quantile: number, values: Float64Array): number {
  if (values.length === 0 || Number.isNaN(quantile)) return NaN;
  if (quantile < 0) return -Infinity;
  if (quantile > 1) return Infinity;
  const end = moveNaNsToEnd(values);
  // Of all ranks two are looked at. NaNs, which come first, take the lowest ones.
  const lower = Math.floor(quantile * (values.length - 1)) - (values.length - end);
  if (lower >= 0) placeRank(values, lower, 0, end);
  if (lower + 1 >= 0 && lower + 1 < end) placeLeast(values, lower + 1, end);
  return quantileOfSorted(quantile, values);
}

/** Returns where they begin. */
function moveNaNsToEnd(values: Float64Array): number {
  let end = values.length;
  for (let i = 0; i < end; ) {
    if (Number.isNaN(values[i]!)) swap(values, i, --end);
    else i++;
  }
  return end;
}

/** Halvings after which those that are left are sorted. Mostly few are; but values can be chosen so that hardly anything is halved. */
const ROUNDS_MAX = 8;

/**
 * Brings the value of a rank to its place among `start` to `end`, with none larger in front of it and none smaller behind (Hoare, "Algorithm
 * 65: Find", 1961).
 */
function placeRank(values: Float64Array, rank: number, start: number, end: number): void {
  let low = start;
  let high = end - 1;
  for (let round = 0; low < high; round++) {
    if (round === ROUNDS_MAX) {
      values.subarray(low, high + 1).sort();
      return;
    }
    const pivot = medianOf(values[low]!, values[(low + high) >>> 1]!, values[high]!);
    let left = low;
    let right = high;
    while (left <= right) {
      while (values[left]! < pivot) left++;
      while (values[right]! > pivot) right--;
      if (left <= right) swap(values, left++, right--);
    }
    // Between the two all are the pivot.
    if (rank <= right) high = right;
    else if (rank >= left) low = left;
    else return;
  }
}

/** Brings the least from `at` to `end` to `at`. */
function placeLeast(values: Float64Array, at: number, end: number): void {
  let least = at;
  for (let i = at + 1; i < end; i++) if (values[i]! < values[least]!) least = i;
  swap(values, at, least);
}

function medianOf(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}

function swap(values: Float64Array, i: number, j: number): void {
  const value = values[i]!;
  values[i] = values[j]!;
  values[j] = value;
}
