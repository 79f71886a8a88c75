import { LIMITS } from './limits.ts';

/** Time as a port: the only way to it, so that tests and simulations decide what time it is. */
export interface Clock {
  /** Unix milliseconds. In production it stands still between I/O events: never use it to bound a loop. */
  nowMs(): number;
  /** Milliseconds from an arbitrary origin, with a fraction; for durations. Frozen like `nowMs` in production. */
  elapsedMs(): number;
  sleep(durationMs: number): Promise<void>;
}

/**
 * Whether what began, or was last touched, at `sinceMs` (Unix ms) and is so for `forMs` is so still. Not where the clock has been set back
 * meanwhile, but for the small steps of every clock that is kept right (`clockStepBackMsMax`): nobody knows then how long ago that was.
 */
export function lastsStill(sinceMs: number, forMs: number, nowMs: number): boolean {
  const ageMs = nowMs - sinceMs;
  return ageMs < forMs && ageMs >= -LIMITS.clockStepBackMsMax;
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
