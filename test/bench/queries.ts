/** A query of `bench -- query`. Range queries walk the loaded hour in steps of 15 s; instant queries ask for its end. */
export interface BenchQuery {
  readonly name: string;
  readonly kind: 'range' | 'instant';
  readonly expression: string;
}

/** Over the series of `fleetShape`. Each is there for another part of the engine. */
export const BENCH_QUERIES: readonly BenchQuery[] = [
  { name: 'raw selector', kind: 'range', expression: 'bench_temperature_celsius{zone="a"}' },
  { name: 'sum of rate', kind: 'range', expression: 'sum(rate(bench_requests_total[5m]))' },
  { name: 'rate by labels', kind: 'range', expression: 'sum by (job, status) (rate(bench_requests_total[5m]))' },
  { name: 'share of errors', kind: 'range', expression: 'sum by (job) (rate(bench_requests_total{status="500"}[5m])) / sum by (job) (rate(bench_requests_total[5m]))' },
  { name: 'topk', kind: 'range', expression: 'topk(5, sum by (instance) (rate(bench_requests_total[5m])))' },
  { name: 'histogram_quantile', kind: 'range', expression: 'histogram_quantile(0.99, sum by (le, route) (rate(bench_request_duration_seconds_bucket[5m])))' },
  { name: 'one-to-one match', kind: 'range', expression: 'bench_memory_mebibytes{area="heap"} / on (instance) bench_memory_mebibytes{area="limit"}' },
  { name: 'many-to-one match', kind: 'range', expression: 'bench_memory_mebibytes * on (instance) group_left (version) bench_build_info' },
  { name: 'regex selector', kind: 'range', expression: 'avg by (area) (bench_memory_mebibytes{instance=~"host-0[0-4].:.*"})' },
  { name: 'avg_over_time', kind: 'range', expression: 'max by (zone) (avg_over_time(bench_temperature_celsius[10m]))' },
  { name: 'count all', kind: 'range', expression: 'count({__name__=~"bench_.+"})' },
  { name: 'one series', kind: 'range', expression: 'rate(bench_requests_total{instance="host-007:9100", method="GET", status="200"}[5m])' },
  { name: 'instant sum of rate', kind: 'instant', expression: 'sum by (job) (rate(bench_requests_total[5m]))' },
  { name: 'instant raw', kind: 'instant', expression: 'bench_memory_mebibytes' },
  { name: 'instant quantile', kind: 'instant', expression: 'histogram_quantile(0.9, sum by (le) (rate(bench_request_duration_seconds_bucket[30m])))' },
  { name: 'instant count', kind: 'instant', expression: 'count by (__name__) ({__name__=~"bench_.+"})' },
];
