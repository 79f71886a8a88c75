import { SeriesRetention } from '../../../storage/archive/series-retention.ts';
import { TenantArchive } from '../../../storage/archive/tenant-archive.ts';
import type { ArchiveUpkeep } from '../../../storage/archive/upkeep/archive-upkeep.ts';
import { CatalogRecovery } from '../../../storage/archive/upkeep/catalog-recovery.ts';
import { openUpkeep } from '../../../storage/archive/upkeep/open-upkeep.ts';
import type { FlushStatusOf } from '../../../storage/archive/upkeep/shard-calls.ts';
import { SnapshotPublisher } from '../../../storage/archive/upkeep/snapshot-publisher.ts';
import { ArchiveFiles } from '../../../storage/catalog/archive-files.ts';
import { archiveStatus } from '../../../storage/catalog/archive-status.ts';
import { CatalogAlarm } from '../../../storage/catalog/catalog-alarm.ts';
import { CATALOG_RPC_VERSION } from '../../../storage/catalog/catalog-api.ts';
import { CatalogStore } from '../../../storage/catalog/catalog-store.ts';
import { ArchiveTables } from '../../../storage/catalog/iceberg/archive-tables.ts';
import { PLACES_KEY } from '../../../storage/catalog/iceberg/iceberg-manifest.ts';
import { StepFailures } from '../../../storage/catalog/step-failures.ts';
import { Tombstones } from '../../../storage/catalog/tombstones.ts';
import type { LIMITS } from '../../../storage/runtime/limits.ts';
import { LruCache } from '../../../storage/runtime/lru-cache.ts';
import type { Sql } from '../../../storage/runtime/sql.ts';
import { readSelectPage } from '../../../storage/shard/select/select-page.ts';
import { SHARD_RPC_VERSION } from '../../../storage/shard/shard-api.ts';
import { ROLLUP_CODECS } from '../../../storage/warm/open-rollups.ts';
import { RollupBuilder } from '../../../storage/warm/rollup-builder.ts';
import { DEFAULT_WARM_POLICY } from '../../../storage/warm/tiering-policy.ts';
import { MemoryAlarm } from '../../fakes/memory-alarm.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { readTable } from '../catalog/iceberg-read.ts';
import { FlushWorld, HOUR_MS, lineOf, seriesOf, times } from './flush/flush-world.ts';

export const PREFIX = 'default/archive';
const DAY_MS = 24 * HOUR_MS;
const SMALL = { archiveRowGroupRowsMax: 64, archiveFileRowsMax: 200 };

/** A shard and all of its catalog, whose storage may begin anew or go back. */
export class RecoveryWorld extends FlushWorld {
  tables!: ArchiveTables;
  tombstones!: Tombstones;
  recovery!: CatalogRecovery;
  failures!: StepFailures;
  upkeep!: ArchiveUpkeep;
  alarm = new MemoryAlarm();
  baseUri = 's3://b';
  samplesRetentionMs = 300 * DAY_MS;
  /** What shards answer when the catalog asks them. */
  flushStatusOf: FlushStatusOf = async () => this.flusher.status();
  #maintenance!: CatalogAlarm;
  #seed = 1000;

