import type { Clock } from '../storage/runtime/clock.ts';
import { VarveError } from '../storage/runtime/errors.ts';
import type { LIMITS } from '../storage/runtime/limits.ts';
import type { Counters } from '../storage/runtime/metrics.ts';
import type { StartTimer } from '../storage/runtime/timer.ts';
import { isDeclaredLonger, readBody, readInTime, tooLarge } from './read-body.ts';
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

  /** Hands `body` a request's body, and what counts its memory until it is answered. Throws overloaded and timeout errors by the limits, and what readBody does. */
  async with<T>(request: Request, tenant: string, bytesMax: number, limitName: string, use: (body: Uint8Array, held: Holding) => Promise<T>): Promise<T> {
    const { writeBodyMsMax } = this.#limits;
    const held = this.#memory.begin(tenant);
    try {
      const body = await readInTime(this.#startTimer, writeBodyMsMax, () => readBody(request, bytesMax, limitName, held));
      // One that is too long was only read to be thrown away: to send it again would never help.
      if (body === 'expired' && isDeclaredLonger(request, bytesMax)) throw tooLarge(bytesMax, limitName);
      if (body === 'expired') throw new VarveError('timeout', `the body has not arrived within writeBodyMsMax (${writeBodyMsMax} ms); send it again`);
      return await use(body, held);
    } finally {
      held.close();
    }
  }
}
