import type { Clock } from '../runtime/clock.ts';
import { LIMITS } from '../runtime/limits.ts';
import type { PortFailure } from '../runtime/port-failure.ts';

const RETRY_FIRST_MS = 5_000;
const RETRY_MAX_MS = 10 * 60_000;

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
    return this.#untilMs > this.#clock.nowMs() + RETRY_MAX_MS ? -Infinity : this.#untilMs;
  }

  get isOver(): boolean {
    return this.#clock.nowMs() >= this.untilMs;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#untilMs = -Infinity;
  }

  /** The tries in a row that failed, if the last one did. */
  get failure(): PauseFailure | undefined {
    return this.#failures === 0 ? undefined : { count: this.#failures, message: this.#message, retryAtMs: this.untilMs };
  }

  /** Of a message that is longer than anybody reads, the beginning is kept: it may be somebody else's. */
  failed({ message }: PortFailure): void {
    const { failureMessageCharactersMax } = LIMITS;
    this.#message = message.length <= failureMessageCharactersMax ? message : `${message.slice(0, failureMessageCharactersMax)}…`;
    this.#untilMs = this.#clock.nowMs() + Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** this.#failures++);
  }
}
