/** What is known of the scraped data when the queries are written: everything that must not fall on a sample is made of these. */
export interface QueryContext {
  /**
   * Evaluation times end with this fraction of a second, 1 to 999. A subquery's steps fall on whole seconds instead; a range that ends there
   * reaches back by this much more, so that its far edge avoids the samples as well.
   */
  readonly fractionMs: number;
  readonly nodeInstance: string;
}

export interface InteropQuery {
  readonly expression: string;
  /** A matrix can only be asked for at one instant. */
  readonly isInstantOnly: boolean;
  /** The order of an instant answer is part of it. */
  readonly isOrdered: boolean;
  /** An empty answer proves nothing, so it counts as a failure unless it is the right one. */
  readonly isEmpty: boolean;
}

function query(expression: string, options: Partial<Omit<InteropQuery, 'expression'>> = {}): InteropQuery {
  return { expression, isInstantOnly: false, isOrdered: false, isEmpty: false, ...options };
}

/**
 * In the language of Prometheus 2.42, and only what means the same in 3.x. All look back at most 30 s: the data is not older than a minute.
 * Series that may be born in between are not asked for their rate: how far to extrapolate from a counter's birth has changed since. Nor is
 * the choice among equals (`topk` of ties) or the difference of nearly equal sums, on which two right engines may disagree.
 */
export function interopQueries(context: QueryContext): InteropQuery[] {
  const node = `job="node"`;
  const self = `job="prometheus"`;
  const oddRange = `10s${context.fractionMs}ms`;
  return [
    // Selectors: all four matchers, offset, what was stored and nothing else.
    query('up'),
    query(`node_cpu_seconds_total{${node}, mode!="idle"}`),
    query('{__name__=~"node_(memory|filesystem)_.+", device!~"tmp.*"}'),
    query(`{instance="${context.nodeInstance}", __name__!~"node_.*|go_.*|process_.*"}`),
    query(`{${self}, le="+Inf"}`),
    query('node_load1 offset 7s'),
    query('up[10s]', { isInstantOnly: true }),
    query('{job=~".+"}'),
    query('count by (job) ({job=~".*", instance!=""})'),
    query('sum by (job) (count_over_time(up[20s])) + on (job) sum by (job) (count_over_time(go_threads[20s]))'),
    query('absent(up{job="nobody"})'),
    query('absent(up)', { isEmpty: true }),
    // Functions over ranges.
    query(`sum by (mode) (rate(node_cpu_seconds_total{${node}}[15s]))`),
    query('rate(prometheus_tsdb_head_samples_appended_total[10s])'),
    query('increase(process_cpu_seconds_total[20s])'),
    query('irate(node_context_switches_total[10s])'),
    query('delta(node_memory_MemFree_bytes[15s])'),
    query('idelta(go_goroutines[10s]) + deriv(process_resident_memory_bytes[15s])'),
    query('avg_over_time(go_memstats_alloc_bytes[15s]) / on (instance) min_over_time(go_memstats_alloc_bytes[15s])'),
    query('max_over_time(node_load1[10s]) + last_over_time(node_load5[10s]) + sum_over_time(node_load15[10s])'),
    query('stddev_over_time(go_memstats_heap_inuse_bytes[20s]) + stdvar_over_time(scrape_duration_seconds[20s])'),
    query('quantile_over_time(0.9, scrape_duration_seconds[20s])'),
    query('changes(go_memstats_alloc_bytes[20s]) + resets(go_memstats_alloc_bytes[20s])'),
    query(`max_over_time(rate(node_context_switches_total[${oddRange}])[15s:3s])`),
    // Aggregators.
    query('count by (__name__) ({__name__=~"go_.+"})'),
    query('sum without (cpu) (node_cpu_seconds_total)'),
    query('avg by (job, instance) (scrape_samples_scraped) + min by (job, instance) (scrape_duration_seconds)'),
    query('max(node_filesystem_size_bytes) - group(up)'),
    query('stddev(go_memstats_sys_bytes) + stdvar(go_threads)'),
    query('topk(3, node_cpu_seconds_total)'),
    query('bottomk by (job) (2, {__name__=~"go_memstats_(mcache_inuse|mspan_inuse|stack_inuse|gc_sys)_bytes"})'),
    query('quantile by (cpu) (0.75, node_cpu_seconds_total)'),
    query('count_values("value", go_threads)'),
    // Binary operators and matching.
    query('(node_filesystem_size_bytes - node_filesystem_avail_bytes) / node_filesystem_size_bytes * 100'),
    query('node_cpu_seconds_total / ignoring (mode) group_left sum without (mode) (node_cpu_seconds_total)'),
    query('node_load1 * on (instance) group_left (nodename, release) node_uname_info'),
    query('go_goroutines > bool 20 == 1'),
    query('go_memstats_alloc_bytes <= 1e9 and on (job) up == 1'),
    query(`up{${node}} or on (job) go_info unless on (instance) go_threads{${self}}`),
    query('2 ^ (go_threads % 5) atan2 -process_open_fds'),
    // Histograms, scalars, labels, time.
    query('histogram_quantile(0.9, sum by (le, job) (rate(prometheus_http_request_duration_seconds_bucket{handler="/metrics"}[20s])))'),
    query('histogram_quantile(0.5, prometheus_http_response_size_bytes_bucket)'),
    query('scalar(node_load1) + clamp_max(round(go_memstats_alloc_bytes, 1024), 1e7) + on () group_left vector(time())'),
    query('label_replace(label_join(up, "where", "@", "job", "instance"), "port", "$1", "instance", ".*:(.+)")'),
    query('hour(node_time_seconds) * 60 + minute(node_time_seconds) + on () day_of_week()'),
    query('timestamp(up) - time() < 5'),
    query('sort_desc({__name__=~"node_memory_(MemTotal|MemFree|Active|Slab)_bytes"})', { isOrdered: true }),
    query('sort({__name__=~"node_memory_(MemTotal|MemFree|Active|Slab)_bytes"})', { isOrdered: true }),
  ];
}
