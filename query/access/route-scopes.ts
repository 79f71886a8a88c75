import { EXPOSITION_IMPORT_PATH, INFLUX_PATHS, OTLP_PATHS, REMOTE_WRITE_PATHS } from '../../ingest/door-paths.ts';
import type { Scope } from '../../storage/access/access.ts';

/**
 * `open` is for everybody. `read-whole-tenant` needs the scope read, and a key without label matchers: what is answered cannot be restricted
 * to some series. `read-objects` is the same for objects over S3, where a signature counts as a key. `middleware` are handlers that see
 * requests on their way to a route and answer none of their own. One scope counts for all methods of a path.
 */
export type RouteRule = Scope | 'read-whole-tenant' | 'read-objects' | 'open' | 'middleware';

/** Iceberg's REST catalog has everything twice: with the tenant as prefix, and without. */
const ICEBERG_PATHS: readonly string[] = ['/iceberg/v1', '/iceberg/v1/:prefix'].flatMap((base) =>
  ['', '/:namespace', '/:namespace/tables', '/:namespace/views', '/:namespace/views/:view', '/:namespace/tables/:table', '/:namespace/tables/:table/credentials', '/:namespace/tables/:table/metrics'].map(
    (path) => `${base}/namespaces${path}`,
  ),
);

/** What each route needs, by its pattern. A route that is not here is refused, whoever asks: a test looks for each of them. */
const ROUTE_SCOPES: Readonly<Record<string, RouteRule>> = {
  '/*': 'middleware',

  '/': 'open',
  '/-/healthy': 'open',
  '/-/ready': 'open',
  '/metrics': 'read-whole-tenant',
  '/version': 'read',

  ...allOf([...REMOTE_WRITE_PATHS, ...OTLP_PATHS, EXPOSITION_IMPORT_PATH], 'write'),
  ...allOf(INFLUX_PATHS.flatMap(({ write, writeOf2, query }) => [write, writeOf2, query]), 'write'),
  ...allOf(INFLUX_PATHS.flatMap(({ ping, health }) => [ping, health]), 'open'),

  '/api/v1/query': 'read',
  '/api/v1/query_range': 'read',
  '/api/v1/labels': 'read',
  '/api/v1/label/:name/values': 'read',
  '/api/v1/series': 'read',
  '/api/v1/metadata': 'read',
  '/federate': 'read',

  '/api/v1/read': 'read',
  '/api/v1/query_exemplars': 'read',
  '/api/v1/search/metric_names': 'read',
  '/api/v1/search/label_names': 'read',
  '/api/v1/search/label_values': 'read',
  '/api/v1/format_query': 'read',
  '/api/v1/parse_query': 'read',
  '/api/v1/targets': 'read',
  '/api/v1/targets/metadata': 'read',
  '/api/v1/targets/relabel_steps': 'read',
  '/api/v1/scrape_pools': 'read',
  '/api/v1/scrape_pools/config': 'read',
  '/api/v1/rules': 'read',
  '/api/v1/alerts': 'read',
  '/api/v1/alertmanagers': 'read',
  '/api/v1/notifications': 'read',
  '/api/v1/notifications/live': 'read',
  '/api/v1/features': 'read',
  '/api/v1/status/buildinfo': 'read',
  '/api/v1/status/config': 'read',
  '/api/v1/status/flags': 'read',
  '/api/v1/status/runtimeinfo': 'read',
  '/api/v1/status/walreplay': 'read',
  '/api/v1/status/self_metrics': 'read-whole-tenant',
  '/api/v1/openapi.yaml': 'read',
  '/api/v1/status/tsdb': 'read',
  '/api/v1/status/tsdb/blocks': 'read-whole-tenant',
  '/api/v1/status/tiers': 'read-whole-tenant',

  '/iceberg/v1/config': 'read-whole-tenant',
  // It answers with the key that was sent, and with nothing more.
  '/iceberg/v1/oauth/tokens': 'open',
  ...allOf(ICEBERG_PATHS, 'read-whole-tenant'),
  '/objects': 'read-objects',
  '/objects/*': 'read-objects',

  '/api/v1/admin/tsdb/delete_series': 'admin',
  '/api/v1/admin/tsdb/clean_tombstones': 'admin',
  '/api/v1/admin/tsdb/snapshot': 'admin',
  '/api/v1/cdc': 'read',

  '/api/v1/admin/keys': 'admin',
  '/api/v1/admin/keys/:id': 'admin',
  '/api/v1/admin/shards': 'admin',
};

function allOf(patterns: readonly string[], rule: RouteRule): Record<string, RouteRule> {
  return Object.fromEntries(patterns.map((pattern) => [pattern, rule]));
}

export function routeRule(pattern: string): RouteRule | undefined {
  return Object.hasOwn(ROUTE_SCOPES, pattern) ? ROUTE_SCOPES[pattern] : undefined;
}
