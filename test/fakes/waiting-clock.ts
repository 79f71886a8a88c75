import type { Clock } from '../../storage/runtime/clock.ts';
import type { StartTimer } from '../../storage/runtime/timer.ts';

/** A clock that only moves when it is told to, and whose sleepers wait until it has. */
export class WaitingClock implements Clock {
  #nowMs: number;
  readonly #startMs: number;
  #sleepers: { readonly untilMs: number; readonly wake: () => void }[] = [];

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
    this.#startMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  elapsedMs(): number {
    return this.#nowMs - this.#startMs;
  }

  sleep(durationMs: number): Promise<void> {
    return new Promise((wake) => this.#sleepers.push({ untilMs: this.#nowMs + durationMs, wake }));
  }

  /** Timers that go by this clock. */
  readonly startTimer: StartTimer = (durationMs, ring) => {
    const sleeper = { untilMs: this.#nowMs + durationMs, wake: ring };
    this.#sleepers.push(sleeper);
    return () => {
      this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
    };
  };

  /** Timers that have not rung, and sleepers. */
  get waitingCount(): number {
    return this.#sleepers.length;
  }

  /** Moves on, wakes whose time has come, and lets them run. */
  async advance(durationMs: number): Promise<void> {
    this.#nowMs += durationMs;
    const due = this.#sleepers.filter(({ untilMs }) => untilMs <= this.#nowMs);
    this.#sleepers = this.#sleepers.filter(({ untilMs }) => untilMs > this.#nowMs);
    for (const { wake } of due) wake();
    await new Promise((resolve) => setImmediate(resolve));
  }
}
