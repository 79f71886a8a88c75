import type { MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import type { Clock } from '../storage/runtime/clock.ts';
import { VarveError } from '../storage/runtime/errors.ts';
import type { LIMITS } from '../storage/runtime/limits.ts';
import type { Counters } from '../storage/runtime/metrics.ts';
import type { LimitsOfTenant } from '../storage/runtime/tenant-limits.ts';
import { requestIdOf } from './request-id.ts';
import { failure } from './respond.ts';
import { accessOf } from './tenant.ts';

type SlotLimits = Pick<typeof LIMITS, 'querySlotWaitMsMax' | 'queriesWaitingMax' | 'queryTimeoutMs'>;

/** How often somebody who waits looks again. */
const LOOK_EVERY_MS = 10;
const RETRY_AFTER_SECONDS = 1;

/** Routes that read series or samples: each may hold much in memory while it is worked on. */
const BOUNDED_ROUTES: ReadonlySet<string> = new Set([
  '/api/v1/query', '/api/v1/query_range', '/api/v1/query_exemplars', '/api/v1/read', '/federate',
  '/api/v1/labels', '/api/v1/label/:name/values', '/api/v1/series', '/api/v1/status/tsdb',
  '/api/v1/search/metric_names', '/api/v1/search/label_names', '/api/v1/search/label_values',
]);

/** A query that is being worked on; when it began (Unix ms). */
interface Slot {
  readonly sinceMs: number;
}

interface TenantSlots {
  readonly taken: Set<Slot>;
  waiting: number;
}

/**
 * Bounds how many queries of a tenant one isolate works on at a time (queriesAtOnceMax). Those over it wait, as in Prometheus, and are
 * refused after a while, or when too many wait already: one tenant's queries can fill neither the memory nor the time of all others.
 *
 * A request whose client hangs up may stop for ever without running its `finally`: its signal frees the slot, and one older than any query
 * may get is taken away. Who waits looks by its own timer: a promise that another request resolves would tie the two.
 */
export class QuerySlots {
  readonly #limitsOf: LimitsOfTenant;
  readonly #limits: SlotLimits;
  readonly #clock: Clock;
  readonly #counters: Counters;
  /** Tenants with queries under way. */
  readonly #tenants = new Map<string, TenantSlots>();

  constructor(limitsOf: LimitsOfTenant, limits: SlotLimits, clock: Clock, counters: Counters) {
    this.#limitsOf = limitsOf;
    this.#limits = limits;
    this.#clock = clock;
    this.#counters = counters;
  }

  /** Takes a slot and returns what frees it, which may be called twice. Throws when none gets free in time. */
  async take(tenant: string, signal: AbortSignal): Promise<() => void> {
    const { queriesAtOnceMax } = this.#limitsOf(tenant);
    const { querySlotWaitMsMax, queriesWaitingMax } = this.#limits;
    const slots = this.#slotsOf(tenant);
    if (this.#taken(slots) >= queriesAtOnceMax) {
      if (slots.waiting >= queriesWaitingMax) this.#refuse(slots, queriesAtOnceMax);
      this.#counters.add('varve_query_waits_total', {}, 1);
      slots.waiting++;
      const stopWaiting = once(() => slots.waiting--);
      signal.addEventListener('abort', stopWaiting);
      try {
        for (let waitedMs = 0; this.#taken(slots) >= queriesAtOnceMax; waitedMs += LOOK_EVERY_MS) {
          if (waitedMs >= querySlotWaitMsMax) this.#refuse(slots, queriesAtOnceMax);
          await this.#clock.sleep(LOOK_EVERY_MS);
          signal.throwIfAborted();
        }
      } finally {
        stopWaiting();
      }
    }
    const slot = { sinceMs: this.#clock.nowMs() };
    slots.taken.add(slot);
    const free = (): void => {
      slots.taken.delete(slot);
      if (slots.taken.size === 0 && slots.waiting === 0 && this.#tenants.get(tenant) === slots) this.#tenants.delete(tenant);
    };
    signal.addEventListener('abort', free);
    return free;
  }

  #slotsOf(tenant: string): TenantSlots {
    let slots = this.#tenants.get(tenant);
    if (slots === undefined) this.#tenants.set(tenant, (slots = { taken: new Set(), waiting: 0 }));
    return slots;
  }

  #taken({ taken }: TenantSlots): number {
    const oldestMs = this.#clock.nowMs() - this.#limits.queryTimeoutMs * 2;
    for (const slot of taken) if (slot.sinceMs < oldestMs) taken.delete(slot);
    return taken.size;
  }

  #refuse({ taken, waiting }: TenantSlots, queriesAtOnceMax: number): never {
    this.#counters.add('varve_query_refusals_total', {}, 1);
    const message = `${taken.size} queries of the tenant are being answered and ${waiting} wait, the limit queriesAtOnceMax is ${queriesAtOnceMax}; try again in ${RETRY_AFTER_SECONDS} s`;
    throw new VarveError('overloaded', message, { retryAfterSeconds: RETRY_AFTER_SECONDS });
  }
}

function once(body: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) body();
    isDone = true;
  };
}

/**
 * Runs requests of routes that are bounded in a slot of their tenant, until the answer has left: what is streamed is read, and kept, while it
 * is sent. Stands behind `authorize`.
 */
export function withQuerySlot(slots: QuerySlots): MiddlewareHandler {
  return async (context, next) => {
    if (!BOUNDED_ROUTES.has(routePath(context, -1))) return next();
    let free: () => void;
    try {
      free = await slots.take(accessOf(context).tenant, context.req.raw.signal);
    } catch (error) {
      return failure(error, requestIdOf(context));
    }
    let isStreamed = false;
    try {
      await next();
      const { res } = context;
      // What has a length is at hand; and nobody reads the body of an answer to HEAD.
      if (!res.headers.has('content-length') && res.body !== null && context.req.raw.method !== 'HEAD') {
        context.res = undefined;
        context.res = new Response(tellingEnd(res.body, free), res);
        isStreamed = true;
      }
    } finally {
      if (!isStreamed) free();
    }
    return undefined;
  };
}

/** A body that says when it has been read to its end, or will not be. */
function tellingEnd(body: ReadableStream<Uint8Array>, ended: () => void): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  const source: UnderlyingSource<Uint8Array> = {
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
      } catch (error) {
        ended();
        throw error;
      }
      ended();
      controller.close();
    },
    async cancel(reason) {
      ended();
      await reader.cancel(reason);
    },
  };
  return new ReadableStream(source, { highWaterMark: 0 });
}
