import { must } from '../runtime/assert.ts';
import { waitEndMs, type Clock } from '../runtime/clock.ts';
import { isMissingPart, VarveError } from '../runtime/errors.ts';
import { LIMITS } from '../runtime/limits.ts';
import { PortFailure } from '../runtime/port-failure.ts';
import { pruneArchived } from './remove.ts';
import type { StoreArchive } from './store-archive.ts';
import type { StoreEngine } from './store-engine.ts';

/** What comes next in an archive. */
type Work = 'flush' | 'late-rollup' | 'publish' | 'upkeep';

/**
 * Moves values of a store into its archive, and keeps that up, step by step. What does not answer is tried again later; only then, and
 * when, is remembered here, and not stored: a new instance tries at once.
 */
export class ArchiveMover {
  readonly #engine: StoreEngine;
  readonly #clock: Clock;
  #moving: Promise<number> | undefined;
  #publishRetryAtMs = -Infinity;
  #claimRetryAtMs = -Infinity;
  #claimRefusal: unknown;
  #lateRollupRetryAtMs = -Infinity;
  #lateRollupFailures = 0;
  /** Since when, and until when, a history may be loading. */
  #unsettledSinceMs = -Infinity;
  #settledFromMs = -Infinity;

  constructor(engine: StoreEngine, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
  }

  /** When there is something to do (Unix ms); Infinity when there never will be unless something is written. */
  nextDueMs(): number {
    return this.#engine.read(({ archive }) => {
      if (archive === undefined) return Infinity;
      const publishDueMs = archive.tables.isBehind ? this.#retryMs(this.#publishRetryAtMs) : Infinity;
      const rollupDueMs = archive.lateRollups?.isBehind === true ? this.#retryMs(this.#lateRollupRetryAtMs) : Infinity;
      const moveDueMs = Math.max(Math.min(archive.flusher.nextDueMs() ?? Infinity, rollupDueMs), this.#settlesAtMs(archive));
      return Math.max(Math.min(moveDueMs, archive.upkeep.nextDueMs() ?? Infinity, publishDueMs), this.#retryMs(this.#claimRetryAtMs));
    });
  }

