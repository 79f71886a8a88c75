import type { Clock } from '../storage/runtime/clock.ts';
import { VarveError } from '../storage/runtime/errors.ts';
import { LIMITS } from '../storage/runtime/limits.ts';
import { LruCache } from '../storage/runtime/lru-cache.ts';
import type { TenantLimits } from '../storage/runtime/tenant-limits.ts';

interface Bucket {
  tokens: number;
  /** When `tokens` was right (Unix ms). */
  atMs: number;
}

/**
 * Samples per second of each tenant: a token bucket that fills at samplesPerSecondMax and holds samplesBurstMax.
 *
 * Each isolate counts for itself. That makes the limit approximate, k isolates that serve a tenant let k times as much through, and it is
 * chosen all the same: a request over the limit is refused whole, before it has cost an RPC or a row. Counted in the shards it would be exact
 * for each of them, but one shard might refuse its part of a request when another has stored its own, and the sender would send, and pay for,
 * all of it again. What protects a shard from all isolates together are its own bounds.
 */
export class SampleRate {
  readonly #clock: Clock;
  readonly #buckets = new LruCache<string, Bucket>(LIMITS.sampleRateTenantsMax);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Takes so many samples from the tenant's bucket, or throws a limit error that says when to come again and takes nothing. What is larger
   * than a whole bucket passes when the bucket is full, and is paid off afterwards: it could never pass otherwise.
   */
  admit(tenant: string, samples: number, limits: TenantLimits): void {
    const bucket = this.#filled(tenant, limits);
    const needed = Math.min(samples, limits.samplesBurstMax);
    if (bucket.tokens >= needed) {
      bucket.tokens -= samples;
      return;
    }
    const retryAfterSeconds = Math.max(1, Math.ceil((needed - bucket.tokens) / limits.samplesPerSecondMax));
    throw new VarveError(
      'limit',
      `${samples} samples are more than the tenant may send now, the limit samplesPerSecondMax is ${limits.samplesPerSecondMax} (samplesBurstMax ${limits.samplesBurstMax}); send them again in ${retryAfterSeconds} s`,
      { retryAfterSeconds },
    );
  }

  /** Takes so many samples whatever is left, and answers how long to wait (ms) until it has been paid off: for doors that can go slower. */
  spend(tenant: string, samples: number, limits: TenantLimits): number {
    const bucket = this.#filled(tenant, limits);
    bucket.tokens -= samples;
    return bucket.tokens >= 0 ? 0 : Math.ceil((-bucket.tokens / limits.samplesPerSecondMax) * 1000);
  }

  #filled(tenant: string, { samplesPerSecondMax, samplesBurstMax }: TenantLimits): Bucket {
    const nowMs = this.#clock.nowMs();
    const known = this.#buckets.get(tenant);
    if (known === undefined) {
      const full = { tokens: samplesBurstMax, atMs: nowMs };
      this.#buckets.set(tenant, full, 1);
      return full;
    }
    // A clock that went back fills nothing.
    known.tokens = Math.min(samplesBurstMax, known.tokens + (Math.max(0, nowMs - known.atMs) / 1000) * samplesPerSecondMax);
    known.atMs = nowMs;
    return known;
  }
}
