import { lastsStill, type Clock } from '../../storage/runtime/clock.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import type { LIMITS } from '../../storage/runtime/limits.ts';

type SlotLimits = Pick<typeof LIMITS, 'importsAtOnceMax' | 'importSlotWaitMsMax' | 'importIdleMsMax'>;

/** How often an import that waits looks again. */
const LOOK_EVERY_MS = 50;

export interface ImportSlot {
  /** When its import last got on (Unix ms). */
  touchedMs: number;
}

/**
 * Bounds how many imports one isolate reads at a time, since each has batches in memory. Those over the bound wait a little, and are then
 * asked to come again.
 *
 * A request whose client hangs up may stop for ever without running its `finally`: a slot that has not been touched for longer than an
 * import may be idle is taken away. And an import that waits looks by a timer of its own: a promise that another request resolves would tie the two.
 */
export class ImportSlots {
  readonly #clock: Clock;
  readonly #limits: SlotLimits;
  readonly #taken = new Set<ImportSlot>();

  constructor(clock: Clock, limits: SlotLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  async take(): Promise<ImportSlot> {
    const { importsAtOnceMax, importSlotWaitMsMax, importIdleMsMax } = this.#limits;
    for (let waitedMs = 0; ; waitedMs += LOOK_EVERY_MS) {
      const nowMs = this.#clock.nowMs();
      for (const slot of this.#taken) {
        if (!lastsStill(slot.touchedMs, importIdleMsMax * 2, nowMs)) this.#taken.delete(slot);
      }
      if (this.#taken.size < importsAtOnceMax) {
        const slot = { touchedMs: nowMs };
        this.#taken.add(slot);
        return slot;
      }
      if (waitedMs >= importSlotWaitMsMax) {
        throw new VarveError('overloaded', `${this.#taken.size} imports are being read, the limit importsAtOnceMax is ${importsAtOnceMax}; try again later`);
      }
      await this.#clock.sleep(LOOK_EVERY_MS);
    }
  }

  touch(slot: ImportSlot): void {
    slot.touchedMs = this.#clock.nowMs();
  }

  free(slot: ImportSlot): void {
    this.#taken.delete(slot);
  }
}
