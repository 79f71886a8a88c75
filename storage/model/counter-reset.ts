/**
 * Whether a sample's start timestamp says that the counter began anew after the sample before. A start equal to the previous sample's
 * time is a delta point and so a reset, unless the previous sample's own start is unknown or nonsense: then it may as well be a
 * cumulative point whose writer knew no better. Starts are 0 where unknown.
 */
export function isStartReset(previousStartMs: number, previousMs: number, startMs: number, timestampMs: number): boolean {
  if (startMs === 0 || startMs >= timestampMs || startMs < previousMs) return false;
  if (startMs > previousMs) return true;
  return previousStartMs !== 0 && previousStartMs < previousMs;
}
