import { DurableObject } from 'cloudflare:workers';
import { durableObjectAlarm } from '../runtime/alarm.ts';
import { systemClock } from '../runtime/clock.ts';
import { readConfig, type Variables } from '../runtime/config.ts';
import { LIMITS } from '../runtime/limits.ts';
import { durableObjectSql } from '../runtime/sql.ts';
import { GroupCommit } from './group-commit.ts';
import { HotStore } from './hot-store.ts';
import type { LateAnswer } from './late-queue.ts';
import { MaintenanceAlarm } from './maintenance-alarm.ts';
import type { ChangesAnswer } from './change-feed.ts';
import type {
  AppendAnswer,
  CardinalityShardAnswer,
  ChangesShardRequest,
  DeleteShardAnswer,
  ExemplarsShardAnswer,
  ExemplarsShardRequest,
  LabelsShardRequest,
  SegmentSummary,
  SelectShardAnswer,
  SelectShardRequest,
  SeriesShardAnswer,
  ShardApi,
  ShardStats,
  StringsShardAnswer,
} from './shard-api.ts';

/**
 * A shard of a tenant: a thin shell around HotStore. An exception from a write leaves memory in doubt, so the object is aborted and the
 * next call finds it rebuilt from storage.
 */
export class Shard extends DurableObject implements ShardApi {
  readonly #store: HotStore;
  readonly #appends: GroupCommit<ArrayBuffer, AppendAnswer>;
  readonly #maintenance: MaintenanceAlarm;

  constructor(state: DurableObjectState, env: Variables) {
    super(state, env as never);
    const { hotRetentionMs, limitsOf } = readConfig(env);
    const { activeSeriesMax } = limitsOf(tenantOf(state.id.name));
    this.#store = new HotStore(durableObjectSql(state.storage), { ...LIMITS, activeSeriesMax } as typeof LIMITS, { retentionMs: hotRetentionMs });
    this.#appends = new GroupCommit((messages) => this.#store.appendAll(messages), () => state.storage.sync(), LIMITS.groupCommitBatchesMax);
    this.#maintenance = new MaintenanceAlarm(this.#store, durableObjectAlarm(state.storage), systemClock);
    void state.blockConcurrencyWhile(() => this.#maintenance.arm());
  }

  async append(message: ArrayBuffer): Promise<AppendAnswer> {
    const answer = await this.#change(() => this.#appends.add(message));
    await this.#maintenance.arm();
    return answer;
  }

  async appendLate(message: ArrayBuffer): Promise<LateAnswer> {
    return this.#change(() => this.#store.late.append(message));
  }

  override async alarm(): Promise<void> {
    await this.#change(() => this.#maintenance.ring());
  }

  async select(request: SelectShardRequest): Promise<SelectShardAnswer> {
    return this.#store.select(request);
  }

  async labelNames(request: LabelsShardRequest): Promise<StringsShardAnswer> {
    return this.#store.labelNames(request);
  }

  async labelValues(name: string, request: LabelsShardRequest): Promise<StringsShardAnswer> {
    return this.#store.labelValues(name, request);
  }

  async series(request: LabelsShardRequest): Promise<SeriesShardAnswer> {
    return this.#store.series(request);
  }

  async selectExemplars(request: ExemplarsShardRequest): Promise<ExemplarsShardAnswer> {
    return this.#store.selectExemplars(request);
  }

  async changes(request: ChangesShardRequest): Promise<ChangesAnswer> {
    return this.#store.changes(request);
  }

  async cardinality(request: LabelsShardRequest): Promise<CardinalityShardAnswer> {
    return this.#store.cardinality(request);
  }

  async deleteSeries(request: LabelsShardRequest): Promise<DeleteShardAnswer> {
    const answer = await this.#change(() => this.#store.deleteSeries(request));
    await this.#maintenance.arm();
    return answer;
  }

  async createSnapshot(): Promise<string> {
    const id = await this.#change(() => this.#store.createSnapshot());
    await this.#maintenance.arm();
    return id;
  }

  async segmentSummaries(): Promise<readonly SegmentSummary[]> {
    return this.#store.segmentSummaries();
  }

  async stats(): Promise<ShardStats> {
    return this.#store.stats();
  }

  /** Runs what changes the store. Where it fails it may have stopped half-way between storage and memory; a read leaves memory as it is. */
  async #change<T>(body: () => T | Promise<T>): Promise<T> {
    try {
      return await body();
    } catch (error) {
      this.ctx.abort(`shard: ${error instanceof Error ? error.message : String(error)}`);
      throw error;
    }
  }
}

/** The tenant in an object's name (shard-router.ts); an object that was not made by name has none, and the limits of all. */
function tenantOf(objectName = ''): string {
  return objectName.slice(0, Math.max(0, objectName.lastIndexOf('/shard/')));
}
