/**
 * The φ-quantile of numbers, interpolated between ranks; NaN counts as the smallest. φ outside 0…1 gives an infinity, NaN gives NaN.
 * Sorts `values` in place.
 */
export function quantileOfFloats(quantile: number, values: Float64Array): number {
  if (values.length === 0 || Number.isNaN(quantile)) return NaN;
  if (quantile < 0) return -Infinity;
  if (quantile > 1) return Infinity;
  values.sort();
  // A typed array sorts NaN to its end; here they come first.
  let nanCount = 0;
  while (nanCount < values.length && Number.isNaN(values[values.length - 1 - nanCount]!)) nanCount++;
  const valueAt = (rank: number): number => (rank < nanCount ? NaN : values[rank - nanCount]!);
  const rank = quantile * (values.length - 1);
  const lower = Math.max(0, Math.floor(rank));
  const upper = Math.min(values.length - 1, lower + 1);
  const weight = rank - Math.floor(rank);
  return valueAt(lower) * (1 - weight) + valueAt(upper) * weight;
}
