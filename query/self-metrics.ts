import type { Context } from 'hono';
import type { CatalogStats } from '../storage/catalog/catalog-api.ts';
import { VarveError } from '../storage/runtime/errors.ts';
import { Counters, renderMetrics, type MetricDefinition, type MetricSample } from '../storage/runtime/metrics.ts';
import type { ShardStats } from '../storage/shard/shard-api.ts';
import { shardNumbers } from '../storage/shard-maps.ts';
import type { TenantShards } from '../storage/shard-router.ts';
import { accessOf } from './tenant.ts';
import { VARVE_VERSION } from './version.ts';

/** Every metric at /metrics. Those of shards count since the object woke, those of the Worker since its isolate began. */
export const SELF_METRICS: Readonly<Record<string, MetricDefinition>> = {
  varve_build_info: { type: 'gauge', help: 'Always 1; the label says which build this is.' },
  varve_http_requests_total: { type: 'counter', help: 'Requests answered, by route and status.' },
  varve_http_request_duration_seconds: { type: 'histogram', help: 'Time from a request to the first byte of its answer, by route; where the clock stands still during computation, the time spent waiting.' },
  varve_query_waits_total: { type: 'counter', help: 'Queries that had to wait for others of their tenant, since as many as queriesAtOnceMax allows were being answered.' },
  varve_query_refusals_total: { type: 'counter', help: 'Queries refused with 503 after such a wait, or because too many waited already.' },
  varve_cdc_refused_streams_total: { type: 'counter', help: 'Streams of the change feed refused with 503, since as many as changeStreamsAtOnceMax or changeStreamsOfTenantMax allow were open.' },
  varve_ingest_samples_total: { type: 'counter', help: 'Samples stored (acknowledged), by protocol.' },
  varve_ingest_histograms_total: { type: 'counter', help: 'Native histogram samples stored (acknowledged), by protocol.' },
  varve_ingest_exemplars_total: { type: 'counter', help: 'Exemplars stored (acknowledged), by protocol.' },
  varve_ingest_rejected_samples_total: { type: 'counter', help: 'Samples and native histogram samples refused, by protocol and kind of reason.' },
  varve_ingest_rejected_exemplars_total: { type: 'counter', help: 'Exemplars refused, by protocol and kind of reason.' },
  varve_ingest_metadata_stored_total: { type: 'counter', help: 'Metric metadata entries that were new to this isolate and are stored.' },
  varve_ingest_metadata_replaced_total: { type: 'counter', help: 'Older metadata entries that made room over metadataPerMetricMax or metadataEntriesMax.' },
  varve_ingest_metadata_refused_total: { type: 'counter', help: 'Metadata entries without a metric name, or with a name or unit over its limit.' },
  varve_ingest_exemplars_left_out_total: { type: 'counter', help: 'Exemplars of imports that were too old to be kept, by protocol.' },
  varve_ingest_late_samples_total: { type: 'counter', help: 'Samples too old for the hot tier, taken for the archive, by protocol.' },
  varve_ingest_influx_text_fields_total: { type: 'counter', help: 'Fields of the Influx line protocol that were texts, and no samples.' },
  varve_ingest_requests_without_room_total: { type: 'counter', help: 'Write requests that were asked to come again because others held too much memory: all of them, or their own tenant.' },
  varve_cache_bytes: { type: 'gauge', help: 'What a cache of this isolate takes, beyond what it begins with; all together at most workerCacheBytesMax.' },
  varve_cache_evictions_total: { type: 'counter', help: 'Times a cache was emptied to make room for others: since it was unused for workerCacheIdleMs, or as the largest.' },
  varve_cache_requests_without_room_total: { type: 'counter', help: 'Requests in which a cache found no room for what was new to it; each such thing costs more CPU every time it comes.' },
  varve_object_bytes_total: { type: 'counter', help: 'Bytes of objects of the archive that were sent to S3 clients, as far as they stayed to hear.' },
  varve_ha_dropped_requests_total: { type: 'counter', help: 'Requests of replicas that are not elected, answered as success and not stored.' },
  varve_shard_up: { type: 'gauge', help: 'Whether the shard answered.' },
  varve_shard_batches_total: { type: 'counter', help: 'Batches accepted; those that arrive together share a WAL row.' },
  varve_shard_batches_without_room_total: { type: 'counter', help: 'Batches sent away because too many waited for their commit (groupCommitBytesMax); their senders come again.' },
  varve_shard_samples_by_ref_total: { type: 'counter', help: 'Samples whose series the Worker named by what the shard had told it, and not by its id.' },
  varve_shard_samples_appended_total: { type: 'counter', help: 'Samples written to the log.' },
  varve_shard_histograms_appended_total: { type: 'counter', help: 'Native histograms written to the log; they are samples too.' },
  varve_shard_exemplars_appended_total: { type: 'counter', help: 'Exemplars stored.' },
  varve_shard_deltas_refused_by_order_total: { type: 'counter', help: 'Samples of delta series refused, since they came behind newer ones and can no longer be added up.' },
  varve_shard_delta_sums_raised_total: { type: 'counter', help: 'Samples of delta series written anew, since others came behind them.' },
  varve_shard_samples_duplicate_total: { type: 'counter', help: 'Samples that were there already: requests sent again.' },
  varve_shard_series_created_total: { type: 'counter', help: 'Series seen for the first time.' },
  varve_shard_series_refused_total: { type: 'counter', help: 'New series refused over the limit activeSeriesMax.' },
  varve_shard_seals_total: { type: 'counter', help: 'Times the log was written out as segments.' },
  varve_shard_merges_total: { type: 'counter', help: 'Times neighbouring segments were merged into larger ones.' },
  varve_shard_samples_pruned_total: { type: 'counter', help: 'Samples removed by a prune; those that retention drops are not counted.' },
  varve_shard_samples_deleted_total: { type: 'counter', help: 'Samples deleted by matcher and time.' },
  varve_shard_samples_refused_by_age_total: { type: 'counter', help: 'Samples refused because everything as old has been pruned.' },
  varve_shard_series_removed_total: { type: 'counter', help: 'Series forgotten after their last sample was dropped.' },
  varve_shard_selects_total: { type: 'counter', help: 'Pages of selects answered.' },
  varve_shard_rows_written_total: { type: 'counter', help: 'SQLite rows written, as they are billed.' },
  varve_shard_series: { type: 'gauge', help: 'Series in the index.' },
  varve_shard_log_entries: { type: 'gauge', help: 'Samples in the log, not yet sealed.' },
  varve_shard_wal_rows: { type: 'gauge', help: 'WAL rows not yet sealed.' },
  varve_shard_segments: { type: 'gauge', help: 'Live segment rows.' },
  varve_shard_snapshots: { type: 'gauge', help: 'Snapshots held.' },
  varve_shard_late_samples: { type: 'gauge', help: 'Samples too old for the hot tier that wait for the archive; no query reads them.' },
  varve_shard_late_bytes: { type: 'gauge', help: 'Their size, compressed; the limit is lateQueueBytesMax.' },
  varve_shard_archived_files_total: { type: 'counter', help: 'Files of samples that were written into the object store.' },
  varve_shard_archived_samples_total: { type: 'counter', help: 'Samples in them.' },
  varve_shard_archived_exemplars_total: { type: 'counter', help: 'Exemplars that were written into files.' },
  varve_shard_archived_exemplars_left_out_total: { type: 'counter', help: 'Exemplars of a window that were not, over archiveExemplarsPerFileMax.' },
  varve_shard_archive_commits_total: { type: 'counter', help: 'Times the catalog took files, or learned that there are none for some time.' },
  varve_shard_archive_flushes_begun_again_total: { type: 'counter', help: 'Flushes numbered anew, since the catalog had later ones of the shard: its storage began anew, or went back to an earlier state.' },
  varve_shard_archive_failures_total: { type: 'counter', help: 'Times the object store or the catalog did not answer a flush, or a row of the shard was damaged; it is tried again.' },
  varve_shard_archive_lag_seconds: { type: 'gauge', help: 'Age of the oldest sample that is not in the archive; a day and some minutes are as it should be.' },
  varve_shard_archive_overdue_seconds: { type: 'gauge', help: 'How late the window of that sample is: 0 until the plan would have it archived.' },
  varve_catalog_up: { type: 'gauge', help: 'Whether the catalog answered, where there is an archive.' },
  varve_catalog_archive_snapshots_total: { type: 'counter', help: 'Snapshots added to the Iceberg tables.' },
  varve_catalog_archive_publish_failures_total: { type: 'counter', help: 'Snapshots that could not be written; they are tried again, and queries do not wait for them.' },
  varve_catalog_archive_step_failures_total: { type: 'counter', help: 'Times a step of the catalog\'s own work failed in the catalog itself, its own storage for example; it waits, longer each time, while others go on, and status/tiers names it. Counted for as long as the catalog lives.' },
  varve_catalog_archive_merges_total: { type: 'counter', help: 'Times the files of a day were merged into few.' },
  varve_catalog_archive_merged_files_total: { type: 'counter', help: 'Files that merges made.' },
  varve_catalog_archive_merge_failures_total: { type: 'counter', help: 'Times the object store did not answer a merge; it is tried again.' },
  varve_catalog_archive_merges_given_up_total: { type: 'counter', help: 'Merges given up, since their files had changed or one could not be read; the files stay as they are.' },
  varve_catalog_archive_expired_files_total: { type: 'counter', help: 'Files that left with their day when their retention was over.' },
  varve_catalog_archive_objects_removed_total: { type: 'counter', help: 'Objects removed that files or snapshots had been, and nobody reads any more.' },
  varve_catalog_archive_orphans_removed_total: { type: 'counter', help: 'Objects removed that nothing referred to: left by a crash.' },
  varve_catalog_archive_adoptions_total: { type: 'counter', help: 'Tables of which the catalog has found a newer state than its own in the object store, and taken it over: its storage had begun anew, or gone back.' },
  varve_catalog_archive_adopted_files_total: { type: 'counter', help: 'Files that it had forgotten and has found again.' },
  varve_catalog_archive_superseded_files_total: { type: 'counter', help: 'Files that it had and that newer state has replaced by others, or let go.' },
  varve_catalog_archive_unreadable_objects_total: { type: 'counter', help: 'Objects named like a file that it may have forgotten, but no files; they stay.' },
  varve_catalog_archive_look_failures_total: { type: 'counter', help: 'Times the object store did not answer when the catalog looked for forgotten files, or an object was damaged; snapshots and upkeep wait for it.' },
  varve_catalog_archive_shard_calls_total: { type: 'counter', help: 'Shards that were asked how far their samples are archived, since they say nothing by themselves.' },
  varve_catalog_mirror_commits_total: { type: 'counter', help: 'Commits to the other Iceberg catalog that the tables are kept in as well.' },
  varve_catalog_mirror_failures_total: { type: 'counter', help: 'Times it did not answer, or refused; it is tried again, and nothing else waits for it.' },
  varve_catalog_archive_expiry_rewritten_files_total: { type: 'counter', help: 'Files written anew without series that a rule keeps for a shorter time than others.' },
  varve_catalog_archive_expired_rows_total: { type: 'counter', help: 'Rows of such series that are gone with that.' },
  varve_catalog_archive_expiry_failures_total: { type: 'counter', help: 'Times the object store did not answer such a rewrite; it is tried again.' },
  varve_catalog_archive_rewritten_files_total: { type: 'counter', help: 'Files written anew without samples that were deleted.' },
  varve_catalog_archive_deleted_samples_total: { type: 'counter', help: 'Samples that went that way.' },
  varve_catalog_archive_rewrite_failures_total: { type: 'counter', help: 'Times the object store did not answer meanwhile; it is tried again.' },
  varve_catalog_metadata_tables_total: { type: 'counter', help: 'Times the table of metadata was written.' },
  varve_catalog_rollup_plans_total: { type: 'counter', help: 'Days of a shard that were rolled up, by table.' },
  varve_catalog_rollup_files_total: { type: 'counter', help: 'Files of roll-ups written.' },
  varve_catalog_rollup_buckets_total: { type: 'counter', help: 'Buckets in them.' },
  varve_catalog_rollup_samples_total: { type: 'counter', help: 'Samples that were rolled up.' },
  varve_catalog_rollup_failures_total: { type: 'counter', help: 'Times the object store did not answer a roll-up; it is tried again.' },
  varve_catalog_rollups_given_up_total: { type: 'counter', help: 'Roll-ups given up, since their files had changed; they are planned anew.' },
  varve_shard_queue_messages_total: { type: 'counter', help: 'Messages of changes that the queue CDC_QUEUE has taken; some perhaps again.' },
  varve_shard_queue_resyncs_total: { type: 'counter', help: 'Times the queue was told that changes are missing, since it fell behind what the log still has.' },
  varve_shard_queue_too_large_total: { type: 'counter', help: 'Samples of which the queue was told that they are missing, since no message can carry their labels or buckets; some perhaps again.' },
  varve_shard_queue_failures_total: { type: 'counter', help: 'Times the queue refused messages or did not answer in time; they are sent again.' },
  varve_shard_queue_lag_rows: { type: 'gauge', help: 'Rows of the log that the queue does not have yet.' },
  varve_shard_damaged_rows: { type: 'gauge', help: 'Rows of its storage that the shard has found damaged since it woke; what needs one is answered with 503. Where varve_shard_up is 0, the one for which the shard cannot open at all.' },
  varve_shard_storage_bytes: { type: 'gauge', help: 'Bytes of the database in use.' },
};

