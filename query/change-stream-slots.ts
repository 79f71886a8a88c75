import type { Clock } from '../storage/runtime/clock.ts';
import { VarveError } from '../storage/runtime/errors.ts';
import type { LIMITS } from '../storage/runtime/limits.ts';
import type { Counters } from '../storage/runtime/metrics.ts';
import { removeGone, type Place } from './query-slots.ts';

export type ChangeStreamLimits = Pick<typeof LIMITS, 'changeStreamsAtOnceMax' | 'changeStreamsOfTenantMax' | 'changeStreamMsMax'>;

const RETRY_AFTER_SECONDS = 5;

/**
 * Bounds how many streams of the change feed an isolate has open: each holds a page for as long as its client does not read it. Who finds none
 * free is refused at once, for streams last too long to wait for one. As with queries (`QuerySlots`), a client that has hung up may leave its slot
 * taken: whoever comes next takes it away.
 */
export class ChangeStreamSlots {
  readonly #limits: ChangeStreamLimits;
  readonly #clock: Clock;
  readonly #counters: Counters;
  /** By tenant; one without streams has no entry behind the next look. */
  readonly #taken = new Map<string, Set<Place>>();

  constructor(limits: ChangeStreamLimits, clock: Clock, counters: Counters) {
    this.#limits = limits;
    this.#clock = clock;
    this.#counters = counters;
    counters.declare('varve_cdc_refused_streams_total', {});
  }

  /** Takes a slot and returns what frees it, which may be called twice. Throws `overloaded` when the isolate or the tenant has none left. */
  take(tenant: string, signal: AbortSignal): () => void {
    const { changeStreamsAtOnceMax, changeStreamsOfTenantMax } = this.#limits;
    const total = this.#removeGone();
    const ofTenant = this.#taken.get(tenant) ?? new Set<Place>();
    if (ofTenant.size >= changeStreamsOfTenantMax) throw this.#refusal(`${ofTenant.size} of the tenant's streams`, `changeStreamsOfTenantMax is ${changeStreamsOfTenantMax}`);
    if (total >= changeStreamsAtOnceMax) throw this.#refusal(`${total} streams`, `changeStreamsAtOnceMax is ${changeStreamsAtOnceMax}`);
    const slot = { sinceMs: this.#clock.nowMs(), signal };
    this.#taken.set(tenant, ofTenant.add(slot));
    return () => void ofTenant.delete(slot);
  }

  /** Returns how many are left. */
  #removeGone(): number {
    let total = 0;
    for (const [tenant, taken] of this.#taken) {
      removeGone(taken, this.#limits.changeStreamMsMax, this.#clock.nowMs());
      if (taken.size === 0) this.#taken.delete(tenant);
      total += taken.size;
    }
    return total;
  }

  #refusal(open: string, limit: string): VarveError {
    this.#counters.add('varve_cdc_refused_streams_total', {}, 1);
    return new VarveError('overloaded', `${open} of the change feed are open, the limit ${limit}; try again in ${RETRY_AFTER_SECONDS} s`, { retryAfterSeconds: RETRY_AFTER_SECONDS });
  }
}
