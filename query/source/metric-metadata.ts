import { CATALOG_RPC_VERSION } from '../../storage/catalog/catalog-api.ts';
import type { MetadataEntry } from '../../storage/model/metadata.ts';
import type { TenantShards } from '../../storage/shard-router.ts';

/** Up to so many metrics are asked for one by one; for more the whole list is gone through. */
const ASKED_ONE_BY_ONE_MAX = 16;
const METRICS_PER_PAGE = 1000;

/** What the series of a histogram or summary, or of a counter in OpenMetrics, have behind the name that metadata is kept by. */
const FAMILY_SUFFIX = /_(?:bucket|sum|count|total|created|info)$/;

/** The newest metadata of each of some metrics, under the metric's own name or else its family's. Metrics without any are left out. */
export async function metadataOf(shards: TenantShards, metrics: readonly string[]): Promise<Map<string, MetadataEntry>> {
  const candidates = new Set(metrics.flatMap((metric) => [metric, metric.replace(FAMILY_SUFFIX, '')]));
  const entries = await (metrics.length <= ASKED_ONE_BY_ONE_MAX ? askOneByOne(shards, [...candidates]) : goThrough(shards, candidates));
  const found = new Map<string, MetadataEntry>();
  for (const metric of metrics) {
    const entry = entries.get(metric) ?? entries.get(metric.replace(FAMILY_SUFFIX, ''));
    if (entry !== undefined) found.set(metric, entry);
  }
  return found;
}

async function askOneByOne(shards: TenantShards, metrics: readonly string[]): Promise<Map<string, MetadataEntry>> {
  const request = { version: CATALOG_RPC_VERSION, after: '', metricsMax: 1, perMetricMax: 1 };
  const answers = await Promise.all(metrics.map((metric) => shards.catalog((catalog) => catalog.metadata({ ...request, metric }))));
  return new Map(answers.flatMap(({ entries }) => entries.map((entry) => [entry.metric, entry] as const)));
}

async function goThrough(shards: TenantShards, metrics: ReadonlySet<string>): Promise<Map<string, MetadataEntry>> {
  const found = new Map<string, MetadataEntry>();
  for (let after = ''; ; ) {
    const request = { version: CATALOG_RPC_VERSION, metric: undefined, after, metricsMax: METRICS_PER_PAGE, perMetricMax: 1 };
    const { entries, more } = await shards.catalog((catalog) => catalog.metadata(request));
    // The newest of a metric comes first.
    for (const entry of entries) if (metrics.has(entry.metric) && !found.has(entry.metric)) found.set(entry.metric, entry);
    const last = entries.at(-1);
    if (last === undefined || !more) return found;
    after = last.metric;
  }
}
