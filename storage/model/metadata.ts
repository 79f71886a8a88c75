/** What kind of metric a family is: the words of Prometheus' HTTP API. */
export type MetricType = 'unknown' | 'counter' | 'gauge' | 'histogram' | 'gaugehistogram' | 'summary' | 'info' | 'stateset';

/** What is known of a metric family beside its samples; `help` and `unit` may be empty. */
export interface MetadataEntry {
  readonly metric: string;
  readonly type: MetricType;
  readonly help: string;
  readonly unit: string;
}

/** Endings that the series of a family have and the family's name has not, by type. */
const SERIES_SUFFIXES: Readonly<Partial<Record<MetricType, readonly string[]>>> = {
  histogram: ['_bucket', '_sum', '_count'],
  gaugehistogram: ['_bucket', '_gsum', '_gcount'],
  summary: ['_sum', '_count'],
};

/**
 * The family of a series that is named `metric`: what `/api/v1/metadata` lists. Protocols that describe each series name the series; a
 * classic histogram's are three names of one family. A counter keeps its `_total`, as the text format has it.
 */
export function familyOfSeries(metric: string, type: MetricType): string {
  const suffix = SERIES_SUFFIXES[type]?.find((ending) => metric.endsWith(ending) && metric.length > ending.length);
  return suffix === undefined ? metric : metric.slice(0, -suffix.length);
}
