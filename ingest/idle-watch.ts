import type { Clock } from '../storage/runtime/clock.ts';

/**
 * Notices that one wait takes too long, with one timer at a time however many waits there are. (Not by racing each of them against one
 * promise of the timer's: that promise would keep every race, and with it every chunk that came out of one, until the end.)
 */
export class IdleWatch {
  readonly #clock: Clock;
  readonly #idleMsMax: number;
  /** The wait under way; `undefined` between waits, which are the consumer's time and not the sender's. */
  #wait: { readonly sinceMs: number; readonly expire: () => void } | undefined;
  #isStopped = false;

  constructor(clock: Clock, idleMsMax: number) {
    this.#clock = clock;
    this.#idleMsMax = idleMsMax;
    void this.#watch();
  }

  within<T>(start: () => Promise<T>): Promise<T | 'expired'> {
    return new Promise((resolve, reject) => {
      this.#wait = { sinceMs: this.#clock.nowMs(), expire: () => resolve('expired') };
      start().then(
        (value) => {
          this.#wait = undefined;
          resolve(value);
        },
        (error: unknown) => {
          this.#wait = undefined;
          reject(error);
        },
      );
    });
  }

  stop(): void {
    this.#isStopped = true;
  }

  async #watch(): Promise<void> {
    while (!this.#isStopped) {
      const waitedMs = this.#wait === undefined ? 0 : this.#clock.nowMs() - this.#wait.sinceMs;
      if (waitedMs >= this.#idleMsMax) return this.#wait?.expire();
      await this.#clock.sleep(this.#idleMsMax - waitedMs);
    }
  }
}
