import { DurableObject } from 'cloudflare:workers';
import { openFlusher, type FlusherEnv } from '../archive/flush/open-flusher.ts';
import { durableObjectAlarm } from '../runtime/alarm.ts';
import { systemClock } from '../runtime/clock.ts';
import { readConfig, type Variables } from '../runtime/config.ts';
import { messageOf } from '../runtime/errors.ts';
import { LIMITS } from '../runtime/limits.ts';
import { cloudflareQueue } from '../runtime/queue.ts';
import { durableObjectSql } from '../runtime/sql.ts';
import { startSystemTimer } from '../runtime/timer.ts';
import { readTieringPolicy } from '../warm/read-tiering-policy.ts';
import { busyAnswer } from './append/append-answer.ts';
import { GroupCommit, type GroupCommitLimits } from './append/group-commit.ts';
import { Linger } from './append/linger.ts';
import type { ChangesAnswer } from './feed/change-feed.ts';
import { QueueSender } from './feed/queue-sender.ts';
import { HotStore } from './hot-store.ts';
import type { LateAnswer } from './late/late-queue.ts';
import { MaintenanceAlarm } from './maintenance-alarm.ts';
import { orSelectionRefused, type SelectionRefused } from './select/selection-work.ts';
import type {
  AppendAnswer,
  AppendWishes,
  CardinalityShardAnswer,
  ChangesShardRequest,
  DeleteShardAnswer,
  EvaluateShardAnswer,
  EvaluateShardRequest,
  ExemplarsShardAnswer,
  ExemplarsShardRequest,
  FlushStatus,
  LabelsShardRequest,
  SegmentSummary,
  SelectShardAnswer,
  SelectShardRequest,
  SeriesShardAnswer,
  ShardApi,
  ShardStats,
  SnapshotShardAnswer,
  StringsShardAnswer,
} from './shard-api.ts';
import { snapshotAnswer } from './snapshots.ts';

/** What a shard needs of the Worker's bindings. */
interface ShardEnv extends Variables, FlusherEnv {
  /** Gets the change feed; there need not be one. */
  readonly CDC_QUEUE?: Queue;
}

interface AppendRequest {
  readonly message: ArrayBuffer;
  readonly wishes: AppendWishes | undefined;
}

/** Evaluates queries over the shard's store: PromQL is no affair of storage. */
export interface Evaluation {
  evaluate(request: EvaluateShardRequest): Promise<EvaluateShardAnswer>;
}

/**
 * A shard of a tenant: a thin shell around HotStore. An exception from a write leaves memory in doubt, so the object is aborted and the
 * next call finds it rebuilt from storage.
 */
export class Shard extends DurableObject implements ShardApi {
  readonly #store: HotStore;
  readonly #evaluation: Evaluation;
  readonly #appends: GroupCommit<AppendRequest, AppendAnswer>;
  #appendsRefused = 0;
  readonly #maintenance: MaintenanceAlarm;
  /** `undefined` where nothing is archived. */
  readonly #flusher: ReturnType<typeof openFlusher>;
  /** Only where a queue is bound. */
  readonly #sender: QueueSender | undefined;

