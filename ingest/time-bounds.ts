import type { LIMITS } from '../storage/runtime/limits.ts';
import { DAY_MS } from '../storage/runtime/units.ts';

type TimeLimits = Pick<typeof LIMITS, 'hotWindowMs' | 'timestampAheadMsMax'>;

/** The times that samples may have, as they stood when a request came in: looked at twice, they are the same. */
export class TimeBounds {
  /** Unix milliseconds, both inclusive. */
  readonly oldestMs: number;
  readonly newestMs: number;
  readonly #nowMs: number;
  readonly #limits: TimeLimits;
  readonly #oldestAgeMs: number;

  /** Samples may be as old as `oldestAgeMs`. */
  constructor(nowMs: number, limits: TimeLimits, oldestAgeMs = limits.hotWindowMs) {
    this.oldestMs = nowMs - oldestAgeMs;
    this.newestMs = nowMs + limits.timestampAheadMsMax;
    this.#nowMs = nowMs;
    this.#limits = limits;
    this.#oldestAgeMs = oldestAgeMs;
  }

  isOutside(timestampMs: number): boolean {
    return timestampMs < this.oldestMs || timestampMs > this.newestMs;
  }

  /** Why a time is refused, `undefined` when it is not. */
  refusal(timestampMs: number): string | undefined {
    if (!this.isOutside(timestampMs)) return undefined;
    const { hotWindowMs, timestampAheadMsMax } = this.#limits;
    const limit = this.#oldestAgeMs === hotWindowMs ? `hotWindowMs (${hotWindowMs} ms)` : `${this.#oldestAgeMs} ms`;
    const reason =
      timestampMs > this.newestMs
        ? `out of bounds: ${quotedTime(timestampMs)} is more than timestampAheadMsMax (${timestampAheadMsMax} ms) ahead of now`
        : `too old: ${quotedTime(timestampMs)} is more than ${limit} ago`;
    return `${reason}${unitHint(timestampMs, this.#nowMs)}`;
  }
}

/** What decoders make of a timestamp that no number holds is the last that one does (WireReader.int64): it stands for all beyond. */
function quotedTime(timestampMs: number): string {
  if (Math.abs(timestampMs) < Number.MAX_SAFE_INTEGER) return String(timestampMs);
  return timestampMs < 0 ? `${Number.MIN_SAFE_INTEGER} or less` : `${Number.MAX_SAFE_INTEGER} or more`;
}

const YEARS_MS = 20 * 365 * DAY_MS;

/** What a timestamp out of bounds (Unix ms) probably is, to be put behind the message: a time in another unit, if it is a likely one in that. */
function unitHint(timestampMs: number, nowMs: number): string {
  const isLikely = (timeMs: number): boolean => Math.abs(timeMs - nowMs) < YEARS_MS;
  if (isLikely(timestampMs * 1000)) return ' (is it in seconds? it has to be in milliseconds)';
  if (isLikely(timestampMs / 1000)) return ' (is it in microseconds? it has to be in milliseconds)';
  if (isLikely(timestampMs / 1e6)) return ' (is it in nanoseconds? it has to be in milliseconds)';
  return unitDoubt(timestampMs, nowMs);
}

const UNIT_FACTORS: readonly (readonly [factor: number, words: string])[] = [
  [1e3, 'a thousand times as much'],
  [1e6, 'a million times as much'],
  [1e9, 'a billion times as much'],
];

/** The same of a time that is too old, where it is not known which unit the sender is to use. */
export function unitDoubt(timestampMs: number, nowMs: number): string {
  if (timestampMs === 0) return ' (was it left out?)';
  for (const [factor, words] of UNIT_FACTORS) {
    const timeMs = timestampMs * factor;
    if (Math.abs(timeMs - nowMs) < YEARS_MS) return ` (is its unit right? ${words} would be ${new Date(timeMs).toISOString().slice(0, 10)})`;
  }
  return '';
}
