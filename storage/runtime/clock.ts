/** Time as a port: the only way to it, so that tests and simulations decide what time it is. */
export interface Clock {
  /** Unix milliseconds. In production it stands still between I/O events: never use it to bound a loop. */
  nowMs(): number;
  /** Milliseconds from an arbitrary origin, with a fraction; for durations. Frozen like `nowMs` in production. */
  elapsedMs(): number;
  sleep(durationMs: number): Promise<void>;
}

/**
 * Whether what was to be so for `forMs`, until `untilMs` (Unix ms), is so still. Not where the clock has been set back meanwhile: nobody knows
 * then how long ago it began.
 */
export function lastsStill(untilMs: number, forMs: number, nowMs: number): boolean {
  return untilMs > nowMs && untilMs - nowMs <= forMs;
}

/**
 * When a wait of at most `forMsMax` ends that was to end at `untilMs`: at once (-Infinity) where that is further away, since the clock has been
 * set back meanwhile. Times are Unix ms.
 */
export function waitEndMs(untilMs: number, forMsMax: number, nowMs: number): number {
  return untilMs - nowMs > forMsMax ? -Infinity : untilMs;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  elapsedMs: () => performance.now(),
  sleep: (durationMs) => new Promise((resolve) => setTimeout(resolve, durationMs)),
};
