import type { Alarm } from '../runtime/alarm.ts';
import type { Clock } from '../runtime/clock.ts';
import { MINUTE_MS } from '../runtime/units.ts';
import type { HotStore } from './hot-store.ts';

/** After a failed step, when nobody writes: the platform itself gives up after a few tries. */
const RETRY_AFTER_MS = MINUTE_MS;

/** Work of bounded steps that waits for others on the way. */
export interface Background {
  nextDueMs(): number | undefined;
  step(): Promise<void>;
}

/**
 * Rings the store's maintenance when it is due, and never when nothing is: a shard without data sets no alarm. The platform may ring late,
 * early, twice or not at all: a ring does what is due, and every wake and write makes sure that the next one is set.
 */
export class MaintenanceAlarm {
  readonly #store: Pick<HotStore, 'maintain' | 'nextDueMs'>;
  readonly #alarm: Alarm;
  readonly #clock: Clock;
  readonly #flusher: Background | undefined;
  /** The alarm is known to ring no later than this. */
  #setForMs = Infinity;

  /** What the flusher does has its turn after the store's. */
  constructor(store: Pick<HotStore, 'maintain' | 'nextDueMs'>, alarm: Alarm, clock: Clock, flusher?: Background) {
    this.#store = store;
    this.#alarm = alarm;
    this.#clock = clock;
    this.#flusher = flusher;
  }

  /** Sets the alarm if something will be due before it rings. After every write, and on waking. */
  async arm(): Promise<void> {
    const dueMs = Math.min(this.#store.nextDueMs() ?? Infinity, this.#flusher?.nextDueMs() ?? Infinity);
    if (dueMs === Infinity || dueMs >= this.#setForMs) return;
    this.#setForMs = dueMs;
    try {
      await this.#alarm.setNoLaterThan(Math.max(dueMs, this.#clock.nowMs()));
    } catch (error) {
      this.#setForMs = Infinity;
      throw error;
    }
  }

  /** One step of maintenance; what remains due rings again at once, so that requests get their turn in between. */
  async ring(): Promise<void> {
    this.#setForMs = Infinity;
    try {
      this.#store.maintain();
      const flushDueMs = this.#flusher?.nextDueMs() ?? Infinity;
      if (flushDueMs <= this.#clock.nowMs()) await this.#flusher!.step();
    } catch (error) {
      await this.#alarm.setNoLaterThan(this.#clock.nowMs() + RETRY_AFTER_MS);
      throw error;
    }
    await this.arm();
  }
}
