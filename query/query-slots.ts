import type { MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import { lastsStill, type Clock } from '../storage/runtime/clock.ts';
import { VarveError } from '../storage/runtime/errors.ts';
import type { LIMITS } from '../storage/runtime/limits.ts';
import type { Counters } from '../storage/runtime/metrics.ts';
import type { LimitsOfTenant } from '../storage/runtime/tenant-limits.ts';
import { endingBody } from './ending-body.ts';
import { requestIdOf } from './request-id.ts';
import { failure } from './respond.ts';
import { accessOf } from './tenant.ts';

type SlotLimits = Pick<typeof LIMITS, 'querySlotWaitMsMax' | 'queriesWaitingMax' | 'queryAnswerMsMax'>;

/** How often somebody who waits looks again. */
const LOOK_EVERY_MS = 10;
const RETRY_AFTER_SECONDS = 1;
/** With so many tenants, a new one is reason enough to look whether clients of the others are still there. */
const TENANTS_LOOKED_THROUGH_MIN = 1000;

/** Routes that read series or samples: each may hold much in memory while it is worked on. */
const BOUNDED_ROUTES: ReadonlySet<string> = new Set([
  '/api/v1/query', '/api/v1/query_range', '/api/v1/query_exemplars', '/api/v1/read', '/federate',
  '/api/v1/labels', '/api/v1/label/:name/values', '/api/v1/series', '/api/v1/status/tsdb',
  '/api/v1/search/metric_names', '/api/v1/search/label_names', '/api/v1/search/label_values',
]);

/** Of a request that is being worked on, or waits. */
export interface Place {
  /** When it began to (Unix ms). */
  readonly sinceMs: number;
  /** Of its client: aborted when that has gone. */
  readonly signal: AbortSignal;
}

interface TenantSlots {
  readonly taken: Set<Place>;
  readonly waiting: Set<Place>;
}

/**
 * Bounds how many queries of a tenant one isolate works on at a time (queriesAtOnceMax). Those over it wait, as in Prometheus, and are
 * refused after a while, or when too many wait already: one tenant's queries can fill neither the memory nor the time of all others.
 *
 * A request whose client hangs up may stop for ever without running its `finally`: whoever comes next takes its place away when its signal says
 * so, or when it is older than any query or any wait may get. Nobody listens to the signal: a listener is a sixtieth of what a small query costs.
 * Who waits looks by its own timer: a promise that another request resolves would tie the two.
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
    for (const name of ['varve_query_waits_total', 'varve_query_refusals_total']) counters.declare(name, {});
  }

  /** Tenants with queries under way, as far as anybody has looked. */
  get tenantCount(): number {
    return this.#tenants.size;
  }

  /** Takes a slot and returns what frees it, which may be called twice. Throws when none gets free in time. */
  async take(tenant: string, signal: AbortSignal): Promise<() => void> {
    const { queriesAtOnceMax } = this.#limitsOf(tenant);
    const { querySlotWaitMsMax, queriesWaitingMax } = this.#limits;
    const slots = this.#slotsOf(tenant);
    this.#forget(slots);
    if (slots.taken.size >= queriesAtOnceMax) {
      if (slots.waiting.size >= queriesWaitingMax) throw this.#refusal('overloaded', '', slots, queriesAtOnceMax);
      this.#counters.add('varve_query_waits_total', {}, 1);
      const place = { sinceMs: this.#clock.nowMs(), signal };
      slots.waiting.add(place);
      try {
        while (slots.taken.size >= queriesAtOnceMax) {
          if (!lastsStill(place.sinceMs, querySlotWaitMsMax, this.#clock.nowMs())) {
            throw this.#refusal('timeout', `query timed out in query queue (querySlotWaitMsMax is ${querySlotWaitMsMax} ms): `, slots, queriesAtOnceMax);
          }
          await this.#clock.sleep(LOOK_EVERY_MS);
          signal.throwIfAborted();
          // Not at the others who wait: of five hundred, each looks a hundred times a second.
          this.#forgetTaken(slots);
        }
      } finally {
        slots.waiting.delete(place);
      }
    }
    const slot = { sinceMs: this.#clock.nowMs(), signal };
    slots.taken.add(slot);
    return () => {
      slots.taken.delete(slot);
      if (isUnused(slots) && this.#tenants.get(tenant) === slots) this.#tenants.delete(tenant);
    };
  }

  #slotsOf(tenant: string): TenantSlots {
    let slots = this.#tenants.get(tenant);
    if (slots !== undefined) return slots;
    if (this.#tenants.size >= TENANTS_LOOKED_THROUGH_MIN) this.#forgetTenants();
    this.#tenants.set(tenant, (slots = { taken: new Set(), waiting: new Set() }));
    return slots;
  }

  /** Tenants whose last clients have hung up, and who have not come again since. */
  #forgetTenants(): void {
    for (const [tenant, slots] of this.#tenants) {
      this.#forget(slots);
      if (isUnused(slots)) this.#tenants.delete(tenant);
    }
  }

  /** Takes away the places of those whose client has gone, or that must have ended long ago. */
  #forget(slots: TenantSlots): void {
    this.#forgetTaken(slots);
    removeGone(slots.waiting, this.#limits.querySlotWaitMsMax * 2, this.#clock.nowMs());
  }

  #forgetTaken({ taken }: TenantSlots): void {
    removeGone(taken, this.#limits.queryAnswerMsMax, this.#clock.nowMs());
  }

  #refusal(kind: 'overloaded' | 'timeout', begin: string, { taken, waiting }: TenantSlots, queriesAtOnceMax: number): VarveError {
    this.#counters.add('varve_query_refusals_total', {}, 1);
    const message = `${begin}${taken.size} queries of the tenant are being answered and ${waiting.size} wait, the limit queriesAtOnceMax is ${queriesAtOnceMax}; try again in ${RETRY_AFTER_SECONDS} s`;
    return new VarveError(kind, message, { retryAfterSeconds: RETRY_AFTER_SECONDS });
  }
}

function isUnused({ taken, waiting }: TenantSlots): boolean {
  return taken.size === 0 && waiting.size === 0;
}

/** Takes away the places of those whose client has gone, or that must have ended, since a place lasts `placeMsMax`. */
export function removeGone(places: Set<Place>, placeMsMax: number, nowMs: number): void {
  for (const place of places) {
    if (place.signal.aborted || !lastsStill(place.sinceMs, placeMsMax, nowMs)) places.delete(place);
  }
}

/**
 * Runs requests of routes that are bounded in a slot of their tenant, until the answer has left: what is streamed is read, and kept, while it
 * is sent, and all of that takes `answerMsMax` at the longest. Stands behind `authorize`.
 */
export function withQuerySlot(slots: QuerySlots, answerMsMax: number, clock: Clock): MiddlewareHandler {
  return async (context, next) => {
    if (!BOUNDED_ROUTES.has(routePath(context, -1))) return next();
    let free: () => void;
    try {
      free = await slots.take(accessOf(context).tenant, context.req.raw.signal);
    } catch (error) {
      return failure(error, requestIdOf(context));
    }
    const sinceMs = clock.nowMs();
    let isStreamed = false;
    try {
      await next();
      const { res } = context;
      // What has a length is at hand; and nobody reads the body of an answer to HEAD.
      if (!res.headers.has('content-length') && res.body !== null && context.req.raw.method !== 'HEAD') {
        context.res = undefined;
        context.res = new Response(endingBody(res.body, { name: 'queryAnswerMsMax', durationMsMax: answerMsMax }, clock.nowMs() - sinceMs, free), res);
        isStreamed = true;
      }
    } finally {
      if (!isStreamed) free();
    }
    return undefined;
  };
}
