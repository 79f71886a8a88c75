import { dataFileOf } from '../archive/files/series-file-writer.ts';
import { PlanLedger } from '../archive/flush/plan-ledger.ts';
import { mayBeOpen, type MergeCursor } from '../archive/rewrite/merge-plan.ts';
import type { RewritingPorts } from '../archive/rewrite/rewriting-ports.ts';
import { leaversBy, type RetentionOf } from '../archive/series-retention.ts';
import type { OpenPlan } from '../archive/upkeep/orphan-sweep.ts';
import type { UpkeepStatus, UpkeepWork } from '../catalog/archive-api.ts';
import { dayOf } from '../catalog/iceberg/data-file.ts';
import { ROLLUP_TABLES } from '../catalog/iceberg/rollup-tables.ts';
import { partitionDay } from '../catalog/iceberg/table-definition.ts';
import { tableDefinition } from '../catalog/iceberg/table-definitions.ts';
import { dataFileKey } from '../catalog/object-names.ts';
import { SeriesHasher } from '../model/series-id.ts';
import { putObject } from '../put-object.ts';
import { waitEndMs } from '../runtime/clock.ts';
import { port } from '../runtime/port-failure.ts';
import { randomId } from '../runtime/random.ts';
import { RetryPause, type PauseFailure } from '../runtime/retry-pause.ts';
import { DAY_MS } from '../runtime/units.ts';
import { RollupEncoder } from './rollup-encoder.ts';
import { RollupLedger } from './rollup-ledger.ts';
import { planRollup, rollupDueMs, type RollupLimits, type RollupPlan, type RollupWork, type WantedTable } from './rollup-plan.ts';
import { hasResolution, type WarmPolicy } from './tiering-policy.ts';

/** Failures in a row after which a plan is given up and made anew: its files may have been replaced and removed meanwhile. */
const TRIES_MAX = 8;

export interface RollupBuilderOptions extends RewritingPorts {
  readonly policy: WarmPolicy;
  /** How long tables keep their rows; that of samples says which days are not to be made again. */
  readonly retentionOf: RetentionOf;
}

/**
 * Keeps the tables of roll-ups up with the samples that are in files, step by step, one partition of one shard at a time:
 *
 *   plan → object 0, note of it → … → object n, note → new files in the place of the partition's old ones, and the days noted
 *
 * A crash before the plan: nothing has begun. Behind it, or behind an object: the same bytes go to the same key again, which is found as it
 * should be. Behind a note: the next file is next. Before the last transaction it is done again, behind it the plan is gone. Samples that
 * are committed on the way are newer than what the plan says it has seen: the day is rolled up again. Nothing is deleted here.
 */
export class RollupBuilder {
  readonly name = 'roll up';
  readonly counters = { rollup_plans_total: 0, rollup_files_total: 0, rollup_buckets_total: 0, rollup_samples_total: 0, rollup_failures_total: 0, rollups_given_up_total: 0 };
  readonly #options: RollupBuilderOptions;
  readonly #ledger: RollupLedger;
  readonly #plans: PlanLedger<RollupPlan, MergeCursor>;
  readonly #pause: RetryPause;
  readonly #tables: readonly WantedTable[];
  readonly #limits: RollupLimits;
  /** Has directories of files, which the next plan may be of too. */
  #encoder: RollupEncoder | undefined;
  #isRetentionNoted = false;
  /** Nothing is begun before (Unix ms): see `#waitEndMs`. */
  #waitUntilMs = -Infinity;

