import { DurableObject } from 'cloudflare:workers';
import { CatalogMirror } from '../archive/upkeep/catalog-mirror.ts';
import { CatalogRecovery } from '../archive/upkeep/catalog-recovery.ts';
import { MetadataSnapshots } from '../archive/upkeep/metadata-snapshots.ts';
import { openUpkeep, type UpkeepOptions } from '../archive/upkeep/open-upkeep.ts';
import { SnapshotPublisher } from '../archive/upkeep/snapshot-publisher.ts';
import { r2ObjectStore } from '../object-store.ts';
import { durableObjectAlarm } from '../runtime/alarm.ts';
import { systemClock } from '../runtime/clock.ts';
import { readConfig, type Variables } from '../runtime/config.ts';
import { messageOf } from '../runtime/errors.ts';
import { systemFetch } from '../runtime/fetch.ts';
import { LIMITS } from '../runtime/limits.ts';
import { PortFailure } from '../runtime/port-failure.ts';
import { systemRandom } from '../runtime/random.ts';
import { durableObjectSql, type Sql } from '../runtime/sql.ts';
import { openRollups, readTieringPolicy, retentionOf, ROLLUP_CODECS } from '../warm/open-rollups.ts';
import type {
  ArchiveCleanAnswer,
  ArchiveCommitAnswer,
  ArchiveCommitRequest,
  ArchiveDeleteAnswer,
  ArchiveDeleteRequest,
  ArchiveFilesAnswer,
  ArchiveFilesRequest,
  ArchiveStatusAnswer,
  RollupDaysAnswer,
  RollupDaysRequest,
} from './archive-api.ts';
import { ArchiveFiles } from './archive-files.ts';
import { archiveStatus } from './archive-status.ts';
import { CatalogAlarm } from './catalog-alarm.ts';
import { CATALOG_RPC_VERSION } from './catalog-api.ts';
import type {
  AddShardMapAnswer,
  AddShardMapRequest,
  CatalogApi,
  CatalogStats,
  ClaimReplicaAnswer,
  ClaimReplicaRequest,
  MetadataAnswer,
  MetadataRequest,
  NoteMetadataAnswer,
  NoteMetadataRequest,
  ShardMap,
  TenantRouting,
} from './catalog-api.ts';
import { CatalogStore } from './catalog-store.ts';
import { markDrained } from './drained-maps.ts';
import { HaElections } from './ha-elections.ts';
import { ArchiveTables } from './iceberg/archive-tables.ts';
import { ExternalCatalog } from './iceberg/external-catalog.ts';
import type { LoadTableAnswer, LoadTableRequest, TablesAnswer } from './iceberg/table-api.ts';
import { MetadataStore } from './metadata-store.ts';
import { rollupDays } from './rollup-days.ts';
import { NotedFailure, StepFailures } from './step-failures.ts';
import { Tombstones } from './tombstones.ts';

type FlushStatusOf = NonNullable<UpkeepOptions['flushStatusOf']>;

/** What the object needs of the Worker's environment. */
interface CatalogEnv extends Variables {
  readonly ARCHIVE: R2Bucket;
  readonly SHARD: { idFromName(name: string): DurableObjectId; get(id: DurableObjectId): unknown };
}

/** A tenant's catalog: a thin shell around CatalogStore, MetadataStore, HaElections and the archive's ArchiveFiles and ArchiveTables. */
export class Catalog extends DurableObject implements CatalogApi {
  readonly #store: CatalogStore;
  readonly #metadata: MetadataStore;
  readonly #elections: HaElections;
  readonly #files: ArchiveFiles;
  readonly #tombstones: Tombstones;
  /** `undefined` where nothing is archived. */
  readonly #tables: ArchiveTables | undefined;
  readonly #publisher: SnapshotPublisher | undefined;
  readonly #upkeep: ReturnType<typeof openUpkeep> | undefined;
  readonly #recovery: CatalogRecovery | undefined;
  /** `undefined` where the tables are in no other catalog. */
  readonly #mirror: CatalogMirror | undefined;
  readonly #alarm: CatalogAlarm | undefined;
  readonly #failures: StepFailures;
  readonly #sql: Sql;
  readonly #hotRetentionMs: number;

