import { SamplesFileWriter } from '../../../storage/archive/files/samples-file-writer.ts';
import { FileMerger } from '../../../storage/archive/rewrite/file-merger.ts';
import { SAMPLES_MERGE_CODEC } from '../../../storage/archive/rewrite/merge-codec.ts';
import { leaversBy, SeriesRetention } from '../../../storage/archive/series-retention.ts';
import { TenantArchive } from '../../../storage/archive/tenant-archive.ts';
import type { ArchiveUpkeep } from '../../../storage/archive/upkeep/archive-upkeep.ts';
import { openUpkeep } from '../../../storage/archive/upkeep/open-upkeep.ts';
import { ArchiveFiles } from '../../../storage/catalog/archive-files.ts';
import { CATALOG_RPC_VERSION } from '../../../storage/catalog/catalog-api.ts';
import { CatalogStore } from '../../../storage/catalog/catalog-store.ts';
import { ArchiveTables } from '../../../storage/catalog/iceberg/archive-tables.ts';
import { dayOf, type DataFile } from '../../../storage/catalog/iceberg/data-file.ts';
import { StepFailures } from '../../../storage/catalog/step-failures.ts';
import { Tombstones } from '../../../storage/catalog/tombstones.ts';
import { formatLabels, type Labels } from '../../../storage/model/labels.ts';
import type { ObjectStore } from '../../../storage/object-store.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { LruCache } from '../../../storage/runtime/lru-cache.ts';
import type { Sql } from '../../../storage/runtime/sql.ts';
import { payloadOf } from '../../../storage/shard/run/payloads.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import type { LeftBehind } from '../../fakes/left-behind.ts';
import { limitsWith } from '../../fakes/limits-with.ts';
import { MemoryObjectStore } from '../../fakes/memory-object-store.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { randomSeries, WINDOW_START_MS, type TestSeries } from './random-series.ts';

export const DAY_MS = 86_400_000;
export const HOUR_MS = 3_600_000;
/** Midnight of the day that samples of the tests are of. */
export const DAY_START_MS = dayOf(WINDOW_START_MS) * DAY_MS;

/** A tenant's catalog and object store, each of which outlives the objects that serve it. */
export class ArchiveWorld {
  readonly clock: FixedClock;
  readonly objects: MemoryObjectStore;
  readonly database: NodeSql;
  readonly limits: typeof LIMITS;
  store: ObjectStore;
  files!: ArchiveFiles;
  merger!: FileMerger;
  tables!: ArchiveTables;
  upkeep!: ArchiveUpkeep;
  tombstones!: Tombstones;
  failures!: StepFailures;
  /** Of all tables; after a change the catalog must wake. */
  retention = SeriesRetention.ofAll(30 * DAY_MS);
  #sequence = 0;
  #seed = 1;

