import type { Alarm } from '../runtime/alarm.ts';
import type { Clock } from '../runtime/clock.ts';
import type { HotStore } from './hot-store.ts';

/** After a failed step, when nobody writes: the platform itself gives up after a few tries. */
const RETRY_AFTER_MS = 60_000;

/**
 * Rings the store's maintenance when it is due, and never when nothing is: a shard without data sets no alarm. The platform may ring late,
 * early, twice or not at all: a ring does what is due, and every wake and write makes sure that the next one is set.
 */
export class MaintenanceAlarm {
  readonly #store: Pick<HotStore, 'maintain' | 'nextDueMs'>;
  readonly #alarm: Alarm;
  readonly #clock: Clock;
  /** The alarm is known to ring no later than this. */
  #setForMs = Infinity;

  constructor(store: Pick<HotStore, 'maintain' | 'nextDueMs'>, alarm: Alarm, clock: Clock) {
    this.#store = store;
    this.#alarm = alarm;
    this.#clock = clock;
  }

  /** Sets the alarm if something will be due before it rings. After every write, and on waking. */
  async arm(): Promise<void> {
    const dueMs = this.#store.nextDueMs();
    if (dueMs === undefined || dueMs >= this.#setForMs) return;
    this.#setForMs = dueMs;
    await this.#alarm.setNoLaterThan(Math.max(dueMs, this.#clock.nowMs()));
  }

  /** One step of maintenance; what remains due rings again at once, so that requests get their turn in between. */
  async ring(): Promise<void> {
    this.#setForMs = Infinity;
    try {
      this.#store.maintain();
    } catch (error) {
      await this.#alarm.setNoLaterThan(this.#clock.nowMs() + RETRY_AFTER_MS);
      throw error;
    }
    await this.arm();
  }
}
