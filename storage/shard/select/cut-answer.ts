/** The first of some values, as many as a caller wants at the most, and whether there are more; a limit of 0 is none. */
export function cut<T>(values: readonly T[], limit: number): { values: readonly T[]; truncated: boolean } {
  const truncated = limit > 0 && values.length > limit;
  return { values: truncated ? values.slice(0, limit) : values, truncated };
}
