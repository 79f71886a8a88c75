import { lastsStill, type Clock } from '../storage/runtime/clock.ts';
import { VarveError } from '../storage/runtime/errors.ts';
import type { LIMITS } from '../storage/runtime/limits.ts';
import type { Counters } from '../storage/runtime/metrics.ts';

type MemoryLimits = Pick<typeof LIMITS, 'requestMemoryBytesMax' | 'requestMemoryTenantBytesMax' | 'requestMemoryMsMax'>;

/** What one request keeps in memory across its waits. */
export interface HeldMemory {
  /** Throws an overloaded error, with nothing more held, when there is no room for so many more bytes. */
  hold(bytes: number): void;
  drop(bytes: number): void;
}

/** Counts nothing: for a caller that has no other requests beside it. */
export const UNCOUNTED: HeldMemory = { hold: () => {}, drop: () => {} };

/**
 * Bounds what the write requests of one isolate keep in memory together: their bodies, and the batches that are on their way to shards. What
 * a request needs beyond that is there only while it runs, and no other one runs then. One that finds no room is asked to come again, which
 * costs nothing.
 *
 * A request that is alone is never refused: it may be as large as its own limits say. And a request whose client hangs up may stop for ever
 * without closing what it holds: when there is no room, what has not changed for longer than any request takes is given up.
 */
export class RequestMemory {
  readonly #clock: Clock;
  readonly #limits: MemoryLimits;
  readonly #counters: Counters;
  readonly #open = new Set<Holding>();
  #bytes = 0;
  readonly #bytesOf = new Map<string, number>();

  constructor(clock: Clock, limits: MemoryLimits, counters: Counters) {
    this.#clock = clock;
    this.#limits = limits;
    this.#counters = counters;
    for (const whose of ['all', 'tenant']) counters.declare('varve_ingest_requests_without_room_total', { of: whose });
  }

  begin(tenant: string): Holding {
    const holding = new Holding(tenant, this, this.#clock.nowMs());
    this.#open.add(holding);
    return holding;
  }

  /** What HeldMemory.hold does; called by holdings alone, as are the two below. */
  take(holding: Holding, bytes: number): void {
    const { requestMemoryBytesMax, requestMemoryTenantBytesMax, requestMemoryMsMax } = this.#limits;
    if (!this.#open.has(holding)) throw new VarveError('timeout', `nothing of the request has gone on for requestMemoryMsMax (${requestMemoryMsMax} ms), and its place was given to others; send it again`);
    const missing = (): 'all' | 'tenant' | undefined => {
      const ofTenant = this.#bytesOf.get(holding.tenant) ?? 0;
      if (this.#bytes + bytes > requestMemoryBytesMax && this.#bytes > holding.bytes) return 'all';
      return ofTenant + bytes > requestMemoryTenantBytesMax && ofTenant > holding.bytes ? 'tenant' : undefined;
    };
    let whose = missing();
    if (whose !== undefined) {
      this.#giveUpAbandoned();
      whose = missing();
    }
    if (whose === undefined) {
      this.#change(holding, bytes);
      return;
    }
    this.#counters.add('varve_ingest_requests_without_room_total', { of: whose }, 1);
    const reason =
      whose === 'all'
        ? `write requests hold ${this.#bytes} bytes, the limit requestMemoryBytesMax is ${requestMemoryBytesMax}`
        : `write requests of this tenant hold ${this.#bytesOf.get(holding.tenant)} bytes, the limit requestMemoryTenantBytesMax is ${requestMemoryTenantBytesMax}`;
    throw new VarveError('overloaded', `${reason}; try again later`);
  }

  /** Counts less for a holding. */
  give(holding: Holding, bytes: number): void {
    if (this.#open.has(holding)) this.#change(holding, -Math.min(bytes, holding.bytes));
  }

  /** Gives back all that a holding has: its request is over. */
  end(holding: Holding): void {
    if (!this.#open.delete(holding)) return;
    this.#change(holding, -holding.bytes);
    if (this.#bytesOf.get(holding.tenant) === 0) this.#bytesOf.delete(holding.tenant);
  }

  #change(holding: Holding, bytes: number): void {
    holding.touchedMs = this.#clock.nowMs();
    holding.bytes += bytes;
    this.#bytes += bytes;
    this.#bytesOf.set(holding.tenant, (this.#bytesOf.get(holding.tenant) ?? 0) + bytes);
  }

  #giveUpAbandoned(): void {
    const nowMs = this.#clock.nowMs();
    for (const holding of this.#open) if (!lastsStill(holding.touchedMs, this.#limits.requestMemoryMsMax, nowMs)) this.end(holding);
  }
}

export class Holding implements HeldMemory {
  readonly tenant: string;
  bytes = 0;
  /** When it last changed (Unix ms). */
  touchedMs: number;
  readonly #memory: RequestMemory;

  constructor(tenant: string, memory: RequestMemory, nowMs: number) {
    this.tenant = tenant;
    this.touchedMs = nowMs;
    this.#memory = memory;
  }

  hold(bytes: number): void {
    this.#memory.take(this, bytes);
  }

  drop(bytes: number): void {
    this.#memory.give(this, bytes);
  }

  /** The request is answered. */
  close(): void {
    this.#memory.end(this);
  }
}
