/** A window's range and the samples at its two ends. */
export interface RateWindow {
  readonly rangeStartMs: number;
  readonly rangeEndMs: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly sampleCount: number;
}

/** Where the counter is known to have stood at 0 inside the window before its first sample. A start of 0 is none: nothing is known. */
export function knownStartMs(window: RateWindow, startTimestampMs: number): number | undefined {
  return startTimestampMs !== 0 && startTimestampMs > window.rangeStartMs && startTimestampMs < window.firstMs ? startTimestampMs : undefined;
}

/**
 * The factor that stretches what was seen between the first and last sample to the whole range.
 *
 * Samples rarely lie on the edges of a range. When an edge is about as far away as samples are apart (up to 10 % more), the series is
 * taken to go on to the edge with the same slope; when it is farther, the series is taken to begin or end half a distance beyond its
 * outermost sample. A counter is never stretched to before it would have been 0: `firstShare`, its first value as a share of the
 * increase, tells where that was. When the counter's start is known, nothing is guessed on that side.
 */
export function extrapolation(window: RateWindow, startMs: number | undefined, firstShare: number | undefined): number {
  const { sampledSeconds, toStartSeconds, toEndSeconds } = reachOf(window);
  if (startMs !== undefined) {
    const knownSeconds = (window.lastMs - startMs) / 1000;
    return (knownSeconds + toEndSeconds) / knownSeconds;
  }
  let toEdgeSeconds = toStartSeconds;
  if (firstShare !== undefined) {
    const toZeroSeconds = sampledSeconds * firstShare;
    if (toZeroSeconds < toEdgeSeconds) toEdgeSeconds = toZeroSeconds;
  }
  return (sampledSeconds + toEdgeSeconds + toEndSeconds) / sampledSeconds;
}

/** An edge counts as near when it is at most so many times as far away as samples are apart. */
export const EDGE_TOLERANCE = 1.1;

/** What was seen of a window, and how far the series is taken to reach beyond it on either side. */
export interface Reach {
  readonly sampledSeconds: number;
  readonly toStartSeconds: number;
  readonly toEndSeconds: number;
}

export function reachOf(window: RateWindow): Reach {
  const sampledSeconds = (window.lastMs - window.firstMs) / 1000;
  const averageSeconds = window.sampleCount > 1 ? sampledSeconds / (window.sampleCount - 1) : 0;
  const thresholdSeconds = averageSeconds * EDGE_TOLERANCE;
  let toEndSeconds = (window.rangeEndMs - window.lastMs) / 1000;
  if (toEndSeconds >= thresholdSeconds) toEndSeconds = averageSeconds / 2;
  let toStartSeconds = (window.firstMs - window.rangeStartMs) / 1000;
  if (toStartSeconds >= thresholdSeconds) toStartSeconds = averageSeconds / 2;
  return { sampledSeconds, toStartSeconds, toEndSeconds };
}
