import type { Clock } from '../storage/runtime/clock.ts';
import type { LIMITS } from '../storage/runtime/limits.ts';
import type { Counters } from '../storage/runtime/metrics.ts';
import type { StartTimer } from '../storage/runtime/timer.ts';
import { readBody } from './read-body.ts';
import { RequestMemory, type Holding } from './request-memory.ts';

/** Reads the bodies of remote write and OTLP, each within its time and all within the memory that there is for them. */
export class WriteBodies {
  readonly #startTimer: StartTimer;
  readonly #limits: typeof LIMITS;
  readonly #memory: RequestMemory;

  constructor(clock: Clock, startTimer: StartTimer, limits: typeof LIMITS, counters: Counters) {
    this.#startTimer = startTimer;
    this.#limits = limits;
    this.#memory = new RequestMemory(clock, limits, counters);
  }

  /** Hands `use` a request's body, and what counts its memory until it is answered. Throws what readBody does, overloaded where there is no room, and what `use` throws. */
  async with<T>(request: Request, tenant: string, bytesMax: number, limitName: string, use: (body: Uint8Array, held: Holding) => Promise<T>): Promise<T> {
    const held = this.#memory.begin(tenant);
    try {
      const body = await readBody(request, { bytesMax, bytesLimit: limitName, msMax: this.#limits.writeBodyMsMax, msLimit: 'writeBodyMsMax' }, this.#startTimer, held);
      return await use(body, held);
    } finally {
      held.close();
    }
  }
}
