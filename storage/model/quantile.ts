/**
 * The φ-quantile, for φ from 0 to 1, of at least one number, ascending with NaN last, interpolated between ranks as PromQL does: NaN counts
 * as the smallest. Exactly at a rank it is that rank's value, whatever follows: nothing times infinity would be NaN.
 */
export function quantileOfSorted(quantile: number, values: Float64Array): number {
  // NaN is sorted to the end; here they come first.
  let nanCount = 0;
  while (nanCount < values.length && Number.isNaN(values[values.length - 1 - nanCount]!)) nanCount++;
  const valueAt = (rank: number): number => (rank < nanCount ? NaN : values[rank - nanCount]!);
  const rank = quantile * (values.length - 1);
  const lower = Math.max(0, Math.floor(rank));
  const upper = Math.min(values.length - 1, lower + 1);
  const weight = rank - Math.floor(rank);
  return weight === 0 ? valueAt(lower) : valueAt(lower) * (1 - weight) + valueAt(upper) * weight;
}
