/*
 * Where senders find the doors: at their own protocol's path, and where other servers have it, so that senders keep their configuration.
 */

/** Prometheus', Cortex' and Mimir's, GreptimeDB's. */
export const REMOTE_WRITE_PATHS: readonly string[] = ['/api/v1/write', '/api/v1/push', '/v1/prometheus/write'];

/** OTLP's own, and where Prometheus, Mimir, GreptimeDB and VictoriaMetrics have it. */
export const OTLP_PATHS: readonly string[] = ['/v1/metrics', '/api/v1/otlp/v1/metrics', '/otlp/v1/metrics', '/v1/otlp/v1/metrics', '/opentelemetry/v1/metrics'];

/** VictoriaMetrics'. */
export const EXPOSITION_IMPORT_PATH = '/api/v1/import/prometheus';

/** InfluxDB's, of 1.x but for `writeOf2`, and VictoriaMetrics' for the same. The last three are what clients ask before they write. */
export const INFLUX_PATHS = ['', '/influx'].map((prefix) => ({
  write: `${prefix}/write`,
  writeOf2: `${prefix}/api/v2/write`,
  query: `${prefix}/query`,
  ping: `${prefix}/ping`,
  health: `${prefix}/health`,
}));