/** What this isolate has counted is about all tenants: whose key is for one sees that one's shards alone. */
export function visibleCounters(context: Context, counters: Counters): Counters {
  return accessOf(context).grant.tenant === undefined ? counters : new Counters();
}

/** The text of /metrics. */
export async function selfMetrics(shards: TenantShards, counters: Counters): Promise<string> {
  return renderMetrics(await selfMetricSamples(shards, counters), SELF_METRICS);
}

/** What all shards and the catalog say, and what this isolate has counted. A shard that does not answer is shown as down. */
export async function selfMetricSamples(shards: TenantShards, counters: Counters): Promise<MetricSample[]> {
  const numbers = shardNumbers(shards);
  const stats = await Promise.all(numbers.map((shard) => shards.call(shard, (stub) => stub.stats()).catch((error: unknown) => error)));
  const samples: MetricSample[] = [{ name: 'varve_build_info', labels: { version: VARVE_VERSION }, value: 1 }, ...counters.samples()];
  numbers.forEach((shard, i) => samples.push(...shardSamples(shard, stats[i] as ShardStats | Error)));
  if (shards.archive !== undefined) samples.push(...catalogSamples(await shards.catalog((stub) => stub.stats()).catch(() => undefined)));
  return samples;
}

function catalogSamples(stats: CatalogStats | undefined): MetricSample[] {
  const values = Object.entries(stats?.counters ?? {});
  return [{ name: 'varve_catalog_up', labels: {}, value: stats === undefined ? 0 : 1 }, ...values.map(([name, value]) => ({ name: `varve_catalog_${name}`, labels: {}, value }))];
}

/** One that cannot open for a damaged row says nothing but that: the row is counted all the same, so that it differs from one that is away. */
function shardSamples(shard: number, stats: ShardStats | Error): MetricSample[] {
  const labels = { shard: String(shard) };
  const up = { name: 'varve_shard_up', labels, value: stats instanceof Error ? 0 : 1 };
  if (stats instanceof Error) return stats instanceof VarveError && stats.kind === 'damaged' ? [up, { name: 'varve_shard_damaged_rows', labels, value: 1 }] : [up];
  const values = Object.entries({ ...stats.counters, ...stats.gauges });
  return [up, ...values.map(([name, value]) => ({ name: `varve_shard_${name}`, labels, value }))];
}
