import { EXPOSITION_IMPORT_PATH, INFLUX_PATHS, OTLP_PATHS, REMOTE_WRITE_PATHS } from '../../ingest/door-paths.ts';

/** One path of the API as the OpenAPI document describes it. */
export interface Operation {
  /** As the router has it. */
  readonly path: string;
  readonly methods: readonly ('GET' | 'POST' | 'PUT' | 'DELETE')[];
  readonly summary: string;
  readonly parameters?: readonly string[];
  /** The media type of success: `json` is the envelope, the default; `none` is 204. */
  readonly answer?: string;
  /** Media types of the request's body where that is more than a form of the parameters. */
  readonly body?: readonly string[];
}

const READ = ['GET'] as const;
const SEND = ['POST'] as const;
const BOTH = ['GET', 'POST'] as const;
const CHANGE = ['POST', 'PUT'] as const;
const EVALUATION = ['timeout', 'limit', 'lookback_delta', 'max_source_resolution', 'stats', 'explain', 'partial_response'];
const LABELS = ['match[]', 'start', 'end', 'limit', 'partial_response'];
const SEARCH = ['search[]', 'fuzz_threshold', 'fuzz_alg', 'case_sensitive', 'sort_by', 'sort_dir', 'include_score', 'batch_size', ...LABELS];
const NDJSON = 'application/x-ndjson';
/** Which of them are heeded is said where they are read. */
const INFLUX = ['db', 'bucket', 'precision'];
const TEXT = 'text/plain';
const JSON_TYPE = 'application/json';
const XML = 'application/xml';
const BYTES = 'application/octet-stream';
const PROTOBUF = 'application/x-protobuf';

