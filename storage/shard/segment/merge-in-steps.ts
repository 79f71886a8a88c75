import { DamagedRowError } from '../../runtime/damage.ts';
import type { SealedRun } from './compact-plan.ts';
import { mergeRuns, PAUSE, type MergeLimits, type MergeSource } from './merge-runs.ts';
import type { SealIndex } from './seal.ts';
import type { SealedRow } from './segment-rows.ts';
import type { SegmentInfo, Segments } from './segments.ts';

/** `done`: the rows that are to be live. `damaged`: a source that cannot be read, and ends the merge. */
export type MergeStep = { readonly status: 'going-on' } | { readonly status: 'done'; readonly live: SegmentInfo[] } | { readonly status: 'damaged'; readonly segment: number };

type MergedSegments = MergeSource & Pick<Segments, 'insert' | 'renew' | 'live'>;

const GOING_ON: MergeStep = { status: 'going-on' };

/**
 * A merge under way: neighbouring runs become one, some `mergeStepSamples` at a time, so that requests get their turn in between. What it
 * has filled is stored, but in no list: nobody reads it until the last step makes it live in place of its sources.
 *
 * It lives in memory alone. After a crash the rows that it stored are in no list, and go when the next merge begins, which is the same one
 * again: its sources are still there. Whatever changes the live rows otherwise ends it likewise; a seal only adds behind them.
 */
export class MergeInSteps {
  readonly #segments: MergedSegments;
  readonly #sources: readonly SegmentInfo[];
  readonly #work: Generator<SealedRow | typeof PAUSE>;
  readonly #stored: SegmentInfo[] = [];

  constructor(segments: MergedSegments, runs: readonly SealedRun[], index: SealIndex, limits: MergeLimits) {
    this.#segments = segments;
    this.#sources = runs.flatMap((run) => run.rows);
    this.#work = mergeRuns(segments, runs, index, limits);
  }

  /** Whether a stored row is one of those that it has filled so far. */
  holds(segment: number): boolean {
    return this.#stored.some((info) => info.segment === segment);
  }

  /** Whether it leaves samples out, which may be the last ones of their series: those below the floor. */
  get dropsSamples(): boolean {
    const { floorMs } = this.#segments;
    return this.#sources.some((info) => info.minTimeMs < floorMs);
  }

  /** One step, inside the caller's transaction. Making the rows of the last one live is the caller's. */
  step(): MergeStep {
    const segments = this.#segments;
    const before = this.#stored.length;
    const outcome = this.#advance();
    // Ids that are given must be known as such: after a crash they are taken until the rows are gone.
    if (outcome.status !== 'done' && this.#stored.length > before) segments.renew();
    return outcome;
  }

  #advance(): MergeStep {
    const segments = this.#segments;
    try {
      for (let next = this.#work.next(); !next.done; next = this.#work.next()) {
        if (next.value === PAUSE) return GOING_ON;
        this.#stored.push(...segments.insert([next.value], this.#stored[0]?.seal));
      }
    } catch (error) {
      // Of a source, and not of storage: what this step has stored stays, in no list.
      if (error instanceof DamagedRowError) return { status: 'damaged', segment: error.row };
      throw error;
    }
    const start = segments.live.indexOf(this.#sources[0]!);
    return { status: 'done', live: segments.live.toSpliced(start, this.#sources.length, ...this.#stored) };
  }
}
