/**
 * Names of test files, without `.test.ts`. What measures memory or time has a process of its own, and so has what runs for long: in one where much else has run before it is
 * slower. So has what changes Node for all that comes behind it (fakes/remembered-zstd.ts), or asks what V8 has learned.
 */
export const ALONE: readonly string[] = [
  '*-crash', '*.fuzz', 'archive-upkeep', 'body-stream', 'cache-memory', 'catalog-recovery', 'committed-flushes', 'crash', 'every-codec', 'file-merger', 'flusher', 'found-files', 'hostile', 'hot-store', 'kept-objects', 'line-splitter', 'memory',
  'merge-runs', 'metadata-sink', 'operations-random', 'orphan-sweep', 'otlp-id-cache', 'query-limits', 'recovery-time', 'rollup-builder', 'seal-in-steps', 'series-expiry', 'shard-calls', 'time-gap', 'time-series-store-archive-random', 'tiny', 'tombstones',
];
