import { METRIC_NAME } from '../../storage/model/labels.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import { SHARD_RPC_VERSION } from '../../storage/shard/shard-api.ts';
import type { MissingParts } from '../source/missing-parts.ts';

/** How the series of a tenant spread, over all shards. Times are Unix milliseconds. */
export interface Cardinality {
  seriesCount: number;
  segmentCount: number;
  minTimeMs: number;
  maxTimeMs: number;
  /** By label name: by value: series. */
  readonly labels: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** Asks one shard after the other, so that one answer stands in memory beside the sum. A series lives on one shard: counts add up. */
export async function tenantCardinality(shards: TenantShards, missing: MissingParts): Promise<Cardinality> {
  const labels = new Map<string, Map<string, number>>();
  const sum: Cardinality = { seriesCount: 0, segmentCount: 0, minTimeMs: Infinity, maxTimeMs: -Infinity, labels };
  const { cardinalityPairsMax } = LIMITS;
  let pairs = 0;
  const request = { version: SHARD_RPC_VERSION, selectors: [], startMs: -Infinity, endMs: Infinity, limit: 0 };
  for await (const { answer } of missing.ofShards(shards, (stub) => stub.cardinality(request))) {
    if (answer.status === 'refused') throw new VarveError('limit', answer.message);
    sum.seriesCount += answer.seriesCount;
    sum.segmentCount += answer.segmentCount;
    sum.minTimeMs = Math.min(sum.minTimeMs, answer.minTimeMs);
    sum.maxTimeMs = Math.max(sum.maxTimeMs, answer.maxTimeMs);
    for (const { name, values, seriesCounts } of answer.labels) {
      let known = labels.get(name);
      if (known === undefined) labels.set(name, (known = new Map()));
      const before = known.size;
      for (const [i, value] of values.entries()) known.set(value, (known.get(value) ?? 0) + seriesCounts[i]!);
      pairs += known.size - before;
      if (pairs > cardinalityPairsMax) throw new VarveError('limit', `the series have more label values than one answer counts, the limit cardinalityPairsMax is ${cardinalityPairsMax}; count a part of them with a query, such as count by (job) ({job=~"a.*"})`);
    }
  }
  return sum;
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
