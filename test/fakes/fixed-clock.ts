import type { Clock } from '../../storage/runtime/clock.ts';

/** A clock that stands still until it is told to move, as in production between I/O events. */
export class FixedClock implements Clock {
  #nowMs: number;
  #elapsedMs = 0;

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  /** A clock of its own that stands where this one stands. */
  copy(): FixedClock {
    const copy = new FixedClock(this.#nowMs);
    copy.#elapsedMs = this.#elapsedMs;
    return copy;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  elapsedMs(): number {
    return this.#elapsedMs;
  }

  /** Sleeping is what moves time: nobody waits. */
  async sleep(durationMs: number): Promise<void> {
    this.advance(durationMs);
  }

  advance(durationMs: number): void {
    this.#nowMs += durationMs;
    this.#elapsedMs += durationMs;
  }
}
