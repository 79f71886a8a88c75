import type { Labels } from '../storage/model/labels.ts';
import type { LIMITS } from '../storage/runtime/limits.ts';
import type { TenantShards } from '../storage/shard-router.ts';
import type { Admission, RequestSize } from './admission.ts';
import type { HaTracker } from './ha-tracker.ts';

/** What stands between a decoded write request and the shards: the tenant's limits, and the election of replicas where it is on. */
export class WriteGate {
  readonly #admission: Admission;
  readonly #replicas: HaTracker | undefined;

  constructor(admission: Admission, replicas: HaTracker | undefined) {
    this.#admission = admission;
    this.#replicas = replicas;
  }

  /** The labels that a series is stored with. They depend on nothing else, so that ids may be remembered by what was sent. */
  storedLabels(labels: Labels): Labels {
    return this.#replicas?.withoutReplica(labels) ?? labels;
  }

  /** Whether those are always the ones that were sent. */
  get storesAsSent(): boolean {
    return this.#replicas === undefined;
  }

  /**
   * Whether to store a request, by its first series' labels, which are `undefined` when it has none that is valid; when not, it is to be
   * answered as a success. A promise only where somebody has to be asked: the columns of a request are not its own behind an `await`.
   */
  elects(shards: TenantShards, firstLabels: () => Labels | undefined): boolean | Promise<boolean> {
    if (this.#replicas === undefined) return true;
    const labels = firstLabels();
    return labels === undefined || this.#replicas.accepts(shards, labels);
  }

  /** The bounds of a tenant's requests. */
  limits(tenant: string): typeof LIMITS {
    return this.#admission.limits(tenant);
  }

  /** Throws what Admission.admit does. */
  admit(tenant: string, size: RequestSize): void {
    this.#admission.admit(tenant, size);
  }
}
