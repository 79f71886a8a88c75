import type { LIMITS } from '../../runtime/limits.ts';
import type { LogHead } from '../log/log-head.ts';
import { lowerBound } from '../run/piece.ts';
import type { SegmentInfo, Segments } from '../segment/segments.ts';

interface Gap {
  /** No sample of what was there has a time from `fromMs` to before `untilMs` (Unix ms). */
  readonly fromMs: number;
  readonly untilMs: number;
  /** What was there: these rows, which never change, and so much of the log. */
  readonly segments: ReadonlySet<number>;
  readonly logGeneration: number;
  readonly logCount: number;
}

/**
 * Rows and the log are known by their oldest and newest sample. Where somebody has written with a time of long ago, one row spans decades in
 * which there is nothing: here it is remembered how far.
 */
export class TimeGap {
  readonly #segments: Segments;
  readonly #head: LogHead;
  readonly #limits: Pick<typeof LIMITS, 'archiveGapSamplesMax'>;
  #gap: Gap | undefined;

  constructor(segments: Segments, head: LogHead, limits: Pick<typeof LIMITS, 'archiveGapSamplesMax'>) {
    this.#segments = segments;
    this.#head = head;
    this.#limits = limits;
  }

  /** The end of a gap that is known to begin at or before `fromMs`; `fromMs` where none is, or something has come since it was found. */
  endFrom(fromMs: number): number {
    const gap = this.#gap;
    if (gap === undefined || gap.fromMs > fromMs || gap.untilMs <= fromMs) return fromMs;
    const isSame = gap.logGeneration === this.#head.generation && gap.logCount === this.#head.count && this.#segments.live.every(({ segment }) => gap.segments.has(segment));
    return isSame ? gap.untilMs : fromMs;
  }

  /** Looks for a gap from `fromMs` on that is longer than `leastMs`, where that is not too many samples to look at. */
  find(fromMs: number, leastMs: number): void {
    const { live } = this.#segments;
    const spanning = live.filter(({ minTimeMs, maxTimeMs }) => minTimeMs < fromMs && maxTimeMs >= fromMs);
    if (spanning.reduce((sum, { sampleCount }) => sum + sampleCount, 0) > this.#limits.archiveGapSamplesMax) return;
    let untilMs = live.reduce((oldest, { minTimeMs }) => (minTimeMs >= fromMs ? Math.min(oldest, minTimeMs) : oldest), this.#oldestInLog(fromMs));
    for (const info of spanning) {
      if (untilMs - fromMs <= leastMs) return;
      untilMs = Math.min(untilMs, this.#oldestIn(info, fromMs));
    }
    if (untilMs - fromMs <= leastMs) return;
    this.#gap = { fromMs, untilMs, segments: new Set(live.map(({ segment }) => segment)), logGeneration: this.#head.generation, logCount: this.#head.count };
  }

  #oldestInLog(fromMs: number): number {
    const { times, count } = this.#head;
    let oldestMs = Infinity;
    for (let entry = 0; entry < count; entry++) {
      const timestampMs = times.at(entry);
      if (timestampMs >= fromMs && timestampMs < oldestMs) oldestMs = timestampMs;
    }
    return oldestMs;
  }

  #oldestIn(info: SegmentInfo, fromMs: number): number {
    const reader = this.#segments.open(info, false);
    let oldestMs = Infinity;
    for (let position = 0; position < reader.refs.length; position++) {
      const times = reader.timestampsMs(position);
      const at = lowerBound(times, fromMs);
      if (at < times.length && times[at]! < oldestMs) oldestMs = times[at]!;
    }
    return oldestMs;
  }
}