  /** An empty one, or one of its own in which is what another one has. */
  constructor(limits: Partial<Record<keyof typeof LIMITS, number>> = {}, from?: ArchiveWorld) {
    this.limits = limitsWith(limits);
    this.clock = from?.clock.copy() ?? new FixedClock(DAY_START_MS + 3 * DAY_MS);
    this.objects = from?.objects.copy(this.clock) ?? new MemoryObjectStore(1000, this.clock);
    this.database = from?.database.copy() ?? new NodeSql();
    this.store = this.objects;
    if (from !== undefined) [this.#sequence, this.#seed, this.retention] = [from.#sequence, from.#seed, from.retention];
    this.wake();
  }

  /** What one fault after another is tried on, which is filled but once. */
  copy(): ArchiveWorld {
    return new ArchiveWorld(this.limits, this);
  }

  /** The catalog's object goes and comes back, over storage that may break. */
  wake(wrap: (sql: Sql) => Sql = (sql) => sql): void {
    const sql = wrap(new NodeSql(this.database.database));
    const { clock, limits, store } = this;
    const random = new SeededRandom(this.#seed++);
    const catalog = new CatalogStore(sql, random);
    this.files = new ArchiveFiles(sql, limits);
    this.merger = new FileMerger({ sql, files: this.files, store, clock, random, limits, prefix: 't/archive', seriesHashKey: () => catalog.routing(1).seriesHashKey, codecs: { samples: SAMPLES_MERGE_CODEC } });
    this.tables = new ArchiveTables({ sql, store, clock, random, limits, prefix: 't/archive', baseUri: 's3://b' });
    this.tombstones = new Tombstones(sql, limits);
    this.failures = new StepFailures(sql, clock);
    const seriesHashKey = (): Uint8Array => catalog.routing(1).seriesHashKey;
    this.upkeep = openUpkeep({ sql, files: this.files, tables: this.tables, store, clock, random, limits, prefix: 't/archive', retentionOf: () => this.retention, tombstones: this.tombstones, seriesHashKey, failures: this.failures });
  }

  /** What the catalog's next object goes on with. */
  leftBehind(): LeftBehind {
    return { databases: [this.database], objects: this.objects, clock: this.clock };
  }

  /** Number of the newest commit. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Series, in order and of one day, as files of one commit of a shard. */
  async commit(series: readonly TestSeries[], shard = '1/0'): Promise<void> {
    const sequence = ++this.#sequence;
    const files: DataFile[] = [];
    let writer = new SamplesFileWriter(this.limits);
    const flush = async (): Promise<void> => {
      const { bytes, seriesCount: _count, ...described } = writer.finish();
      const key = `t/archive/samples/data/timestamp_day=x/${sequence}-${files.length}.parquet`;
      await this.objects.create(key, bytes);
      files.push({ table: 'samples', key, sizeBytes: bytes.length, ...described });
      writer = new SamplesFileWriter(this.limits);
    };
    for (const { labels, id, source } of series) {
      for (let from = 0; from < source.timestampsMs.length; ) {
        if (writer.room === 0) await flush();
        const to = Math.min(source.timestampsMs.length, from + writer.room);
        writer.add(labels, id, source, from, to);
        from = to;
      }
    }
    if (writer.rowCount > 0) await flush();
    this.files.commit({ version: CATALOG_RPC_VERSION, shard, sequence, files, archivedUntilMs: DAY_START_MS + 2 * DAY_MS }, 0);
  }

  /** What the merger's alarm does until nothing is due. Returns the steps that it took. */
  async mergeAll(stepsMax = 3000): Promise<number> {
    for (let step = 0; step < stepsMax; step++) {
      const dueMs = this.merger.nextDueMs();
      if (dueMs === undefined || dueMs > this.clock.nowMs() + HOUR_MS) return step;
      if (dueMs > this.clock.nowMs()) this.clock.advance(dueMs - this.clock.nowMs());
      await this.merger.step();
    }
    throw new Error(`the merge does not come to an end in ${stepsMax} steps`);
  }

  /** What the catalog's alarm does for so long: snapshots and upkeep, as they fall due. */
  async live(forMs: number, stepsMax = 5000): Promise<void> {
    const endMs = this.clock.nowMs() + forMs;
    for (let step = 0; step < stepsMax; step++) {
      if (this.tables.isBehind) {
        await this.tables.publish();
        continue;
      }
      const dueMs = this.upkeep.nextDueMs() ?? Infinity;
      if (dueMs > endMs) {
        this.clock.advance(endMs - this.clock.nowMs());
        return;
      }
      if (dueMs > this.clock.nowMs()) this.clock.advance(dueMs - this.clock.nowMs());
      await this.upkeep.step();
    }
    throw new Error(`more than ${stepsMax} steps in ${forMs} ms`);
  }

  /** Every sample as a query reads it, to the bit: `series time bits start`. */
  async readAll(): Promise<string[]> {
    const archive = new TenantArchive({ store: this.objects, cache: new LruCache(1e6), limits: this.limits, files: async (request) => this.files.files(request), leaversOf: leaversBy(() => this.retention, this.clock) });
    const plan = await archive.plan(0, 1e15);
    const lines: string[] = [];
    for (const [shard, files] of plan.files) {
      for await (const { labels, part } of archive.select(files, { matchers: [], startMs: 0, endMs: 1e15, samplesMax: 1e9 })) {
        const { timestampsMs, bits, payloads, startsMs, from, to } = part;
        for (let i = from; i < to; i++) {
          const payload = payloadOf(bits, i, payloads);
          const value = payload === undefined ? `${bits[i * 2 + 1]!.toString(16)}:${bits[i * 2]!.toString(16)}` : Buffer.from(payload).toString('hex');
          lines.push(`${shard} ${formatLabels(labels)} ${timestampsMs[i]} ${value} ${startsMs?.[i] ?? 0}`);
        }
      }
    }
    return lines;
  }

  /** Keys of the files that queries read. */
  liveKeys(): string[] {
    return this.liveFiles().map(({ key }) => key);
  }

  liveFiles() {
    return this.files.files({ version: CATALOG_RPC_VERSION, startMs: 0, endMs: 1e15, after: undefined }).files;
  }
}

/** Some of the labels given, with samples of an hour of the day: of any kind, at times that other calls may give too. */
export function samplesOf(labels: readonly Labels[], random: SeededRandom, hour: number, samplesMax = 30): TestSeries[] {
  const sources = randomSeries(random, labels.length * 2, samplesMax);
  const shiftMs = DAY_START_MS + hour * HOUR_MS - WINDOW_START_MS;
  return labels.flatMap((each, i): TestSeries[] => {
    if (random.oneIn(4)) return [];
    const { id, source } = sources[i % sources.length]!;
    return [{ labels: each, id, source: { ...source, timestampsMs: source.timestampsMs.map((timeMs) => timeMs + shiftMs) } }];
  });
}
