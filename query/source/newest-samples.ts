import type { RawSeries } from '../../promql/series-source.ts';
import { compareLabels, compareStrings, labelsKey, labelValue, METRIC_NAME } from '../../storage/model/labels.ts';
import type { Matcher } from '../../storage/model/matcher.ts';
import type { Clock } from '../../storage/runtime/clock.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import type { ExposedSample } from '../text/exposition.ts';
import { TenantSource } from './tenant-source.ts';

/**
 * By metric name, then labels: of each series the newest sample within the look-back, unless that is a stale marker. A part of the data that
 * cannot be read is an error, as is more than querySeriesMax of series.
 */
export async function newestSamples(shards: TenantShards, selectors: readonly (readonly Matcher[])[], clock: Clock, signal: AbortSignal): Promise<ExposedSample[]> {
  const nowMs = clock.nowMs();
  const source = new TenantSource(shards, LIMITS.querySamplesMax, clock);
  const seen = new Set<string>();
  const found: ExposedSample[] = [];
  for (const matchers of selectors) {
    for await (const series of source.select({ matchers, startMs: nowMs - LIMITS.lookbackMs + 1, endMs: nowMs }, signal)) {
      const key = labelsKey(series.labels);
      if (seen.has(key)) continue;
      seen.add(key);
      if (seen.size > LIMITS.querySeriesMax) throw new VarveError('limit', `match[] selects more series than the limit querySeriesMax of ${LIMITS.querySeriesMax}; select fewer`);
      const sample = lastOf(series);
      if (sample !== undefined && sample.name !== '') found.push(sample);
    }
  }
  return found.sort((a, b) => compareStrings(a.name, b.name) || compareLabels(a.labels, b.labels));
}

function lastOf({ labels, timestampsMs, values, isStale, histograms }: RawSeries): ExposedSample | undefined {
  const last = values.length - 1;
  if (isStale?.[last] === 1) return undefined;
  return { name: labelValue(labels, METRIC_NAME), labels, timestampMs: timestampsMs[last]!, value: values[last]!, histogram: histograms?.[last] };
}
