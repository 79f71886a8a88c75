import type { LIMITS } from '../storage/runtime/limits.ts';

/** The times that samples may have, as they stood when a request came in: looked at twice, they are the same. */
export class TimeBounds {
  readonly #oldestMs: number;
  readonly #newestMs: number;
  readonly #limits: Pick<typeof LIMITS, 'hotWindowMs' | 'timestampAheadMsMax'>;

  constructor(nowMs: number, limits: Pick<typeof LIMITS, 'hotWindowMs' | 'timestampAheadMsMax'>) {
    this.#oldestMs = nowMs - limits.hotWindowMs;
    this.#newestMs = nowMs + limits.timestampAheadMsMax;
    this.#limits = limits;
  }

  isOutside(timestampMs: number): boolean {
    return timestampMs < this.#oldestMs || timestampMs > this.#newestMs;
  }

  /** Why a time is refused, `undefined` when it is not. */
  refusal(timestampMs: number): string | undefined {
    const { hotWindowMs, timestampAheadMsMax } = this.#limits;
    if (timestampMs > this.#newestMs) return `out of bounds: ${timestampMs} is more than timestampAheadMsMax (${timestampAheadMsMax} ms) ahead of now`;
    return timestampMs < this.#oldestMs ? `too old: ${timestampMs} is more than hotWindowMs (${hotWindowMs} ms) ago` : undefined;
  }
}
