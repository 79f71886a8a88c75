import { waitEndMs, type Clock } from './clock.ts';
import { LIMITS } from './limits.ts';
import { PortFailure } from './port-failure.ts';
import { MINUTE_MS } from './units.ts';

const RETRY_FIRST_MS = 5_000;
export const RETRY_MAX_MS = 10 * MINUTE_MS;

/** Tries in a row that failed, with the last one's reason; then nothing is done before `retryAtMs` (Unix). */
export interface PauseFailure {
  readonly count: number;
  readonly message: string;
  readonly retryAtMs: number;
}

/** When to try again what has failed: later each time, up to ten minutes. */
export class RetryPause {
  readonly #clock: Clock;
  #failures = 0;
  #message = '';
  #untilMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** Unix milliseconds; in the past when nothing has failed, or when the clock has gone back so far that no pause ends there. */
  get untilMs(): number {
    return waitEndMs(this.#untilMs, RETRY_MAX_MS, this.#clock.nowMs());
  }

  get isOver(): boolean {
    return this.#clock.nowMs() >= this.untilMs;
  }

  /** Makes a try, and says whether it has succeeded. A PortFailure is noted, and the next try waits; anything else is let out. */
  async attempt(body: () => Promise<void>): Promise<boolean> {
    try {
      await body();
    } catch (error) {
      if (!(error instanceof PortFailure)) throw error;
      this.#message = shortened(error.message);
      this.#untilMs = this.#clock.nowMs() + pauseMs(++this.#failures);
      return false;
    }
    this.forget();
    return true;
  }

  /** What has failed is not tried again: something else has its turn. */
  forget(): void {
    this.#failures = 0;
    this.#untilMs = -Infinity;
  }

  /** The tries in a row that failed, if the last one did. */
  get failure(): PauseFailure | undefined {
    return this.#failures === 0 ? undefined : { count: this.#failures, message: this.#message, retryAtMs: this.untilMs };
  }
}

/** How long to wait behind so many failures in a row. */
export function pauseMs(failures: number): number {
  return Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** (failures - 1));
}

/** Of a message that is longer than anybody reads, the beginning is kept: it may be somebody else's. */
export function shortened(text: string): string {
  const { failureMessageCharactersMax } = LIMITS;
  return text.length <= failureMessageCharactersMax ? text : `${text.slice(0, failureMessageCharactersMax)}…`;
}
