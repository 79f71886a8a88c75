import { quantileOfSorted } from '../../storage/model/quantile.ts';

/**
 * The φ-quantile of numbers, interpolated between ranks; NaN counts as the smallest. φ outside 0…1 gives an infinity, NaN gives NaN.
 * Sorts `values` in place.
 */
export function quantileOfFloats(quantile: number, values: Float64Array): number {
  if (values.length === 0 || Number.isNaN(quantile)) return NaN;
  if (quantile < 0) return -Infinity;
  if (quantile > 1) return Infinity;
  sortFloats(values);
  return quantileOfSorted(quantile, values);
}

/** Below this the runtime's sort costs more to begin than to do. */
const INSERTION_SORT_MAX = 48;

/** Ascending, NaN last. */
function sortFloats(values: Float64Array): void {
  if (values.length > INSERTION_SORT_MAX) {
    values.sort();
    return;
  }
  for (let i = 1; i < values.length; i++) {
    const value = values[i]!;
    // Once a NaN is met, comparing says nothing.
    if (Number.isNaN(value) || Number.isNaN(values[0]!)) {
      values.sort();
      return;
    }
    let at = i;
    for (; at > 0 && values[at - 1]! > value; at--) values[at] = values[at - 1]!;
    values[at] = value;
  }
}
