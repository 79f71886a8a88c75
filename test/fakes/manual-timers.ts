import type { StartTimer } from '../../storage/runtime/timer.ts';

/** Timers that ring when they are told that time has passed. */
export class ManualTimers {
  #nowMs = 0;
  #pending: { readonly atMs: number; readonly ring: () => void }[] = [];
  /** How many have been started. */
  startedCount = 0;

  readonly start: StartTimer = (durationMs, ring) => {
    const timer = { atMs: this.#nowMs + durationMs, ring };
    this.#pending.push(timer);
    this.startedCount++;
    return () => {
      this.#pending = this.#pending.filter((other) => other !== timer);
    };
  };

  get pendingCount(): number {
    return this.#pending.length;
  }

  /** Rings what is due, in its order, with what it starts, and lets it run. */
  async advance(durationMs: number): Promise<void> {
    const untilMs = this.#nowMs + durationMs;
    for (;;) {
      const due = this.#pending.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#nowMs = due.atMs;
      this.#pending = this.#pending.filter((timer) => timer !== due);
      due.ring();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#nowMs = untilMs;
  }
}
