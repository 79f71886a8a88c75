/**
 * A timer as a port, for waits that mostly end before it rings: calls `ring` once, after so many milliseconds, and answers what calls that
 * off. A timer that is pending keeps an object awake; `Clock.sleep` cannot be called off.
 */
export type StartTimer = (durationMs: number, ring: () => void) => () => void;

export const startSystemTimer: StartTimer = (durationMs, ring) => {
  const timer = setTimeout(ring, durationMs);
  return () => clearTimeout(timer);
};
