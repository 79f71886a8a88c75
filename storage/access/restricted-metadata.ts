import type { CatalogApi, MetadataAnswer, MetadataRequest } from '../catalog/catalog-api.ts';
import { METRIC_NAME } from '../model/labels.ts';
import { VarveError } from '../runtime/errors.ts';
import { shardNumbers } from '../shard-maps.ts';
import type { TenantShards } from '../shard-router.ts';
import { stringsOf } from '../shard/select/label-answers.ts';
import { LABELS_RPC_VERSION } from '../shard/shard-api.ts';

/** What the series of one metric may be called beside its own name: histograms, summaries, OpenMetrics. */
const SUFFIXES = ['', '_bucket', '_sum', '_count', '_total', '_created', '_info'];
/** Metrics asked for at a time: of a page there may be none that can be seen. */
const METRICS_PER_PAGE = 1000;
const TIME_MS_MAX = 8.64e15;

/** The names of all series that these shards, restricted already, show. */
export async function visibleNames(shards: Pick<TenantShards, 'call' | 'maps'>): Promise<Set<string>> {
  const request = { version: LABELS_RPC_VERSION, selectors: [], startMs: -TIME_MS_MAX, endMs: TIME_MS_MAX, limit: 0 };
  const answers = await Promise.all(shardNumbers(shards).map((shard) => shards.call(shard, (stub) => stub.labelValues(METRIC_NAME, request))));
  const names = new Set<string>();
  for (const answer of answers) {
    if (answer.status === 'refused') throw new VarveError('execution', answer.message);
    for (const name of stringsOf(answer)) names.add(name);
  }
  return names;
}

/** A page of metadata as if the catalog held only metrics whose series have one of these names. */
export async function visibleMetadata(catalog: CatalogApi, request: MetadataRequest, names: ReadonlySet<string>): Promise<MetadataAnswer> {
  const isVisible = (metric: string): boolean => SUFFIXES.some((suffix) => names.has(metric + suffix));
  let { after } = request;
  for (;;) {
    const page = await catalog.metadata({ ...request, after, metricsMax: Math.max(request.metricsMax, METRICS_PER_PAGE) });
    const last = page.entries.at(-1);
    const visible = page.entries.filter(({ metric }) => isVisible(metric));
    const metrics = [...new Set(visible.map(({ metric }) => metric))];
    const taken = new Set(metrics.slice(0, request.metricsMax));
    const entries = visible.filter(({ metric }) => taken.has(metric));
    if (entries.length > 0 || !page.more || last === undefined) return { ...page, entries, more: page.more || metrics.length > request.metricsMax };
    after = last.metric;
  }
}
