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
  /** When it was asked for. Before that, by a clock that has been set back, it says nothing: nobody knows how long ago it was. */
  readonly askedMs: number;
}

/**
 * Keeps one copy of what pairs of Prometheus servers, or of collectors, send that scrape the same. Off unless configured.
 *
 * Decided per request, by the labels of its first series, as Mimir and Cortex do: a sender has the same external labels on all that it sends,
 * and a collector the same attributes on its resources (otlp-sender.ts).
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
   * Whether a request is to be stored, by its first series' labels; at once where this isolate knows. Another replica's is to be answered as a
   * success, with nothing stored. Rejects with a limit error when there are too many clusters, and when the catalog cannot be reached.
   */
  accepts(shards: TenantShards, firstSeries: Labels): boolean | Promise<boolean> {
    const cluster = labelValue(firstSeries, this.#config.clusterLabel);
    const replica = labelValue(firstSeries, this.#config.replicaLabel);
    if (cluster === '' || replica === '') return true;
    const key = `${shards.tenant.length}:${shards.tenant}${cluster}`;
    const known = this.#recall(key, replica);
    if (known === undefined) return this.#ask(shards, key, cluster, replica);
    return known || this.#drop();
  }

  #drop(): false {
    this.#counters.add('varve_ha_dropped_requests_total', {}, 1);
    return false;
  }

  /**
   * The labels that a series is stored with: without the replica's where it has both. It depends on nothing but the labels, so that the same
   * series always gets the same id.
   */
  withoutReplica(labels: Labels): Labels {
    if (labelValue(labels, this.#config.replicaLabel) === '' || labelValue(labels, this.#config.clusterLabel) === '') return labels;
    return dropLabels(labels, this.#replicaName);
  }

  /** What this isolate knows for sure, if anything. */
  #recall(key: string, replica: string): boolean | undefined {
    const known = this.#known.get(key);
    const nowMs = this.#clock.nowMs();
    if (known === undefined || nowMs < known.askedMs) return undefined;
    const isElected = known.replica === replica;
    return nowMs < (isElected ? known.acceptUntilMs : known.dropUntilMs) ? isElected : undefined;
  }

  async #ask(shards: TenantShards, key: string, cluster: string, replica: string): Promise<boolean> {
    const askedMs = this.#clock.nowMs();
    const answer = await shards.catalog((catalog) => catalog.claimReplica({ version: CATALOG_RPC_VERSION, cluster, replica }));
    if (answer.status === 'refused') throw new VarveError('limit', answer.message);
    const before = this.#known.get(key);
    const acceptMs = Math.min(this.#limits.haRenewMs, answer.leaseMs);
    this.#known.set(
      key,
      {
        replica: answer.replica,
        acceptUntilMs: answer.isElected ? askedMs + acceptMs : before?.replica === answer.replica && before.askedMs <= askedMs ? before.acceptUntilMs : -Infinity,
        dropUntilMs: askedMs + answer.leaseMs,
        askedMs,
      },
      key.length + answer.replica.length,
    );
    return answer.isElected || this.#drop();
  }
}