  /**
   * Moves what is due into the archive, and out of the hot tier, for a bounded time; returns how many samples left that. What does not answer
   * is tried again later: `nextDueMs` says when.
   */
  async moveDue(): Promise<number> {
    // One that goes on beside a write has used some of its time.
    const before = (await this.#moving) ?? 0;
    return before + (await (this.#moving ??= this.#move().finally(() => (this.#moving = undefined))));
  }

  /** The same beside a write, without waiting. */
  moveBeside(): void {
    if (this.#moving !== undefined || !this.#isDue(this.#retryMs(this.#claimRetryAtMs)) || this.#isWaiting()) return;
    // An error of the store itself has thrown its memory away, and comes again to whoever calls `maintain`.
    this.moveDue().catch(() => undefined);
  }

  /**
   * Values have come, the oldest of this time (Unix ms). Where it is due to move, or late, others of its kind may follow, and are better
   * moved together: who loads a history, value by value, is given time to finish.
   */
  noteWritten(oldestMs: number): void {
    const nowMs = this.#clock.nowMs();
    const { archiveSettings } = this.#engine;
    if (archiveSettings === undefined || oldestMs >= nowMs - archiveSettings.graceMs) return;
    if (nowMs > this.#settledFromMs) this.#unsettledSinceMs = nowMs;
    this.#settledFromMs = Math.min(nowMs + LIMITS.storeSettleMs, this.#unsettledSinceMs + LIMITS.storeSettleMsMax);
  }

  /** Whether a window is on its way into the archive: what it holds must stay as it is. */
  get isBegun(): boolean {
    return this.#engine.read(({ hot }) => hot.archive.mark.closedUntilMs > hot.archive.mark.archivedUntilMs);
  }

  /** Brings a move that has begun to its end; throws when the archive does not answer. */
  async settle(): Promise<void> {
    await this.moveDue();
    // A move that has begun takes a few calls; where one fails, the next waits.
    while (this.isBegun && this.#engine.read(({ archive }) => this.#isDue(archive?.flusher.nextDueMs()))) await this.moveDue();
    if (this.isBegun) throw new VarveError('unavailable', 'values are on their way into the archive, which does not answer: try again later', { retryAfterSeconds: LIMITS.storeRetryMs / 1000 });
  }

  #isWaiting(): boolean {
    return this.#engine.read(({ archive }) => archive === undefined || !this.#isDue(this.#settlesAtMs(archive)) || this.#workDue(archive) === undefined);
  }

  /** When old values that have come may be moved: not before others had time to follow, unless many wait. */
  #settlesAtMs(archive: StoreArchive): number {
    return archive.late.fullness > 0.5 ? -Infinity : waitEndMs(this.#settledFromMs, LIMITS.storeSettleMs, this.#clock.nowMs());
  }

  /** What comes next. Late values are rolled up when nothing else is there to move: then the windows that they belong to have. */
  #workDue(archive: StoreArchive): Work | undefined {
    if (this.#isDue(archive.flusher.nextDueMs())) return 'flush';
    if (archive.lateRollups?.isBehind === true && this.#isDue(this.#retryMs(this.#lateRollupRetryAtMs))) return 'late-rollup';
    if (archive.tables.isBehind && this.#isDue(this.#retryMs(this.#publishRetryAtMs))) return 'publish';
    return this.#isDue(archive.upkeep.nextDueMs()) ? 'upkeep' : undefined;
  }

  async #move(): Promise<number> {
    if (!this.#engine.hasArchive) return 0;
    let samplesMoved = 0;
    // Each step is bounded, and its calls let the clock go on.
    const startMs = this.#clock.elapsedMs();
    for (;;) {
      if (this.#engine.read(({ hot }) => hot.archive.mark.archivedUntilMs > hot.floorMs)) samplesMoved += pruneArchived(this.#engine);
      const work = this.#engine.read(({ archive }) => archive && this.#workDue(archive));
      if (work === undefined || this.#clock.elapsedMs() - startMs >= LIMITS.storeMaintainMs) return samplesMoved;
      if (!(await this.#step((archive) => this.#claims(archive)))) return samplesMoved;
      if (work === 'flush') await this.#step((archive) => archive.flushStep());
      else if (work === 'late-rollup') await this.#step((archive) => this.#rollUpLate(archive));
      else if (work === 'publish') await this.#publish();
      else await this.#step((archive) => archive.maintain());
    }
  }

  #step<R>(body: (archive: StoreArchive) => Promise<R>): Promise<R> {
    return this.#engine.step(({ archive }) => body(must(archive, 'an archive')));
  }

  /** Whether the archive's prefix is this store's, which nobody knows while the bucket does not answer; throws when it is another's. The bucket is not asked at every write. */
  async #claims(archive: StoreArchive): Promise<boolean> {
    if (this.#isDue(this.#retryMs(this.#claimRetryAtMs))) {
      try {
        await archive.claim();
        return true;
      } catch (error) {
        this.#claimRetryAtMs = this.#clock.nowMs() + LIMITS.storeRetryMs;
        this.#claimRefusal = error instanceof PortFailure ? undefined : error;
      }
    }
    if (this.#claimRefusal !== undefined) throw this.#claimRefusal;
    return false;
  }

  /** Late values wait while files that have values of the same buckets cannot be read, but not for ever. */
  async #rollUpLate({ lateRollups }: StoreArchive): Promise<void> {
    try {
      await lateRollups!.step(this.#engine);
      this.#lateRollupFailures = 0;
    } catch (error) {
      if (!isMissingPart(error)) throw error;
      if (++this.#lateRollupFailures < LIMITS.storeLateRollupTriesMax) this.#lateRollupRetryAtMs = this.#clock.nowMs() + LIMITS.storeRetryMs;
      else {
        this.#lateRollupFailures = 0;
        // The error may have thrown the memory away, and these with it.
        this.#engine.read(({ archive }) => archive?.lateRollups?.passOver());
      }
    }
  }

  /** Behind the windows: one snapshot for all that have moved. Values are readable without it, so a failure waits. */
  async #publish(): Promise<void> {
    try {
      await this.#step((archive) => archive.tables.publish());
      this.#publishRetryAtMs = -Infinity;
    } catch {
      this.#publishRetryAtMs = this.#clock.nowMs() + LIMITS.storeRetryMs;
    }
  }

  /** When what has failed is tried again: at once where the clock has been set back since. */
  #retryMs(retryAtMs: number): number {
    return waitEndMs(retryAtMs, LIMITS.storeRetryMs, this.#clock.nowMs());
  }

  #isDue(dueMs: number | undefined): boolean {
    return (dueMs ?? Infinity) <= this.#clock.nowMs();
  }
}
