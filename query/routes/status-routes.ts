import { Hono } from 'hono';
import { formatDurationMs, FUNCTION_SIGNATURES } from '../../promql/parser/index.ts';
import { compileMatcher } from '../../storage/model/compile-matcher.ts';
import type { Config } from '../../storage/runtime/config.ts';
import { messageOf } from '../../storage/runtime/errors.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { metricFamilies, type Counters } from '../../storage/runtime/metrics.ts';
import { answer } from '../answer.ts';
import { invalidParameter } from '../parameters.ts';
import { success } from '../respond.ts';
import { SELF_METRICS, selfMetricSamples, visibleCounters } from '../self-metrics.ts';
import { SELF_SCRAPE_INTERVAL } from '../self-target.ts';
import { openTenant, type TenantServices } from '../tenant.ts';
import { BUILD_INFO, VARVE_VERSION } from '../version.ts';

export interface StatusServices extends TenantServices {
  readonly counters: Counters;
  readonly config: Config;
  /** When this isolate began (Unix ms). */
  readonly startedMs: number;
}

const ISOLATE_BYTES = 128 * 1024 * 1024;

/** What the server says of itself, to be mounted at `/api/v1`. */
export function statusRoutes(services: StatusServices): Hono {
  const { config } = services;
  const routes = new Hono();
  routes.get('/status/buildinfo', (context) => answer(context, () => success(BUILD_INFO)));
  routes.get('/status/config', (context) => answer(context, () => success({ yaml: configYaml(config) })));
  routes.get('/status/flags', (context) => answer(context, () => success(flags(config))));
  routes.get('/status/runtimeinfo', (context) => answer(context, () => success(runtimeInfo(services))));
  // Shards read their logs back before they answer anything: whoever asks finds nothing left to replay.
  routes.get('/status/walreplay', (context) => answer(context, () => success({ min: 0, max: 0, current: 0 })));
  routes.get('/status/self_metrics', (context) =>
    answer(context, async (parameters) => {
      const isWanted = namePattern(parameters.get('metric_name_pattern') ?? '');
      const counters = visibleCounters(context, services.counters);
      const families = metricFamilies(await selfMetricSamples(await openTenant(services, context), counters), SELF_METRICS);
      return success(families.filter(({ name }) => isWanted(name)));
    }),
  );
  routes.get('/features', (context) => answer(context, () => success(FEATURES)));
  return routes;
}

/** A test of whole names; nothing takes all of them. */
function namePattern(pattern: string): (name: string) => boolean {
  if (pattern === '') return () => true;
  try {
    return compileMatcher({ name: 'name', type: '=~', value: pattern });
  } catch (error) {
    throw invalidParameter('metric_name_pattern', messageOf(error));
  }
}

/** How long samples can be queried, as a duration: files keep them for longer than shards. */
function retention({ archiveUri, archiveRetentionMs, hotRetentionMs }: Config): string {
  return formatDurationMs(archiveUri === undefined ? hotRetentionMs : archiveRetentionMs);
}

/** The part of the configuration that has a place in Prometheus' file. JSON strings are YAML strings. */
function configYaml(config: Config): string {
  return [
    'global:',
    `  scrape_interval: ${SELF_SCRAPE_INTERVAL}`,
    `  scrape_timeout: ${SELF_SCRAPE_INTERVAL}`,
    'storage:',
    '  tsdb:',
    `    out_of_order_time_window: ${formatDurationMs(LIMITS.hotWindowMs)}`,
    '    retention:',
    `      time: ${retention(config)}`,
    '',
  ].join('\n');
}

/** Prometheus' flags that have a counterpart here, with the values that hold. */
function flags(config: Config): Readonly<Record<string, string>> {
  return {
    'enable-feature': 'promql-experimental-functions,promql-duration-expr,promql-extended-range-selectors,promql-delayed-name-removal',
    'query.lookback-delta': formatDurationMs(LIMITS.lookbackMs),
    'query.max-samples': String(LIMITS.querySamplesMax),
    'query.timeout': formatDurationMs(LIMITS.queryTimeoutMs),
    'storage.remote.read-max-bytes-in-frame': String(LIMITS.remoteReadFrameBytesTarget),
    'storage.remote.read-sample-limit': String(LIMITS.remoteReadSamplesMax),
    'storage.tsdb.retention.time': retention(config),
    'web.cors.origin': config.corsOrigin,
    'web.enable-admin-api': 'true',
    'web.enable-lifecycle': 'false',
    'web.enable-remote-write-receiver': 'true',
    'web.search.max-limit': String(LIMITS.searchResultsMax),
  };
}

function runtimeInfo({ clock, config, startedMs }: StatusServices): unknown {
  const started = new Date(startedMs).toISOString();
  return {
    startTime: started,
    CWD: '/',
    hostname: '',
    serverTime: new Date(clock.nowMs()).toISOString(),
    reloadConfigSuccess: true,
    lastConfigTime: started,
    corruptionCount: 0,
    goroutineCount: 1,
    GOMAXPROCS: 1,
    GOMEMLIMIT: ISOLATE_BYTES,
    GOGC: '',
    GODEBUG: '',
    storageRetention: retention(config),
    applicationVersion: VARVE_VERSION,
  };
}

const OPERATORS = ['+', '-', '*', '/', '%', '^', 'atan2', '==', '!=', '<', '<=', '>', '>=', 'and', 'or', 'unless', '@', '</', '>/'];

/** What this build can do, by Prometheus' categories and names. */
const FEATURES: Readonly<Record<string, Readonly<Record<string, boolean>>>> = {
  api: {
    admin: true,
    exclude_alerts: true,
    label_values_match: true,
    lifecycle: false,
    openapi_3_1: true,
    query_stats: true,
    query_warnings: true,
    remote_write_receiver: true,
    search: true,
    time_range_labels: true,
    time_range_series: true,
  },
  prometheus: { agent_mode: false, auto_reload_config: false, stateless: false },
  promql: {
    anchored: true,
    at_modifier: true,
    bool: true,
    delayed_name_removal: true,
    duration_expr: true,
    fill: true,
    group_left: true,
    group_right: true,
    negative_offset: true,
    offset: true,
    per_query_lookback_delta: true,
    smoothed: true,
    subqueries: true,
  },
  promql_functions: Object.fromEntries(Object.keys(FUNCTION_SIGNATURES).map((name) => [name, true])),
  promql_operators: Object.fromEntries(OPERATORS.map((name) => [name, true])),
  rules: { group_limit: false },
  scrape: { self_scrape: true },
  tsdb: { exemplar_storage: true, native_histograms: true, out_of_order: true },
};
