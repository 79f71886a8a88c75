import { METRIC_NAME } from '../../storage/model/labels.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { liveMaps } from '../../storage/shard-maps.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import { SHARD_RPC_VERSION, type CardinalityShardAnswer } from '../../storage/shard/shard-api.ts';
import type { MissingParts } from '../source/missing-parts.ts';

/** How the series of a tenant spread, over all shards. Times are Unix milliseconds. */
export interface Cardinality {
  readonly seriesCount: number;
  readonly segmentCount: number;
  readonly minTimeMs: number;
  readonly maxTimeMs: number;
  /** By label name: by value: series. */
  readonly labels: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/**
 * Asks one shard after the other, so that one answer stands in memory beside the sum. A series lives on one shard of a map: counts add up. While
 * there are shards of two maps, most series are on one of each, and of each count the larger one stands: no series is counted twice, those that
 * have ended may be missing.
 */
export async function tenantCardinality(shards: TenantShards, missing: MissingParts): Promise<Cardinality> {
  let all: SumOfShards | undefined;
  let sum = new SumOfShards();
  const maps = liveMaps(shards);
  let openMap = maps[0];
  const request = { version: SHARD_RPC_VERSION, selectors: [], startMs: -Infinity, endMs: Infinity, limit: 0 };
  for await (const { shard, answer } of missing.ofShards(shards, (stub) => stub.cardinality(request))) {
    if (answer.status === 'refused') throw new VarveError('limit', answer.message);
    const map = maps.find(({ endShard }) => shard < endShard);
    if (map !== openMap) {
      all = all === undefined ? sum : all.orLarger(sum);
      sum = new SumOfShards();
      openMap = map;
    }
    sum.add(answer);
  }
  return all === undefined ? sum : all.orLarger(sum);
}

/** What shards of one map say together. */
class SumOfShards implements Cardinality {
  seriesCount = 0;
  segmentCount = 0;
  minTimeMs = Infinity;
  maxTimeMs = -Infinity;
  readonly labels = new Map<string, Map<string, number>>();
  #pairs = 0;

  add(answer: CardinalityShardAnswer & { readonly status: 'cardinality' }): void {
    this.#addExtent(answer);
    this.seriesCount += answer.seriesCount;
    for (const { name, values, seriesCounts } of answer.labels) {
      const known = this.#valuesOf(name);
      const before = known.size;
      for (const [i, value] of values.entries()) known.set(value, (known.get(value) ?? 0) + seriesCounts[i]!);
      this.#countPairs(known.size - before);
    }
  }

  /** Takes the counts of the shards of another map where they are larger. */
  orLarger(other: SumOfShards): this {
    this.#addExtent(other);
    this.seriesCount = Math.max(this.seriesCount, other.seriesCount);
    for (const [name, counts] of other.labels) {
      const known = this.#valuesOf(name);
      const before = known.size;
      for (const [value, count] of counts) known.set(value, Math.max(known.get(value) ?? 0, count));
      this.#countPairs(known.size - before);
    }
    return this;
  }

  #addExtent({ segmentCount, minTimeMs, maxTimeMs }: Pick<Cardinality, 'segmentCount' | 'minTimeMs' | 'maxTimeMs'>): void {
    this.segmentCount += segmentCount;
    this.minTimeMs = Math.min(this.minTimeMs, minTimeMs);
    this.maxTimeMs = Math.max(this.maxTimeMs, maxTimeMs);
  }

  #valuesOf(name: string): Map<string, number> {
    let values = this.labels.get(name);
    if (values === undefined) this.labels.set(name, (values = new Map()));
    return values;
  }

  #countPairs(more: number): void {
    const { cardinalityPairsMax } = LIMITS;
    this.#pairs += more;
    if (this.#pairs > cardinalityPairsMax) throw new VarveError('limit', `the series have more label values than one answer counts, the limit cardinalityPairsMax is ${cardinalityPairsMax}; count a part of them with a query, such as count by (job) ({job=~"a.*"})`);
  }
}

interface Statistic {
  readonly name: string;
  readonly value: number;
}

/** The `data` of Prometheus' `status/tsdb`: the largest `limit` of each kind, of equals the first by name. */
export function cardinalityJson({ seriesCount, segmentCount, minTimeMs, maxTimeMs, labels }: Cardinality, limit: number): unknown {
  const valueCounts: Statistic[] = [];
  const bytes: Statistic[] = [];
  const pairs: Statistic[] = [];
  for (const [name, values] of labels) {
    valueCounts.push({ name, value: values.size });
    let valueBytes = 0;
    for (const [value, series] of values) {
      valueBytes += value.length * series;
      pairs.push({ name: `${name}=${value}`, value: series });
    }
    bytes.push({ name, value: valueBytes });
  }
  const isEmpty = minTimeMs > maxTimeMs;
  const metrics = [...(labels.get(METRIC_NAME) ?? [])].map(([name, value]) => ({ name, value }));
  return {
    headStats: {
      numSeries: seriesCount,
      numLabelPairs: pairs.length,
      chunkCount: segmentCount,
      minTime: isEmpty ? 0 : minTimeMs,
      maxTime: isEmpty ? 0 : maxTimeMs,
    },
    seriesCountByMetricName: largest(metrics, limit),
    labelValueCountByLabelName: largest(valueCounts, limit),
    memoryInBytesByLabelName: largest(bytes, limit),
    seriesCountByLabelValuePair: largest(pairs, limit),
  };
}

function largest(statistics: Statistic[], limit: number): Statistic[] {
  return statistics.sort((a, b) => b.value - a.value || (a.name < b.name ? -1 : 1)).slice(0, limit);
}
