import type { MetadataEntry } from '../../storage/model/metadata.ts';
import type { CacheBudget } from '../../storage/runtime/cache-budget.ts';
import { lastsStill } from '../../storage/runtime/clock.ts';
import type { LIMITS } from '../../storage/runtime/limits.ts';
import type { OtlpOptions } from '../../storage/runtime/otlp-options.ts';
import type { NumberedMap } from '../../storage/shard-maps.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import type { Rejections } from '../rejections.ts';
import { SeriesRefs } from '../series-refs.ts';
import { BatchMemory, ShardBatches } from '../shard-batches.ts';
import type { OutgoingBatch } from '../shard-send.ts';
import { KnownPoints, type PointKnowledge } from './known-points.ts';
import { NotedMetrics } from './noted-metrics.ts';
import { OtlpCollector } from './otlp-collector.ts';
import type { OtlpIdCache } from './otlp-id-cache.ts';
import type { OtlpLabels } from './otlp-labels.ts';
import { OtlpPartIds } from './otlp-part-ids.ts';
import type { OtlpSeriesSink } from './otlp-series.ts';
import { PointsOfSeries } from './points-of-series.ts';
import type { RefusedPoints } from './refused-points.ts';

/** A message to be collected, as far as it is of one shard map. */
export interface OtlpRequest {
  readonly shards: TenantShards;
  /** Whose times are taken. */
  readonly map: NumberedMap;
  /** In protobuf. */
  readonly message: Uint8Array;
  readonly nowMs: number;
  readonly rejections: Rejections;
}

/** What has been collected of a request in one pass. */
export interface CollectedRequest {
  readonly batches: readonly OutgoingBatch[];
  readonly metadata: readonly MetadataEntry[];
  readonly pointCount: number;
  readonly seriesCount: number;
  readonly sampleCount: number;
  readonly points: RefusedPoints;
  /** The request is given up before its metadata is noted: that comes again. Not across an `await`. */
  readonly takeBackMetadata: () => void;
  /** It has been noted. Until then it counts as under way, and if that lasts too long, all metadata comes again. */
  readonly metadataNoted: () => void;
}

/**
 * Collects requests, one after the other, into batches for their shards. Here is what stays between them: known points, what shards call series, and
 * memory that each request uses again.
 */
export class OtlpBatches {
  readonly #cache: OtlpIdCache;
  readonly #labels: OtlpLabels;
  readonly #limits: typeof LIMITS;
  readonly #knowledge: PointKnowledge;
  readonly #refs: SeriesRefs;
  readonly #memory = new BatchMemory();
  readonly #pointsOfSeries = new PointsOfSeries();
  #timesForgotten = 0;
  /** Requests whose metadata is being noted. One whose client has hung up may stop for ever, and never say that it was not. */
  readonly #noting = new Set<{ readonly sinceMs: number }>();

  constructor(cache: OtlpIdCache, labels: OtlpLabels, limits: typeof LIMITS, options: Pick<OtlpOptions, 'promoteScopeMetadata'>, caches?: CacheBudget) {
    this.#cache = cache;
    this.#labels = labels;
    this.#limits = limits;
    this.#knowledge = { cache, labels, partIds: new OtlpPartIds(labels), promotesScope: options.promoteScopeMetadata };
    this.#refs = new SeriesRefs(limits.seriesRefsMax, 'otlp_refs', caches);
  }

  /** `walk` has the sink take the whole message, but for what is of other maps; what it throws is thrown, and then nothing is kept of the request. */
  collect({ shards, map, message, nowMs, rejections }: OtlpRequest, walk: (sink: OtlpSeriesSink) => void): CollectedRequest {
    this.#forgetAbandoned(nowMs);
    this.#cache.begin(shards.hasher, nowMs);
    this.#pointsOfSeries.clear();
    const metrics = new NotedMetrics(this.#cache, this.#labels, this.#metadataPeriod(nowMs));
    const collector = new OtlpCollector({
      limits: this.#limits,
      labels: this.#labels,
      rejections,
      points: new KnownPoints(message, shards.hasher, this.#knowledge),
      metrics,
      pointsOfSeries: this.#pointsOfSeries,
      batches: new ShardBatches(shards, map, this.#limits, this.#memory, this.#refs),
    });
    try {
      walk(collector);
      const { metadata } = metrics;
      const noting = { sinceMs: nowMs };
      const metadataNoted = (): void => void this.#noting.delete(noting);
      const takeBackMetadata = (): void => {
        metrics.takeBack();
        metadataNoted();
      };
      const collected = { ...collector.finish(), metadata, takeBackMetadata, metadataNoted };
      if (metadata.length > 0) this.#noting.add(noting);
      return collected;
    } catch (error) {
      metrics.takeBack();
      throw error;
    } finally {
      this.#pointsOfSeries.rest();
      this.#memory.rest();
    }
  }

  /** What has been handed out was not noted after all, of whatever request: all metadata comes again. */
  forgetMetadata(): void {
    this.#timesForgotten++;
    this.#noting.clear();
  }

  #forgetAbandoned(nowMs: number): void {
    for (const { sinceMs } of this.#noting) if (!lastsStill(sinceMs, this.#limits.requestMemoryMsMax, nowMs)) return this.forgetMetadata();
  }

  /** What a metric's entry holds when its metadata has been noted lately. */
  #metadataPeriod(nowMs: number): number {
    return (1 + Math.floor((nowMs * 4) / this.#limits.metadataRenewMs) + this.#timesForgotten * 2 ** 20) >>> 0;
  }
}
