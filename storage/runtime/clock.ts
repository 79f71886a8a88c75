/** Time as a port: the only way to it, so that tests and simulations decide what time it is. */
export interface Clock {
  /** Unix milliseconds. In production it stands still between I/O events: never use it to bound a loop. */
  nowMs(): number;
  /** Milliseconds from an arbitrary origin, with a fraction; for durations. Frozen like `nowMs` in production. */
  elapsedMs(): number;
  sleep(durationMs: number): Promise<void>;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  elapsedMs: () => performance.now(),
  sleep: (durationMs) => new Promise((resolve) => setTimeout(resolve, durationMs)),
};
