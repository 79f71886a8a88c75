import type { LIMITS } from '../storage/runtime/limits.ts';
import { DAY_MS } from '../storage/runtime/units.ts';

type TimeLimits = Pick<typeof LIMITS, 'hotWindowMs' | 'timestampAheadMsMax'>;

/** The times of one shard map, for one of the passes over a request (map-passes.ts). Unix milliseconds; the end is not in it. */
interface PassTimes {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly isFirst: boolean;
}

/**
 * The times that samples may have, as they stood when a request came in: looked at twice, they are the same. Or a part of them: those of one
 * shard map.
 */
export class TimeBounds {
  /** Unix milliseconds, both inclusive. */
  readonly oldestMs: number;
  readonly newestMs: number;
  /** Those of the request, where these are a part of them; else these. */
  readonly whole: TimeBounds;
  /** Whether somebody has asked for a time that an earlier map's pass takes. */
  #hasEarlier = false;
  readonly #pass: PassTimes | undefined;
  readonly #nowMs: number;
  readonly #limits: TimeLimits;
  readonly #oldestAgeMs: number;

  /** Samples may be as old as `oldestAgeMs`. Parts are made by `ofPass`. */
  constructor(nowMs: number, limits: TimeLimits, oldestAgeMs = limits.hotWindowMs, part?: { readonly whole: TimeBounds; readonly pass: PassTimes }) {
    this.oldestMs = Math.max(nowMs - oldestAgeMs, part?.pass.fromMs ?? -Infinity);
    this.newestMs = Math.min(nowMs + limits.timestampAheadMsMax, (part?.pass.untilMs ?? Infinity) - 1);
    this.whole = part?.whole ?? this;
    this.#pass = part?.pass;
    this.#nowMs = nowMs;
    this.#limits = limits;
    this.#oldestAgeMs = oldestAgeMs;
  }

  /** Those times of these that are of one map: these themselves where no other map has any of them. */
  ofPass({ fromMs, untilMs }: Pick<PassTimes, 'fromMs' | 'untilMs'>, isFirst: boolean): TimeBounds {
    if (fromMs <= this.oldestMs && untilMs > this.newestMs) return this;
    return new TimeBounds(this.#nowMs, this.#limits, this.#oldestAgeMs, { whole: this, pass: { fromMs, untilMs, isFirst } });
  }

  get hasEarlier(): boolean {
    return this.#hasEarlier;
  }

  /** Whether a time that is outside is none to be refused here: another pass takes it, or the first one has refused it. */
  passesOver(timestampMs: number): boolean {
    if (this.#pass === undefined) return false;
    const isEarlier = timestampMs < this.#pass.fromMs && timestampMs >= this.whole.oldestMs;
    this.#hasEarlier ||= isEarlier;
    return isEarlier || !this.#pass.isFirst;
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
