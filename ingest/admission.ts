import type { Clock } from '../storage/runtime/clock.ts';
import { VarveError } from '../storage/runtime/errors.ts';
import { limitsForTenant, type LimitsOfTenant, type TenantLimits } from '../storage/runtime/tenant-limits.ts';
import type { LIMITS } from '../storage/runtime/limits.ts';
import { SampleRate } from './sample-rate.ts';

/** Longest sleep at a time of a door that is slowed down. */
const SLEEP_MS_MAX = 1000;

/** What a write request holds, as it was sent. */
export interface RequestSize {
  readonly series: number;
  /** Histograms, too. */
  readonly samples: number;
}

/** What every door asks before it stores anything for a tenant. */
export class Admission {
  readonly #limitsOf: LimitsOfTenant;
  readonly #clock: Clock;
  readonly #limits: typeof LIMITS;
  readonly #rate: SampleRate;
  /** The bounds of the system with a tenant's in their place; one object a tenant's limits. */
  readonly #merged = new WeakMap<TenantLimits, typeof LIMITS>();

  constructor(limitsOf: LimitsOfTenant, limits: typeof LIMITS, clock: Clock) {
    this.#limitsOf = limitsOf;
    this.#limits = limits;
    this.#clock = clock;
    this.#rate = new SampleRate(clock);
  }

  /** All bounds as they are for a tenant. */
  limits(tenant: string): typeof LIMITS {
    const own = this.#limitsOf(tenant);
    let merged = this.#merged.get(own);
    if (merged === undefined) this.#merged.set(own, (merged = limitsForTenant(this.#limits, own)));
    return merged;
  }

  /**
   * A whole request that has been decoded and not sent to any shard. Throws a limit error, with the time to wait, when the tenant sends too
   * much a second; too-large when sending the same again is useless.
   */
  admit(tenant: string, { series, samples }: RequestSize): void {
    const limits = this.#limitsOf(tenant);
    if (series > limits.seriesPerRequestMax) {
      throw new VarveError('too-large', `the request has ${series} series, the limit seriesPerRequestMax is ${limits.seriesPerRequestMax}; send smaller requests`);
    }
    if (samples > limits.samplesPerRequestMax) {
      throw new VarveError('too-large', `the request has ${samples} samples, the limit samplesPerRequestMax is ${limits.samplesPerRequestMax}; send smaller requests`);
    }
    this.#rate.admit(tenant, samples, limits);
  }

  /** Samples of a stream that have been stored: comes back when the tenant's rate allows to go on. `waiting` is called now and then meanwhile. */
  async slowDown(tenant: string, samples: number, waiting: () => void): Promise<void> {
    const limits = this.#limitsOf(tenant);
    let waitMs = this.#rate.spend(tenant, samples, limits);
    while (waitMs > 0) {
      await this.#clock.sleep(Math.min(waitMs, SLEEP_MS_MAX));
      waiting();
      waitMs = this.#rate.spend(tenant, 0, limits);
    }
  }
}
