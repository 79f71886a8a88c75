import { Flusher } from '../../../storage/archive/flush/flusher.ts';
import { openUpkeep } from '../../../storage/archive/upkeep/open-upkeep.ts';
import { ArchiveFiles } from '../../../storage/catalog/archive-files.ts';
import { CatalogStore } from '../../../storage/catalog/catalog-store.ts';
import { ArchiveTables } from '../../../storage/catalog/iceberg/archive-tables.ts';
import type { ArchiveTableName } from '../../../storage/catalog/iceberg/table-definition.ts';
import { Tombstones } from '../../../storage/catalog/tombstones.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { HotStore } from '../../../storage/shard/hot-store.ts';
import { openRollups, readTieringPolicy, retentionOf, ROLLUP_CODECS } from '../../../storage/warm/open-rollups.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { MemoryObjectStore } from '../../fakes/memory-object-store.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { podShape, SCRAPE_INTERVAL_MS } from '../shapes.ts';
import { shardBatches } from '../shard-batches.ts';

/** What the catalog does to a day of one shard once it is over: merging its files, rolling it up, removing what nobody reads any more. */
export interface UpkeepCounts {
  readonly samples: number;
  readonly alarms: number;
  readonly catalogRows: number;
  readonly objectsWritten: number;
  readonly objectsRead: number;
  readonly listings: number;
  readonly cpuMs: number;
  /** What is left of the day, in bytes, by table; of hours also its rows. */
  readonly coldBytes: number;
  readonly fiveMinuteBytes: number;
  readonly hourBytes: number;
  readonly hourRows: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** The first of a month, so that a day of hours is all that its files have; what a later one costs more is `benchCost`'s to add. */
const START_MS = Date.UTC(2026, 8, 1);
/** A day's files are merged and rolled up in the second, and what they were is removed in the third. */
const UPKEEP_MS = 3 * DAY_MS;
const SERIES_PER_POD = 100;
const SERIES_PER_APPEND = 2_000;

export async function countUpkeep(seriesCount: number, scrapesPerHour: number): Promise<UpkeepCounts> {
  const clock = new FixedClock(START_MS);
  const random = new SeededRandom(1);
  const sql = new NodeSql();
  const hot = new HotStore(sql, LIMITS, { clock, random, retentionMs: 30 * HOUR_MS, isArchived: true });
  const store = new MemoryObjectStore(1000, clock);
  const catalogSql = new NodeSql();
  const seriesHashKey = (): Uint8Array => new Uint8Array(16);
  new CatalogStore(catalogSql, random).routing(1);
  const files = new ArchiveFiles(catalogSql, LIMITS);
  const ports = { store, clock, random, limits: LIMITS, prefix: 'default/archive' };
  const flusher = new Flusher({ ...ports, sql, hot, shard: '1/0', commit: async (request) => files.commit(request, clock.nowMs()), seriesHashKey: async () => seriesHashKey() });
  const tables = new ArchiveTables({ ...ports, sql: catalogSql, baseUri: 's3://bucket' });
  const policy = readTieringPolicy(undefined)('default');
  const options = { ...ports, sql: catalogSql, files, tables, tombstones: new Tombstones(catalogSql, LIMITS), retentionOf: retentionOf(policy), seriesHashKey, moreCodecs: ROLLUP_CODECS };
  const upkeep = openUpkeep(options, [openRollups(options, policy)]);

  const batches = shardBatches(podShape({ seed: 1, podCount: Math.ceil(seriesCount / SERIES_PER_POD), scrapeCount: scrapesPerHour, nowMs: START_MS }).series, 1, SERIES_PER_APPEND);
  // A day, and the first window of the next, which is waited for.
  for (let hour = 0; hour < 25; hour++) {
    for (let scrape = 0; scrape < scrapesPerHour; scrape++) {
      for (const batch of batches) {
        batch.prepare(START_MS + hour * HOUR_MS + scrape * SCRAPE_INTERVAL_MS + 1)(hot);
      }
    }
    clock.advance(HOUR_MS);
    while ((hot.nextDueMs() ?? Infinity) <= clock.nowMs()) hot.maintain();
  }
  clock.advance(LIMITS.archiveGraceMs);
  while ((flusher.nextDueMs() ?? Infinity) <= clock.nowMs()) await flusher.step();
  // That of flushes is counted elsewhere.
  while (tables.isBehind) await tables.publish();

  const { counts } = store;
  const before = { ...counts, rows: catalogSql.rowsWritten(), cpu: process.cpuUsage() };
  const endMs = clock.nowMs() + UPKEEP_MS;
  let alarms = 0;
  for (; ; alarms++) {
    const dueMs = tables.isBehind ? clock.nowMs() : (upkeep.nextDueMs() ?? Infinity);
    if (dueMs > endMs) break;
    if (dueMs > clock.nowMs()) clock.advance(dueMs - clock.nowMs());
    await tables.publish();
    await upkeep.step();
  }
  const { user, system } = process.cpuUsage(before.cpu);
  const left = (table: ArchiveTableName) => files.files({ version: 1, table, startMs: START_MS, endMs: START_MS + DAY_MS, after: undefined }).files.filter(({ minTimeMs }) => minTimeMs < START_MS + DAY_MS);
  const bytesOf = (table: ArchiveTableName): number => left(table).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const samples = left('samples').reduce((sum, { rowCount }) => sum + rowCount, 0);
  if (samples !== seriesCount * 24 * scrapesPerHour) throw new Error(`${samples} samples are left of ${seriesCount * 24 * scrapesPerHour}`);
  if (left('samples').some(({ key }) => !key.includes('-merged-')) || left('rollup_1h').length === 0) throw new Error('the day is not merged and rolled up');
  return {
    samples,
    alarms,
    catalogRows: catalogSql.rowsWritten() - before.rows,
    objectsWritten: counts.create - before.create,
    objectsRead: counts.get + counts.head - before.get - before.head,
    listings: counts.list - before.list,
    cpuMs: (user + system) / 1000,
    coldBytes: bytesOf('samples'),
    fiveMinuteBytes: bytesOf('rollup_5m'),
    hourBytes: bytesOf('rollup_1h'),
    hourRows: left('rollup_1h').reduce((sum, { rowCount }) => sum + rowCount, 0),
  };
}
