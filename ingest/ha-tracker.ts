import { CATALOG_RPC_VERSION } from '../storage/catalog/catalog-api.ts';
import { dropLabels, labelValue, type Labels } from '../storage/model/labels.ts';
import type { Clock } from '../storage/runtime/clock.ts';
import type { HaConfig } from '../storage/runtime/config.ts';
import { VarveError } from '../storage/runtime/errors.ts';
import type { LIMITS } from '../storage/runtime/limits.ts';
import { LruCache } from '../storage/runtime/lru-cache.ts';
import type { Counters } from '../storage/runtime/metrics.ts';
import type { TenantShards } from '../storage/shard-router.ts';

type TrackerLimits = Pick<typeof LIMITS, 'haRenewMs' | 'haCacheCharactersMax'>;

/** What this isolate was told of a cluster. */
interface Known {
  /** The elected replica. */
  readonly replica: string;
  /** Until then (Unix ms, this isolate's clock) its samples are taken without asking. Only its own claim gives such a time. */
  readonly acceptUntilMs: number;
  /** Until then the samples of others are dropped without asking. */
  readonly dropUntilMs: number;
}

/**
 * Keeps one copy of what pairs of Prometheus servers send that scrape the same. Off unless configured.
 *
 * Decided per request, by the labels of its first series, as Mimir and Cortex do: a sender has the same external labels on all that it sends.
 * A request without both labels is taken as it is. Who is elected is decided in one place, the tenant's catalog (ha-elections.ts); an isolate
 * remembers the answer only as long as it must be true everywhere:
 *
 * - The elected one's samples are taken for `haRenewMs` after its own claim. The claim gave it a lease longer than that, so nobody else is
 *   elected meanwhile, and two replicas are never taken at a time.
 * - Others' samples are dropped until the lease that was told ends. Leases only get longer, so nobody who has been elected is dropped.
 *
 * Times are counted from before the question was asked, by this isolate's clock alone, so that clocks may differ.
 */
export class HaTracker {
  readonly #config: HaConfig;
  readonly #limits: TrackerLimits;
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #replicaName: ReadonlySet<string>;
  readonly #known: LruCache<string, Known>;

  constructor(config: HaConfig, limits: TrackerLimits, clock: Clock, counters: Counters) {
    this.#config = config;
    this.#limits = limits;
    this.#clock = clock;
    this.#counters = counters;
    this.#replicaName = new Set([config.replicaLabel]);
    this.#known = new LruCache(limits.haCacheCharactersMax);
  }

  /**
   * Whether a request is to be stored, by its first series' labels. Another replica's is to be answered as a success, with nothing stored.
   * Throws a limit error when there are too many clusters, and when the catalog cannot be reached.
   */
  async accepts(shards: TenantShards, firstSeries: Labels): Promise<boolean> {
    const cluster = labelValue(firstSeries, this.#config.clusterLabel);
    const replica = labelValue(firstSeries, this.#config.replicaLabel);
    if (cluster === '' || replica === '') return true;
    const isElected = await this.#isElected(shards, cluster, replica);
    if (!isElected) this.#counters.add('varve_ha_dropped_requests_total', {}, 1);
    return isElected;
  }

  /**
   * The labels that a series is stored with: without the replica's where it has both. It depends on nothing but the labels, so that the same
   * series always gets the same id.
   */
  withoutReplica(labels: Labels): Labels {
    if (labelValue(labels, this.#config.replicaLabel) === '' || labelValue(labels, this.#config.clusterLabel) === '') return labels;
    return dropLabels(labels, this.#replicaName);
  }

  async #isElected(shards: TenantShards, cluster: string, replica: string): Promise<boolean> {
    const key = `${shards.tenant.length}:${shards.tenant}${cluster}`;
    const askedMs = this.#clock.nowMs();
    const known = this.#known.get(key);
    if (known !== undefined) {
      if (known.replica === replica && askedMs < known.acceptUntilMs) return true;
      if (known.replica !== replica && askedMs < known.dropUntilMs) return false;
    }
    const answer = await shards.catalog((catalog) => catalog.claimReplica({ version: CATALOG_RPC_VERSION, cluster, replica }));
    if (answer.status === 'refused') throw new VarveError('limit', answer.message);
    const before = this.#known.get(key);
    const acceptMs = Math.min(this.#limits.haRenewMs, answer.leaseMs);
    this.#known.set(
      key,
      {
        replica: answer.replica,
        acceptUntilMs: answer.isElected ? askedMs + acceptMs : before?.replica === answer.replica ? before.acceptUntilMs : -Infinity,
        dropUntilMs: askedMs + answer.leaseMs,
      },
      key.length + answer.replica.length,
    );
    return answer.isElected;
  }
}