/** Every path that is served; a test holds it against the router. */
export const API_OPERATIONS: readonly Operation[] = [
  { path: '/api/v1/query', methods: BOTH, summary: 'Evaluates a query at one time.', parameters: ['query', 'time', ...EVALUATION] },
  { path: '/api/v1/query_range', methods: BOTH, summary: 'Evaluates a query over a range of time.', parameters: ['query', 'start', 'end', 'step', ...EVALUATION] },
  { path: '/api/v1/query_exemplars', methods: BOTH, summary: 'Exemplars of the series that a query selects.', parameters: ['query', 'start', 'end', 'partial_response'] },
  { path: '/api/v1/format_query', methods: BOTH, summary: 'Lays a query out.', parameters: ['query'] },
  { path: '/api/v1/parse_query', methods: BOTH, summary: 'The syntax tree of a query.', parameters: ['query'] },
  { path: '/api/v1/labels', methods: BOTH, summary: 'Label names.', parameters: LABELS },
  { path: '/api/v1/label/:name/values', methods: READ, summary: 'Values of a label.', parameters: LABELS },
  { path: '/api/v1/series', methods: BOTH, summary: 'Label sets of series.', parameters: LABELS },
  { path: '/api/v1/search/metric_names', methods: BOTH, summary: 'Searches metric names.', parameters: ['include_metadata', ...SEARCH], answer: NDJSON },
  { path: '/api/v1/search/label_names', methods: BOTH, summary: 'Searches label names.', parameters: SEARCH, answer: NDJSON },
  { path: '/api/v1/search/label_values', methods: BOTH, summary: 'Searches the values of a label.', parameters: ['label', ...SEARCH], answer: NDJSON },
  { path: '/api/v1/metadata', methods: READ, summary: 'Type, help and unit of metrics.', parameters: ['metric', 'limit', 'limit_per_metric'] },
  { path: '/api/v1/targets', methods: READ, summary: 'Scrape targets: Varve itself, where it scrapes itself.', parameters: ['state', 'scrapePool'] },
  { path: '/api/v1/targets/metadata', methods: READ, summary: 'Metadata of scraped targets: none.', parameters: ['match_target', 'metric', 'limit'] },
  { path: '/api/v1/targets/relabel_steps', methods: READ, summary: 'Steps of relabelling a target: none, of the pool of Varve itself.', parameters: ['scrapePool', 'labels'] },
  { path: '/api/v1/scrape_pools', methods: READ, summary: 'Names of scrape pools.' },
  { path: '/api/v1/scrape_pools/config', methods: READ, summary: 'Configuration of a scrape pool.', parameters: ['scrapePool'] },
  { path: '/api/v1/rules', methods: READ, summary: 'Rule groups.', parameters: ['type', 'rule_name[]', 'rule_group[]', 'file[]', 'match[]', 'exclude_alerts', 'group_limit', 'group_next_token'] },
  { path: '/api/v1/alerts', methods: READ, summary: 'Active alerts.' },
  { path: '/api/v1/alertmanagers', methods: READ, summary: 'Alertmanagers.' },
  { path: '/api/v1/notifications', methods: READ, summary: 'Notices of the server.' },
  { path: '/api/v1/notifications/live', methods: READ, summary: 'A stream of notices: refused with 204.', answer: 'none' },
  { path: '/api/v1/features', methods: READ, summary: 'What this build can do.' },
  { path: '/api/v1/status/buildinfo', methods: READ, summary: 'The version.' },
  { path: '/api/v1/status/config', methods: READ, summary: 'The configuration.' },
  { path: '/api/v1/status/flags', methods: READ, summary: 'Flags of Prometheus that have a counterpart, with their values.' },
  { path: '/api/v1/status/runtimeinfo', methods: READ, summary: 'The running server.' },
  { path: '/api/v1/status/walreplay', methods: READ, summary: 'Progress of reading the log back.' },
  { path: '/api/v1/status/self_metrics', methods: READ, summary: 'The server’s own metrics as JSON.', parameters: ['metric_name_pattern'] },
  { path: '/api/v1/status/tsdb', methods: READ, summary: 'Cardinality of the hot tier.', parameters: ['limit'] },
  { path: '/api/v1/status/tsdb/blocks', methods: READ, summary: 'Segments of the hot tier.' },
  { path: '/api/v1/status/tiers', methods: READ, summary: 'What each tier holds, how far the archive is behind, and what it does next.' },
  { path: '/api/v1/openapi.yaml', methods: READ, summary: 'This document.', answer: 'application/yaml' },
  { path: '/api/v1/cdc', methods: READ, summary: 'The change feed as Server-Sent Events.', parameters: ['match[]', 'cursor', 'per_sample', 'live'], answer: 'text/event-stream' },
  { path: '/api/v1/read', methods: SEND, summary: 'Prometheus remote read, samples or streamed XOR chunks.', answer: PROTOBUF, body: [PROTOBUF] },
  ...REMOTE_WRITE_PATHS.map((path): Operation => ({ path, methods: SEND, summary: 'Prometheus remote write, 1.0 and 2.0 by content type.', answer: 'none', body: [PROTOBUF] })),
  ...OTLP_PATHS.map((path): Operation => ({ path, methods: SEND, summary: 'OTLP metrics.', answer: PROTOBUF, body: [PROTOBUF, JSON_TYPE] })),
  { path: EXPOSITION_IMPORT_PATH, methods: SEND, summary: 'Imports samples of any age in the text exposition format, or in OpenMetrics.', answer: 'none', body: [TEXT, 'application/openmetrics-text'] },
  ...INFLUX_PATHS.flatMap(({ write, writeOf2, query, ping, health }): Operation[] => [
    { path: write, methods: SEND, summary: 'Imports Influx line protocol.', parameters: INFLUX, answer: 'none', body: [TEXT] },
    { path: writeOf2, methods: SEND, summary: 'Imports Influx line protocol.', parameters: INFLUX, answer: 'none', body: [TEXT] },
    { path: query, methods: BOTH, summary: 'What Influx clients ask before they write.', answer: JSON_TYPE },
    { path: ping, methods: READ, summary: 'What Influx clients ask before they write.', answer: 'none' },
    { path: health, methods: READ, summary: 'What Influx clients ask before they write.', answer: JSON_TYPE },
  ]),
  { path: '/iceberg/v1/config', methods: READ, summary: 'What clients of the Iceberg REST catalog are configured with.', parameters: ['warehouse'], answer: JSON_TYPE },
  { path: '/iceberg/v1/oauth/tokens', methods: SEND, summary: 'Gives a key back as an access token.', answer: JSON_TYPE, body: ['application/x-www-form-urlencoded'] },
  ...['/iceberg/v1/namespaces', '/iceberg/v1/:prefix/namespaces'].flatMap((path): Operation[] => [
    { path, methods: READ, summary: 'Namespaces of the catalog.', parameters: ['parent'], answer: JSON_TYPE },
    { path: `${path}/:namespace`, methods: READ, summary: 'A namespace; HEAD asks whether it exists.', answer: JSON_TYPE },
    { path: `${path}/:namespace/tables`, methods: READ, summary: 'Tables that have a snapshot.', answer: JSON_TYPE },
    { path: `${path}/:namespace/tables/:table`, methods: READ, summary: 'The metadata of a table; HEAD asks whether it exists.', parameters: ['snapshots'], answer: JSON_TYPE },
    { path: `${path}/:namespace/tables/:table/credentials`, methods: READ, summary: 'What the objects of a table are read with.', answer: JSON_TYPE },
    { path: `${path}/:namespace/tables/:table/metrics`, methods: SEND, summary: 'Takes a report of a scan.', answer: 'none', body: [JSON_TYPE] },
    { path: `${path}/:namespace/views`, methods: READ, summary: 'Views: none.', answer: JSON_TYPE },
    { path: `${path}/:namespace/views/:view`, methods: READ, summary: 'A view: there is none.', answer: JSON_TYPE },
  ]),
  { path: '/objects', methods: READ, summary: 'Buckets as S3 lists them.', answer: XML },
  { path: '/objects/*', methods: READ, summary: 'An object of the archive, or a list of them, as S3 does it.', parameters: ['list-type', 'prefix', 'delimiter', 'max-keys', 'start-after', 'continuation-token', 'encoding-type', 'location'], answer: BYTES },
  { path: '/api/v1/admin/keys', methods: BOTH, summary: 'Lists keys (GET) and makes one (POST).', body: [JSON_TYPE] },
  { path: '/api/v1/admin/keys/:id', methods: ['DELETE'], summary: 'Revokes a key.' },
  { path: '/api/v1/admin/shards', methods: BOTH, summary: 'A tenant’s shard maps (GET); another number of shards from an hour on that is to come (POST).', body: [JSON_TYPE] },
  { path: '/api/v1/admin/tsdb/delete_series', methods: CHANGE, summary: 'Deletes samples by matcher and time.', parameters: ['match[]', 'start', 'end'], answer: 'none' },
  { path: '/api/v1/admin/tsdb/clean_tombstones', methods: CHANGE, summary: 'Removes deleted samples from the archive’s files now, which happens by and by otherwise.', answer: 'none' },
  { path: '/api/v1/admin/tsdb/snapshot', methods: ['GET', ...CHANGE, 'DELETE'], summary: 'Takes a snapshot of every shard (POST), lists snapshots (GET), or forgets one (DELETE).', parameters: ['skip_head', 'name'] },
  { path: '/federate', methods: READ, summary: 'The newest sample of each series, as text or delimited protobuf.', parameters: ['match[]'], answer: TEXT },
  { path: '/metrics', methods: READ, summary: 'The server’s own metrics.', answer: TEXT },
  { path: '/version', methods: READ, summary: 'The version.', answer: JSON_TYPE },
  { path: '/', methods: READ, summary: 'A page for browsers: what is served here.', answer: 'text/html' },
  { path: '/-/healthy', methods: READ, summary: 'Whether the server runs.', answer: TEXT },
  { path: '/-/ready', methods: READ, summary: 'Whether every shard answers.', answer: TEXT },
];