  constructor(state: DurableObjectState, env: ShardEnv, evaluationOf: (store: HotStore) => Evaluation) {
    super(state, env as never);
    const { hotRetentionMs, limitsOf, archiveUri } = readConfig(env);
    const tenant = tenantOf(state.id.name);
    const { activeSeriesMax } = limitsOf(tenant);
    const retentionMs = readTieringPolicy(env.VARVE_TIERING)(tenant).hotRetentionMs ?? hotRetentionMs;
    const sql = durableObjectSql(state.storage);
    const alarm = durableObjectAlarm(state.storage);
    const isArchived = archiveUri !== undefined;
    this.#store = new HotStore(sql, { ...LIMITS, activeSeriesMax }, { retentionMs, isArchived });
    this.#evaluation = evaluationOf(this.#store);
    const groupLimits: GroupCommitLimits<AppendRequest> = {
      itemsMax: LIMITS.groupCommitBatchesMax,
      bytesMax: LIMITS.groupCommitBytesMax,
      bytesOf: ({ message }) => message.byteLength + LIMITS.groupCommitCallBytes,
    };
    this.#appends = new GroupCommit((requests) => this.#change(() => this.#appendAll(requests)), () => this.#change(() => state.storage.sync()), () => this.#change(() => this.#settle()), groupLimits, new Linger(LIMITS, startSystemTimer));
    this.#flusher = isArchived ? openFlusher(sql, this.#store, env, state.id.name) : undefined;
    this.#maintenance = new MaintenanceAlarm(this.#store, alarm, systemClock, this.#flusher);
    if (env.CDC_QUEUE !== undefined) {
      const shard = state.id.name ?? state.id.toString();
      this.#sender = new QueueSender({ sql, store: this.#store, queue: cloudflareQueue(env.CDC_QUEUE), alarm, clock: systemClock, limits: LIMITS, shard, onBroken: (error) => this.#abort(error) });
    }
    void state.blockConcurrencyWhile(() => this.#arm());
  }

  async append(message: ArrayBuffer, wishes?: AppendWishes): Promise<AppendAnswer> {
    const answer = this.#appends.add({ message, wishes });
    if (answer !== undefined) return answer;
    this.#appendsRefused++;
    return busyAnswer(this.#appends.bytes, LIMITS);
  }

  async appendLate(message: ArrayBuffer): Promise<LateAnswer> {
    const answer = await this.#change(() => this.#store.late.append(message));
    await this.#maintenance.arm();
    return answer;
  }

  override async alarm(): Promise<void> {
    await this.#change(() => this.#maintenance.ring());
    await this.#sender?.ring();
  }

  async select(request: SelectShardRequest): Promise<SelectShardAnswer> {
    return orSelectionRefused(() => this.#store.select(request));
  }

  async evaluate(request: EvaluateShardRequest): Promise<EvaluateShardAnswer> {
    return this.#evaluation.evaluate(request);
  }

  async labelNames(request: LabelsShardRequest): Promise<StringsShardAnswer> {
    return orSelectionRefused(() => this.#store.labelNames(request));
  }

  async labelValues(name: string, request: LabelsShardRequest): Promise<StringsShardAnswer> {
    return orSelectionRefused(() => this.#store.labelValues(name, request));
  }

  async series(request: LabelsShardRequest): Promise<SeriesShardAnswer> {
    return orSelectionRefused(() => this.#store.series(request));
  }

  async selectExemplars(request: ExemplarsShardRequest): Promise<ExemplarsShardAnswer | SelectionRefused> {
    return orSelectionRefused(() => this.#store.selectExemplars(request));
  }

  async changes(request: ChangesShardRequest): Promise<ChangesAnswer | SelectionRefused> {
    return orSelectionRefused(() => this.#store.changes(request));
  }

  async cardinality(request: LabelsShardRequest): Promise<CardinalityShardAnswer> {
    return orSelectionRefused(() => this.#store.cardinality(request));
  }

  async deleteSeries(request: LabelsShardRequest): Promise<DeleteShardAnswer | SelectionRefused> {
    const answer = await this.#change(() => orSelectionRefused(() => this.#store.deleteSeries(request)));
    await this.#arm();
    return answer;
  }

  async createSnapshot(): Promise<SnapshotShardAnswer> {
    const answer = await this.#change(() => snapshotAnswer(() => this.#store.createSnapshot()));
    await this.#maintenance.arm();
    return answer;
  }

  async snapshots(): Promise<readonly string[]> {
    return this.#store.listSnapshots();
  }

  async deleteSnapshot(id: string): Promise<boolean> {
    const isThere = this.#store.listSnapshots().includes(id);
    if (!isThere) return false;
    await this.#change(() => this.#store.deleteSnapshot(id));
    // What only it held is removed in the background.
    await this.#maintenance.arm();
    return true;
  }

  async segmentSummaries(): Promise<readonly SegmentSummary[]> {
    return this.#store.segmentSummaries();
  }

  async stats(): Promise<ShardStats> {
    const { counters, gauges } = this.#store.stats();
    const queue = this.#sender === undefined ? {} : { queue_lag_rows: this.#sender.lag };
    const lag = this.#flusher?.lag;
    const archive = lag === undefined ? {} : { archive_lag_seconds: lag.lagSeconds, archive_overdue_seconds: lag.overdueSeconds };
    return { counters: { ...counters, batches_without_room_total: this.#appendsRefused, ...this.#sender?.counters, ...this.#flusher?.counters }, gauges: { ...gauges, ...queue, ...archive } };
  }

  async flushStatus(): Promise<FlushStatus | undefined> {
    return this.#flusher?.status();
  }

  /** What is due is looked at once for all of them: it costs as much as a small batch. */
  async #appendAll(requests: readonly AppendRequest[]): Promise<readonly AppendAnswer[]> {
    const answers = this.#store.appendAll(requests.map(({ message }) => message), requests.map(({ wishes }) => wishes));
    await this.#arm();
    return answers;
  }

  /**
   * Behind a write that is durable: the seal that it may have hastened on far enough for the next one. Reads have their turn between its steps.
   * Waiting is for speed alone: answers are held back by the runtime until what they are of is durable, and what comes meanwhile is one commit.
   */
  async #settle(): Promise<void> {
    while (this.#store.sealer.isBehind) {
      this.#store.sealer.sealOn();
      await systemClock.sleep(0);
    }
  }

  async #arm(): Promise<void> {
    await this.#maintenance.arm();
    await this.#sender?.arm();
  }

  /** Runs what changes the store. Where it fails it may have stopped half-way between storage and memory; a read leaves memory as it is. */
  async #change<T>(body: () => T | Promise<T>): Promise<T> {
    try {
      return await body();
    } catch (error) {
      this.#abort(error);
      throw error;
    }
  }

  #abort(error: unknown): void {
    this.ctx.abort(`shard: ${messageOf(error)}`);
  }
}

/** The tenant in an object's name (shard-router.ts); an object that was not made by name has none, and the limits of all. */
function tenantOf(objectName = ''): string {
  return objectName.slice(0, Math.max(0, objectName.lastIndexOf('/shard/')));
}
