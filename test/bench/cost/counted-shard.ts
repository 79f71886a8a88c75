import { Flusher } from '../../../storage/archive/flush/flusher.ts';
import { TenantArchive } from '../../../storage/archive/tenant-archive.ts';
import { ArchiveFiles } from '../../../storage/catalog/archive-files.ts';
import { CatalogStore } from '../../../storage/catalog/catalog-store.ts';
import { ArchiveTables } from '../../../storage/catalog/iceberg/archive-tables.ts';
import { METRIC_NAME } from '../../../storage/model/labels.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { LruCache } from '../../../storage/runtime/lru-cache.ts';
import { HotStore } from '../../../storage/shard/hot-store.ts';
import { readSelectPage } from '../../../storage/shard/select/select-page.ts';
import { SHARD_RPC_VERSION } from '../../../storage/shard/shard-api.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { MemoryObjectStore } from '../../fakes/memory-object-store.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { podShape, SCRAPE_INTERVAL_MS } from '../shapes.ts';
import { shardBatches } from '../shard-batches.ts';

/** What was counted on one shard and its catalog over one hour of samples, each sample's life from the first write into the archive. */
export interface ShardCounts {
  readonly samples: number;
  readonly appends: number;
  /** Maintenance and flush, each a ring of the alarm that sets the next. */
  readonly alarms: number;
  readonly shardRows: number;
  readonly catalogRows: number;
  readonly catalogCalls: number;
  readonly objectsWritten: number;
  readonly objectsRead: number;
  readonly hotBytes: number;
  readonly coldBytes: number;
  readonly hotQuery: QueryCounts;
  readonly coldQuery: QueryCounts;
}

/** One query of a metric over the hour. */
export interface QueryCounts {
  readonly samples: number;
  readonly calls: number;
  readonly objectRequests: number;
  readonly cpuMs: number;
}

const HOUR_MS = 3_600_000;
const START_MS = 20_700 * 24 * HOUR_MS;
const SERIES_PER_POD = 100;
const QUERIED_METRIC = 'http_server_requests_total';

export async function countShard(seriesCount: number, seriesPerAppend: number, scrapeCount: number): Promise<ShardCounts> {
  const clock = new FixedClock(START_MS);
  const random = new SeededRandom(1);
  const sql = new NodeSql();
  const hot = new HotStore(sql, LIMITS, { clock, random, retentionMs: 30 * HOUR_MS, isArchived: true });
  const shape = podShape({ seed: 1, podCount: Math.ceil(seriesCount / SERIES_PER_POD), scrapeCount, nowMs: START_MS });
  const batches = shardBatches(shape.series, 1, seriesPerAppend);
  let appends = 0;
  let alarms = 0;
  const maintain = (): void => {
    for (; (hot.nextDueMs() ?? Infinity) <= clock.nowMs(); alarms++) hot.maintain();
  };
  for (let scrape = 0; scrape < scrapeCount; scrape++) {
    for (const batch of batches) {
      batch.prepare(START_MS + scrape * SCRAPE_INTERVAL_MS)(hot);
      appends++;
      maintain();
    }
    clock.advance(SCRAPE_INTERVAL_MS);
  }
  const hotQuery = queryHot(hot, clock.nowMs());
  const samples = shape.series.length * scrapeCount;
  const hotBytes = sql.sizeBytes();

  const objects = new MemoryObjectStore();
  const catalogSql = new NodeSql();
  new CatalogStore(catalogSql, random).routing(1);
  const files = new ArchiveFiles(catalogSql, LIMITS);
  const tables = new ArchiveTables({ sql: catalogSql, store: objects, clock, random, limits: LIMITS, prefix: 'default/archive', baseUri: 's3://bucket' });
  let catalogCalls = 1;
  const flusher = new Flusher({
    sql, hot, store: objects, clock, random, limits: LIMITS, prefix: 'default/archive', shard: '1/0',
    commit: async (request) => {
      catalogCalls++;
      return files.commit(request, clock.nowMs());
    },
    seriesHashKey: async () => new Uint8Array(16),
  });
  clock.advance(HOUR_MS + LIMITS.archiveGraceMs);
  maintain();
  for (; (flusher.nextDueMs() ?? Infinity) <= clock.nowMs(); alarms++) await flusher.step();
  for (; tables.isBehind; catalogCalls++) await tables.publish();
  if (flusher.counters.archived_samples_total !== samples) throw new Error(`${flusher.counters.archived_samples_total} of ${samples} samples are archived`);
  const objectsWritten = objects.counts.create;
  const objectsRead = objects.counts.get + objects.counts.head;
  const coldBytes = files.files({ version: 1, startMs: 0, endMs: clock.nowMs(), after: undefined }).files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return {
    samples, appends, alarms, shardRows: sql.rowsWritten(), catalogRows: catalogSql.rowsWritten(), catalogCalls, objectsWritten, objectsRead, hotBytes, coldBytes,
    hotQuery, coldQuery: await queryCold(files, objects, clock.nowMs()),
  };
}

const MATCHERS = [{ name: METRIC_NAME, type: '=', value: QUERIED_METRIC }] as const;

function queryHot(hot: HotStore, endMs: number): QueryCounts {
  const before = process.cpuUsage();
  let samples = 0;
  let calls = 0;
  let after: readonly string[] | undefined;
  for (let more = true; more; ) {
    const answer = hot.select({ version: SHARD_RPC_VERSION, matchers: MATCHERS, startMs: 0, endMs, after, samplesMax: Number.MAX_SAFE_INTEGER });
    if (answer.status !== 'page') throw new Error(answer.message);
    calls++;
    for (const { labels, timestampsMs } of readSelectPage(answer.page)) {
      samples += timestampsMs.length;
      after = labels;
    }
    more = answer.more;
  }
  return { samples, calls, objectRequests: 0, cpuMs: cpuMsSince(before) };
}

async function queryCold(catalog: ArchiveFiles, store: MemoryObjectStore, endMs: number): Promise<QueryCounts> {
  const archive = new TenantArchive({ store, cache: new LruCache(LIMITS.archiveTailCacheBytesMax), limits: LIMITS, files: async (request) => catalog.files(request) });
  const requestsBefore = store.counts.get;
  const before = process.cpuUsage();
  const { files } = await archive.plan(0, endMs);
  let samples = 0;
  for await (const { part } of archive.select([...files.values()].flat(), { matchers: MATCHERS, startMs: 0, endMs, samplesMax: Number.MAX_SAFE_INTEGER })) samples += part.to - part.from;
  return { samples, calls: 1, objectRequests: store.counts.get - requestsBefore, cpuMs: cpuMsSince(before) };
}

function cpuMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
