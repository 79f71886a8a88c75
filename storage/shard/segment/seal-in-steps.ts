import type { LogHead } from '../log/log-head.ts';
import { LogSeal, type SealIndex } from './seal.ts';
import type { SegmentRowLimits } from './segment-rows.ts';
import type { SegmentInfo, Segments } from './segments.ts';

/**
 * A seal under way: what the log held when it began becomes segment rows, some samples at a time, while the log goes on behind it. What it has
 * filled is stored, but in no list: until the last step makes it live in place of the log's first entries, they are read from the log.
 *
 * It lives in memory alone. After a crash the rows that it stored are in no list, and go with the next sweep; the log is whole.
 */
export class SealInSteps {
  /** The last sequence of the WAL that it takes in. */
  readonly throughSequence: number;
  /** When it began, Unix ms: what is in the log behind it is not older. */
  readonly begunMs: number;
  /** About what all of it costs, and what has been done, in samples. */
  readonly cost: number;
  #done = 0;
  readonly #segments: Pick<Segments, 'insert' | 'renew'>;
  readonly #seal: LogSeal;
  readonly #stored: SegmentInfo[] = [];

  constructor(segments: Pick<Segments, 'insert' | 'renew'>, head: LogHead, index: SealIndex, limits: SegmentRowLimits, throughSequence: number, begunMs: number) {
    this.#segments = segments;
    this.#seal = new LogSeal(head, index, limits);
    this.throughSequence = throughSequence;
    this.begunMs = begunMs;
    this.cost = this.#seal.cost;
  }

  /** How many of the log's entries it is about. */
  get entryCount(): number {
    return this.#seal.entryCount;
  }

  /** From 0 to 1. */
  get progress(): number {
    return this.#done / this.cost;
  }

  /** Whether a stored row is one of those that it has filled so far. */
  holds(segment: number): boolean {
    return this.#stored.some((info) => info.segment === segment);
  }

  /** One step, inside the caller's transaction. The last one answers with the rows that are to be live; the caller makes them so. */
  step(samples: number): readonly SegmentInfo[] | undefined {
    const segments = this.#segments;
    const rows = this.#seal.step(samples);
    this.#done = Math.min(this.cost, this.#done + samples);
    if (rows.length > 0) this.#stored.push(...segments.insert(rows, this.#stored[0]?.seal));
    if (this.#seal.isDone) return this.#stored;
    // Ids that are given must be known as such: after a crash they are taken until the rows are gone.
    if (rows.length > 0) segments.renew();
    return undefined;
  }
}