  constructor(limits: Partial<Record<keyof typeof LIMITS, number>> = SMALL, from?: RecoveryWorld) {
    super(limits, from);
    this.commitTimeMs = () => this.clock.nowMs();
    if (from !== undefined) [this.samplesRetentionMs, this.#seed] = [from.samplesRetentionMs, from.#seed];
  }

  override copy(): RecoveryWorld {
    return new RecoveryWorld(this.limits, this);
  }

  /** The catalog's object goes and comes back. */
  wakeCatalog(wrap: (sql: Sql) => Sql = (sql) => sql): void {
    const sql = wrap(new NodeSql(this.catalogSql.database));
    const { clock, limits, store } = this;
    const random = new SeededRandom(this.#seed++);
    const catalog = new CatalogStore(sql, random);
    const files = new ArchiveFiles(sql, limits);
    this.tombstones = new Tombstones(sql, limits);
    this.failures = new StepFailures(sql, clock);
    const ports = { sql, store, clock, random, limits, prefix: PREFIX };
    this.tables = new ArchiveTables({ ...ports, baseUri: this.baseUri });
    const retention = SeriesRetention.ofAll(300 * DAY_MS);
    const samples = SeriesRetention.ofAll(this.samplesRetentionMs);
    const options = { ...ports, files, tables: this.tables, tombstones: this.tombstones, retentionOf: (table: string) => (table === 'samples' ? samples : retention), seriesHashKey: () => catalog.routing(1).seriesHashKey, moreCodecs: ROLLUP_CODECS, failures: this.failures };
    this.recovery = new CatalogRecovery(options);
    const upkeep = { ...options, look: this.recovery, flushStatusOf: (shard: string) => this.flushStatusOf(shard) };
    this.upkeep = openUpkeep(upkeep, [new RollupBuilder({ ...upkeep, policy: DEFAULT_WARM_POLICY })]);
    const work = [new SnapshotPublisher(this.tables, clock, this.failures), this.upkeep];
    this.#maintenance = new CatalogAlarm(work, this.alarm, clock, this.recovery);
  }

  /** Storage that has nothing: what a catalog begins with. */
  beginAnew(): void {
    this.catalogSql = new NodeSql();
    new CatalogStore(this.catalogSql, new SeededRandom(this.#seed++));
    this.wakeCatalog();
  }

  goBackTo(earlier: NodeSql): void {
    this.catalogSql = earlier.copy();
    this.wakeCatalog();
  }

  /** What shard and catalog do by themselves for so long; `eachHour` writes. */
  async live(forMs: number, eachHour: () => void = () => undefined): Promise<void> {
    const endMs = this.clock.nowMs() + forMs;
    while (this.clock.nowMs() < endMs) {
      eachHour();
      this.clock.advance(HOUR_MS);
      await this.settle();
      await this.ring();
    }
  }

  /** The catalog's alarm, until nothing is due for an hour. */
  async ring(ringsMax = 2000): Promise<void> {
    await this.#maintenance.arm();
    for (let i = 0; i < ringsMax; i++) {
      const setForMs = this.alarm.setForMs ?? Infinity;
      if (setForMs > this.clock.nowMs()) return;
      this.alarm.setForMs = undefined;
      await this.#maintenance.ring();
    }
    throw new Error(`more than ${ringsMax} rings`);
  }

  /** Looks until there is nothing more to look for. */
  async recover(): Promise<void> {
    for (let i = 0; this.recovery.isDue; i++) {
      if (i > 200) throw new Error('the look does not come to an end');
      await this.recovery.step();
      if (this.recovery.failure !== undefined) this.clock.advance(Math.max(0, this.recovery.failure.retryAtMs - this.clock.nowMs()));
    }
  }

  /** An hour of samples of now. */
  writeHour(value: (series: number, timeMs: number) => number = (series, timeMs) => series * 1e7 + (timeMs % 1e9) / 1000): void {
    this.write(seriesOf(4), times(this.clock.nowMs(), 12, 300_000), value);
  }

  /** One hour of three has samples: for days that go by for what time brings. */
  writeNowAndThen(): void {
    if ((this.clock.nowMs() / HOUR_MS) % 3 < 1) this.writeHour();
  }

  /** What queries find, each sample once: `series time value`. */
  async query(): Promise<string[]> {
    const archive = new TenantArchive({ store: this.objects, cache: new LruCache(1e6), limits: this.limits, files: async (request) => this.files.files(request) });
    const plan = await archive.plan(0, 1e15);
    const watermarkMs = plan.archivedUntilMs.get('1/0') ?? -Infinity;
    const lines: string[] = [];
    for await (const { labels, part } of archive.select(plan.files.get('1/0') ?? [], { matchers: [], startMs: 0, endMs: watermarkMs - 1, samplesMax: 1e9 })) {
      const values = new Float64Array(part.bits.slice(part.from * 2, part.to * 2).buffer);
      for (let i = part.from; i < part.to; i++) lines.push(lineOf(labels, part.timestampsMs[i]!, values[i - part.from]!));
    }
    const answer = this.hot.select({ version: SHARD_RPC_VERSION, matchers: [], startMs: Math.max(watermarkMs, -1e15), endMs: 1e15, after: undefined, samplesMax: 1e9 });
    if (answer.status !== 'page' || answer.more) throw new Error('want one page');
    for (const { labels, timestampsMs, values } of readSelectPage(answer.page)) timestampsMs.forEach((timeMs, at) => lines.push(lineOf(labels, timeMs, values[at]!)));
    return lines.sort();
  }

  expected(): string[] {
    return [...this.acknowledged].sort();
  }

  async keys(folder = '/data/'): Promise<string[]> {
    return (await this.objects.list('')).objects.map(({ key }) => key).filter((key) => key.includes(folder));
  }

  liveKeys(table: 'samples' | 'rollup_1h' = 'samples'): string[] {
    return this.files.files({ version: CATALOG_RPC_VERSION, table, startMs: 0, endMs: 1e15, after: undefined }).files.map(({ key }) => key).sort();
  }

  /** Keys of the newest snapshot of the Iceberg table, as somebody else's reader finds them. */
  async publishedKeys(): Promise<string[]> {
    return [...(await readTable(this.objects, this.baseUri, this.tables.get('samples')!)).live.keys()].sort();
  }

  /** Manifests as releases wrote them that did not know of places. */
  async forgetPlaces(): Promise<void> {
    for (const key of await this.keys('/metadata/')) {
      if (!/-m\d+\.avro$/.test(key)) continue;
      const bytes = Buffer.from((await this.objects.get(key))!);
      const at = bytes.indexOf(PLACES_KEY);
      if (at < 0) throw new Error(`${key} has no places`);
      bytes.write('other', at);
      await this.objects.delete([key]);
      await this.objects.create(key, bytes);
    }
  }

  status() {
    return archiveStatus(this.catalogSql);
  }
}