  constructor(state: DurableObjectState, env: CatalogEnv) {
    super(state, env as never);
    const sql = durableObjectSql(state.storage);
    this.#sql = sql;
    this.#store = new CatalogStore(sql, systemRandom);
    this.#metadata = new MetadataStore(sql, LIMITS);
    this.#elections = new HaElections(sql, LIMITS, systemClock.nowMs());
    this.#files = new ArchiveFiles(sql, LIMITS);
    this.#tombstones = new Tombstones(sql, LIMITS);
    this.#failures = new StepFailures(sql, systemClock);
    const { archiveUri, archiveRetentionMs, archiveKeyPrefix, externalCatalog, hotRetentionMs } = readConfig(env);
    const tenant = /^(.*)\/catalog$/.exec(state.id.name ?? '')?.[1];
    const policyOf = readTieringPolicy(env.VARVE_TIERING, archiveRetentionMs);
    this.#hotRetentionMs = (tenant === undefined ? undefined : policyOf(tenant).hotRetentionMs) ?? hotRetentionMs;
    if (archiveUri !== undefined && tenant !== undefined) {
      const ports = { sql, store: r2ObjectStore(env.ARCHIVE, archiveKeyPrefix), clock: systemClock, random: systemRandom, limits: LIMITS, prefix: `${tenant}/archive` };
      this.#tables = new ArchiveTables({ ...ports, baseUri: archiveUri });
      const policy = policyOf(tenant);
      const options = { ...ports, files: this.#files, tables: this.#tables, tombstones: this.#tombstones, retentionOf: retentionOf(policy), seriesHashKey: () => this.#store.routing(1).seriesHashKey, moreCodecs: ROLLUP_CODECS, failures: this.#failures };
      this.#recovery = new CatalogRecovery(options);
      // A new stub for each call: one that threw is dead.
      const shardOf = (shard: string): { flushStatus: () => ReturnType<FlushStatusOf> } => env.SHARD.get(env.SHARD.idFromName(`${tenant}/shard/${shard}`)) as ReturnType<typeof shardOf>;
      const upkeep = { ...options, look: this.#recovery, flushStatusOf: (shard: string) => shardOf(shard).flushStatus() };
      this.#upkeep = openUpkeep(upkeep, [openRollups(upkeep, policy), new MetadataSnapshots({ ...upkeep, metadata: this.#metadata })]);
      this.#publisher = new SnapshotPublisher(this.#tables, systemClock, this.#failures);
      this.#mirror = externalCatalog && new CatalogMirror(this.#tables, new ExternalCatalog({ config: externalCatalog, tenant, fetch: systemFetch, limits: LIMITS }), systemClock, this.#failures);
      this.#alarm = new CatalogAlarm([this.#publisher, this.#upkeep, ...(this.#mirror === undefined ? [] : [this.#mirror])], durableObjectAlarm(state.storage), systemClock, this.#recovery);
      // Nobody waits for it: what a tenant's requests need of the catalog does not depend on the archive's upkeep.
      state.waitUntil(this.#arm());
    }
  }

  async routing(shardCount: number): Promise<TenantRouting> {
    const routing = this.#store.routing(shardCount);
    return { ...routing, shardMaps: this.#marked(routing.shardMaps) };
  }

  async addShardMap(request: AddShardMapRequest): Promise<AddShardMapAnswer> {
    const answer = this.#change(() => this.#store.addShardMap(request, systemClock.nowMs()));
    return answer.status === 'refused' ? answer : { ...answer, shardMaps: this.#marked(answer.shardMaps) };
  }

  #marked(maps: readonly ShardMap[]): readonly ShardMap[] {
    return markDrained(this.#sql, maps, { nowMs: systemClock.nowMs(), hotRetentionMs: this.#hotRetentionMs, isArchived: this.#tables !== undefined });
  }

  async noteMetadata(request: NoteMetadataRequest): Promise<NoteMetadataAnswer> {
    const { addedCount } = this.#metadata;
    const answer = this.#change(() => this.#metadata.note(request.entries, systemClock.nowMs()));
    if (this.#metadata.addedCount > addedCount) await this.#arm();
    return answer;
  }

  async metadata(request: MetadataRequest): Promise<MetadataAnswer> {
    return this.#metadata.read(request);
  }

  async claimReplica(request: ClaimReplicaRequest): Promise<ClaimReplicaAnswer> {
    return this.#change(() => this.#elections.claim(request, systemClock.nowMs()));
  }

  async archiveCommit(request: ArchiveCommitRequest): Promise<ArchiveCommitAnswer> {
    const outcome = this.#change(() => this.#files.commit(request, systemClock.nowMs()));
    await this.#alarm?.armWithin(LIMITS.archivePublishDelayMs);
    return { version: CATALOG_RPC_VERSION, ...outcome };
  }

  async archiveFiles(request: ArchiveFilesRequest): Promise<ArchiveFilesAnswer> {
    return this.#files.files(request);
  }

  async rollupDays(request: RollupDaysRequest): Promise<RollupDaysAnswer> {
    return rollupDays(this.#sql, request);
  }

  async archiveDelete(request: ArchiveDeleteRequest): Promise<ArchiveDeleteAnswer> {
    const refusal = this.#change(() => this.#tombstones.add(request, systemClock.nowMs()));
    if (refusal !== undefined) return { version: CATALOG_RPC_VERSION, status: 'refused', message: refusal };
    await this.#arm();
    return { version: CATALOG_RPC_VERSION, status: 'deleted' };
  }

  async archiveClean(): Promise<ArchiveCleanAnswer> {
    const more = (await this.#byItself(() => this.#upkeep?.cleanTombstones())) ?? false;
    // The Iceberg tables follow.
    await this.#alarm?.armWithin(LIMITS.archivePublishDelayMs);
    return { version: CATALOG_RPC_VERSION, more };
  }

  async archiveStatus(): Promise<ArchiveStatusAnswer> {
    return { ...archiveStatus(this.#sql), upkeep: [...(this.#recovery === undefined ? [] : [this.#recovery.status()]), ...(this.#publisher?.status() ?? []), ...(this.#mirror?.status() ?? []), ...(this.#upkeep?.status() ?? [])] };
  }

  async stats(): Promise<CatalogStats> {
    return { version: CATALOG_RPC_VERSION, counters: { ...this.#recovery?.counters, ...this.#publisher?.counters, ...this.#mirror?.counters, ...this.#upkeep?.counters, ...(this.#alarm === undefined ? {} : this.#failures.counters) } };
  }

  async tables(): Promise<TablesAnswer> {
    return { version: CATALOG_RPC_VERSION, names: this.#tables?.names() ?? [] };
  }

  async loadTable({ name }: LoadTableRequest): Promise<LoadTableAnswer> {
    const current = this.#tables?.get(name)?.current();
    if (current === undefined) return { version: CATALOG_RPC_VERSION, status: 'unknown' };
    return { version: CATALOG_RPC_VERSION, status: 'found', metadataLocation: current.location, metadata: JSON.stringify(current.metadata) };
  }

  override async alarm(): Promise<void> {
    await this.#byItself(() => this.#alarm?.ring());
  }

  /** A write that failed leaves what is in memory in doubt: the next call finds the object rebuilt from storage. */
  #change<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      this.#abort(error);
      throw error;
    }
  }

  /** The same of what the catalog does by itself. */
  async #byItself<T>(body: () => Promise<T> | undefined): Promise<T | undefined> {
    try {
      return await body();
    } catch (error) {
      // Somebody else's failure touches nothing here.
      if (!(error instanceof PortFailure)) await this.#end(error);
      throw error;
    }
  }

  /** Where it cannot be told what is due, nothing has been changed: the object ends only if its next one will know better, for requests need it. */
  async #arm(): Promise<void> {
    try {
      await this.#alarm?.arm();
    } catch (error) {
      if (error instanceof NotedFailure) await this.#end(error);
      throw error;
    }
  }

  /** What has failed may be noted for the next object (step-failures.ts): that is stored before this one goes. */
  async #end(error: unknown): Promise<void> {
    try {
      await this.ctx.storage.sync();
    } finally {
      this.#abort(error);
    }
  }

  #abort(error: unknown): void {
    this.ctx.abort(`catalog: ${messageOf(error)}`);
  }
}