  constructor(options: RollupBuilderOptions) {
    this.#options = options;
    this.#ledger = new RollupLedger(options.sql);
    this.#plans = new PlanLedger(options.sql, 'rollup');
    this.#pause = new RetryPause(options.clock);
    this.#limits = { ...options.limits, samplesRetentionMs: options.retentionOf('samples')?.longestMs ?? Infinity };
    this.#tables = ROLLUP_TABLES.filter(({ resolution }) => hasResolution(options.policy, resolution)).map((table) => {
      const definition = tableDefinition(table.name);
      return { ...table, retentionMs: options.retentionOf(table.name)?.longestMs ?? Infinity, partitionOf: (day) => partitionDay(definition, day * DAY_MS) };
    });
  }

  get failure(): PauseFailure | undefined {
    return this.#pause.failure;
  }

  /** When there is something to do (Unix ms); `undefined` when nothing will be before files are committed. */
  nextDueMs(): number | undefined {
    this.#noteRetention();
    if (this.#plans.plan() !== undefined) return this.#pause.untilMs;
    const dueMs = rollupDueMs(this.#ledger.state(this.#tables), this.#tables, this.#options.clock.nowMs(), this.#limits);
    return dueMs === undefined ? undefined : Math.max(dueMs, this.#pause.untilMs, this.#waitEndMs);
  }

  /** Once, for the policy stays what it is. Not as the object is made: nothing but roll-ups shall fail where this does. */
  #noteRetention(): void {
    if (this.#isRetentionNoted) return;
    const { sql, clock, retentionOf } = this.#options;
    const nowMs = clock.nowMs();
    // Not the oldest day that has samples: they may be gone before it is made again.
    const samplesFromDay = dayOf(nowMs - Math.min(this.#limits.samplesRetentionMs, Number.MAX_SAFE_INTEGER)) + 1;
    sql.transaction(() => {
      for (const { name } of ROLLUP_TABLES) {
        const retention = retentionOf(name);
        const isLengthened = retention !== undefined && this.#ledger.keepFor(name, retention, samplesFromDay, nowMs);
        const plan = this.#plans.plan()?.plan;
        // Its files may have been written without series that are kept now.
        if (isLengthened && plan?.table === name) this.#plans.end(plan);
      }
    });
    this.#isRetentionNoted = true;
  }

  begun(): UpkeepStatus['begun'] {
    const plan = this.#plans.plan()?.plan;
    return plan && { table: plan.table, day: plan.partition, shard: plan.shard, fileCount: plan.runs.flat().length + plan.replaced.length, written: this.#plans.written() };
  }

  next(): UpkeepWork | undefined {
    const { clock } = this.#options;
    const state = this.#ledger.state(this.#tables);
    const dueMs = rollupDueMs(state, this.#tables, clock.nowMs(), this.#limits);
    const work = dueMs === undefined ? undefined : planRollup(state, this.#tables, Math.max(dueMs, clock.nowMs()), this.#limits);
    return work && { table: work.table, day: work.partition, shard: work.shard };
  }

  openPlan(): OpenPlan | undefined {
    const plan = this.#plans.plan()?.plan;
    return plan && { id: plan.id, files: [...plan.runs.flat(), ...plan.replaced] };
  }

  /** Does one bounded piece of what is due. A failure of the object store is counted, and waits; anything else is let out. */
  async step(): Promise<void> {
    if (!this.#pause.isOver) return;
    const known = this.#plans.plan();
    if (known === undefined) {
      // That a plan is begun says nothing of whether it can be carried out: it is no try.
      if (this.#options.clock.nowMs() >= this.#waitEndMs) this.#begin();
      return;
    }
    const isDone = await this.#pause.attempt(async () => {
      if (!known.isEncoded) await this.#writeNext(known.plan);
      else this.#finish(known.plan);
    });
    if (isDone) return;
    this.counters.rollup_failures_total++;
    if (this.#pause.failures >= TRIES_MAX) this.#giveUp(known.plan);
  }

  get #waitEndMs(): number {
    const { clock, limits } = this.#options;
    return waitEndMs(this.#waitUntilMs, limits.rollupSettleMs, clock.nowMs());
  }

  #begin(): void {
    const { clock, random, limits, policy } = this.#options;
    const nowMs = clock.nowMs();
    const wanted = planRollup(this.#ledger.state(this.#tables), this.#tables, nowMs, this.#limits);
    if (wanted === undefined) return;
    const work = this.#thatMayBeOpen(wanted);
    const runs = this.#runsOf(work);
    const isLarge = !mayBeOpen(runs, limits);
    // The day's files are merged first: the upkeep does that before long, or gives it up.
    if (isLarge && work.days.some(({ day }) => this.#options.files.isChanged({ table: 'samples', day, shard: work.shard }))) {
      this.#waitUntilMs = nowMs + limits.rollupSettleMs;
      return;
    }
    const empty = work.days.filter(({ day }) => !runs.some((run) => run.isOf(day)));
    // Those that a crash leaves are of the next plan, and forgotten by that.
    for (const { day } of empty) this.#ledger.forget(work.shard, day);
    if (empty.length === work.days.length) return;
    const replaced = this.#options.files.runs({ table: work.table, day: work.partition, shard: work.shard }).flatMap(({ files }) => files);
    const days = work.days.filter((day) => !empty.includes(day));
    this.#plans.begin({ ...work, days, id: randomId(random), runs: runs.map(({ files }) => files), replaced, rules: JSON.stringify(policy.rules) });
  }

  /** As many of the days, at least one, as have runs that may all be open at a time. */
  #thatMayBeOpen(work: RollupWork): RollupWork {
    for (let count = work.days.length; count > 1; count--) {
      const some = { ...work, days: work.days.slice(0, count) };
      if (mayBeOpen(this.#runsOf(some), this.#options.limits)) return some;
    }
    return { ...work, days: work.days.slice(0, 1) };
  }

  /** The runs of files that have samples of the days, or the one on the edge of the day behind. */
  #runsOf({ shard, days }: RollupWork): { readonly files: readonly number[]; readonly rank: number; readonly tailBytes: number; readonly isOf: (day: number) => boolean }[] {
    const { files } = this.#options;
    const wanted = new Set(days.map(({ day }) => day));
    return [...new Set(days.flatMap(({ day }) => [day, day + 1]))]
      .flatMap((day) =>
        files.runs({ table: 'samples', day, shard }).flatMap(({ files: run, rank, tailBytes }) => {
          const isEdge = wanted.has(day - 1) && files.describe(run).some(({ minTimeMs }) => minTimeMs === day * DAY_MS);
          const isOf = (of: number): boolean => of === day || (isEdge && of === day - 1);
          return wanted.has(day) || isEdge ? [{ files: run, rank, tailBytes, isOf }] : [];
        }),
      )
      .sort((a, b) => a.rank - b.rank);
  }

  async #writeNext(plan: RollupPlan): Promise<void> {
    const { position, cursor } = this.#plans.progress();
    const { store, prefix, files, limits, clock, retentionOf } = this.#options;
    const encoder = (this.#encoder ??= new RollupEncoder({ store, limits, hasher: new SeriesHasher(this.#options.seriesHashKey()), leaversOf: leaversBy(retentionOf, clock) }));
    const made = await encoder.encodeNext(plan, { runs: plan.runs.map((run) => files.describe(run)), replaced: files.describe(plan.replaced) }, cursor);
    if (made === undefined) {
      this.#plans.note(plan, position, undefined, true);
      return;
    }
    const key = dataFileKey(prefix, { table: plan.table, day: plan.partition, shard: plan.shard, madeBy: undefined, position, planId: plan.id });
    // Commit point of the object: the store's own.
    if ((await port(() => putObject(store, key, made.file.bytes))) === 'different') {
      // Another build had begun this plan and encodes otherwise: a new plan has other keys.
      this.#giveUp(plan);
      return;
    }
    this.#plans.note(plan, position, { file: dataFileOf(made.file, plan.table, key), cursor: made.cursor }, made.cursor === undefined);
    this.counters.rollup_files_total++;
    this.counters.rollup_buckets_total += made.file.rowCount;
    this.counters.rollup_samples_total += made.sampleCount;
  }

  #finish(plan: RollupPlan): void {
    const { sql, files, clock } = this.#options;
    const add = this.#plans.files();
    // Commit point of roll-ups: this transaction. Before it queries have the old ones of the partition, if any, behind it the new ones.
    const outcome = sql.transaction(() => {
      const isNothing = add.length === 0 && plan.replaced.length === 0;
      const replaced = isNothing ? 'done' : files.replace({ id: plan.id, table: plan.table, shard: plan.shard, remove: plan.replaced, add, nowMs: clock.nowMs() });
      if (replaced === 'done') this.#ledger.done(plan);
      this.#plans.end(plan);
      return replaced;
    });
    // Somebody has taken files away meanwhile: what is there now is looked at again.
    if (outcome === 'done') this.counters.rollup_plans_total++;
    else this.counters.rollups_given_up_total++;
    this.#rest();
  }

  #giveUp(plan: RollupPlan): void {
    this.#plans.end(plan);
    this.counters.rollups_given_up_total++;
    this.#rest();
  }

  /** Lets go what is known of files, where nothing else is due now. */
  #rest(): void {
    if ((this.nextDueMs() ?? Infinity) > this.#options.clock.nowMs()) this.#encoder = undefined;
  }
}
