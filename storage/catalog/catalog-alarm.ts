import type { Alarm } from '../runtime/alarm.ts';
import type { Clock } from '../runtime/clock.ts';
import { MINUTE_MS } from '../runtime/units.ts';
import { NotedFailure } from './step-failures.ts';

/** When a ring has failed or was cut off, and nobody commits: the platform itself gives up after a few tries. */
const RETRY_AFTER_MS = MINUTE_MS;

/** Work of bounded steps: see UpkeepTask (archive/upkeep/archive-upkeep.ts). */
interface Background {
  nextDueMs(): number | undefined;
  step(): Promise<void>;
}

/** What must be done before anything else is, while it is due. */
interface Beforehand extends Background {
  readonly isDue: boolean;
}

/**
 * Rings what a catalog does by itself, snapshots of the Iceberg tables and the archive's upkeep, when it is due, and never when nothing is.
 * Nobody needs to commit for it: each ring sets the next one, and every waking makes sure that one is set, also where a new version has
 * something to do that the old one had not, or where the alarm was lost.
 */
export class CatalogAlarm {
  readonly #work: readonly Background[];
  readonly #alarm: Alarm;
  readonly #clock: Clock;
  readonly #first: Beforehand | undefined;

  /** `first`: all else waits for it. */
  constructor(work: readonly Background[], alarm: Alarm, clock: Clock, first?: Beforehand) {
    this.#work = work;
    this.#alarm = alarm;
    this.#clock = clock;
    this.#first = first;
  }

  /** Sets the alarm for what will be due, if anything will be. On waking, and when there is something new. */
  async arm(): Promise<void> {
    await this.#goingOn(async () => {
      const dueMs = this.#nextDueMs();
      if (dueMs !== undefined) await this.#alarm.setNoLaterThan(Math.max(dueMs, this.#clock.nowMs()));
    });
  }

  /** As `arm`, but waits a little for more of the same. */
  async armWithin(delayMs: number): Promise<void> {
    await this.#alarm.setNoLaterThan(this.#clock.nowMs() + delayMs);
  }

  /** One step of each kind of work that is due; what remains rings again at once, so that requests get their turn in between. It may ring at any time. */
  async ring(): Promise<void> {
    await this.#goingOn(async () => {
      const dueMs = this.#nextDueMs();
      if (dueMs === undefined) return;
      // Set before it is needed: a crash on the way must not leave everything as it is until somebody commits again.
      await this.#alarm.setNoLaterThan(Math.max(dueMs, this.#clock.nowMs() + RETRY_AFTER_MS));
      for (const each of this.#due()) await each.step();
    });
    await this.arm();
  }

  /** Where the step that failed is noted, the object that is rebuilt goes on at once with the others; whether this one ends is its owner's to say. */
  async #goingOn(body: () => Promise<void>): Promise<void> {
    try {
      await body();
    } catch (error) {
      if (error instanceof NotedFailure) await this.#alarm.setNoLaterThan(this.#clock.nowMs());
      throw error;
    }
  }

  /** Unix ms; `undefined` when nothing will be before somebody commits. */
  #nextDueMs(): number | undefined {
    const due = this.#due().flatMap((each) => each.nextDueMs() ?? []);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  #due(): readonly Background[] {
    return this.#first?.isDue === true ? [this.#first] : this.#work;
  }
}
