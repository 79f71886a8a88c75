import type { UpkeepStatus, UpkeepWork } from '../../catalog/archive-api.ts';
import type { ShardPartition } from '../../catalog/archive-files.ts';
import { dayOf, type DataFile } from '../../catalog/iceberg/data-file.ts';
import { partitionEndDay, type ArchiveTableName, type TableDefinition } from '../../catalog/iceberg/table-definition.ts';
import { TABLE_DEFINITIONS } from '../../catalog/iceberg/table-definitions.ts';
import { dataFileKey } from '../../catalog/object-names.ts';
import { SeriesHasher } from '../../model/series-id.ts';
import { putObject } from '../../put-object.ts';
import { must } from '../../runtime/assert.ts';
import { port } from '../../runtime/port-failure.ts';
import { randomId } from '../../runtime/random.ts';
import { RetryPause, type PauseFailure } from '../../runtime/retry-pause.ts';
import { DAY_MS } from '../../runtime/units.ts';
import { dataFileOf } from '../files/series-file-writer.ts';
import { seriesIdBytes } from '../files/series-id-bytes.ts';
import { PlanLedger } from '../flush/plan-ledger.ts';
import type { OpenPlan } from '../upkeep/orphan-sweep.ts';
import type { MergeCodec, MergeReader } from './merge-codec.ts';
import { planMerge, type MergeCursor, type MergePlan } from './merge-plan.ts';
import { MergeReaders } from './merge-readers.ts';
import { mergeSeries } from './merge-series.ts';
import type { RewritingPorts } from './rewriting-ports.ts';
import { readInBatches } from './series-batches.ts';

/** Failures in a row after which a merge is given up where the object store answers, so that one damaged file does not keep all others from being merged. */
const TRIES_MAX = 8;

export interface FileMergerOptions extends RewritingPorts {
  /** Tables without a codec are not merged. */
  readonly codecs: Readonly<Partial<Record<ArchiveTableName, MergeCodec<unknown>>>>;
  /** Those of a tenant, unless given. */
  readonly definitions?: readonly TableDefinition[];
}

/**
 * Rewrites the many small files of a partition that is over as a few large ones, sorted all through, step by step:
 *
 *   plan → object 0, note of it → … → object n, note → replacement (ArchiveFiles.replace) → plan forgotten
 *
 * A crash before the plan: nothing has begun. Behind it, or behind an object: the same bytes go to the same key again, which is found as it
 * should be. Behind a note: the next file is next. Before or behind the replacement: it is done again, which is known by the plan's id and
 * changes nothing. Nothing is deleted here: the files that were merged are removed when nobody reads them any more (removed-files.ts).
 */
export class FileMerger {
  readonly name = 'merge';
  readonly counters = { archive_merges_total: 0, archive_merged_files_total: 0, archive_merge_failures_total: 0, archive_merges_given_up_total: 0 };
  readonly #options: FileMergerOptions;
  readonly #definitions: readonly TableDefinition[];
  readonly #plans: PlanLedger<MergePlan, MergeCursor>;
  readonly #pause: RetryPause;
  /** Those of a merge that is over are let go. */
  readonly #readers: MergeReaders<unknown>;
  #hasher: SeriesHasher | undefined;

  constructor(options: FileMergerOptions) {
    this.#options = options;
    this.#definitions = options.definitions ?? TABLE_DEFINITIONS;
    this.#plans = new PlanLedger(options.sql, 'merge');
    this.#pause = new RetryPause(options.clock);
    this.#readers = new MergeReaders(options.limits.archiveTailCacheBytesMax);
  }

  openPlan(): OpenPlan | undefined {
    const plan = this.#plans.plan()?.plan;
    return plan && { id: plan.id, files: plan.runs.flat() };
  }

  get failure(): PauseFailure | undefined {
    return this.#pause.failure;
  }

  /** When there is something to do (Unix ms); `undefined` when nothing will be before files are committed. */
  nextDueMs(): number | undefined {
    if (this.#plans.plan() !== undefined) return this.#pause.untilMs;
    const next = this.#next();
    return next && Math.max(next.dueMs, this.#pause.untilMs);
  }

  begun(): UpkeepStatus['begun'] {
    const plan = this.#plans.plan()?.plan;
    return plan && { table: plan.table, day: plan.day, shard: plan.shard, fileCount: plan.runs.flat().length, written: this.#plans.written() };
  }

  next(): UpkeepWork | undefined {
    return this.#next()?.partition;
  }

  /** The partition that is looked at next, whether it is worth merging or not. */
  #next(): { readonly partition: ShardPartition; readonly dueMs: number } | undefined {
    let next: { readonly partition: ShardPartition; readonly dueMs: number } | undefined;
    for (const definition of this.#definitions) {
      const partition = this.#options.codecs[definition.name] && this.#options.files.changedPartition(definition.name, Infinity);
      if (partition === undefined) continue;
      const dueMs = partitionEndDay(definition, partition.day) * DAY_MS + this.#options.limits.archiveMergeDelayMs;
      if (next === undefined || dueMs < next.dueMs) next = { partition, dueMs };
    }
    return next;
  }

  /** Does one bounded piece of what is due. A failure of the object store is counted, and waits; anything else is let out. */
  async step(): Promise<void> {
    if (!this.#pause.isOver) return;
    const known = this.#plans.plan();
    const isDone = await this.#pause.attempt(async () => {
      if (known === undefined) this.#begin();
      else if (!known.isEncoded) await this.#writeNext(known.plan);
      else this.#finish(known.plan);
    });
    if (isDone) return;
    this.counters.archive_merge_failures_total++;
    if (known !== undefined && this.#pause.failures >= TRIES_MAX && (await this.#isStoreThere())) this.#giveUp(known.plan);
  }

  /** Partitions are looked at once: one that is given up in an outage would stay as it is. */
  async #isStoreThere(): Promise<boolean> {
    try {
      await this.#options.store.head(this.#options.prefix);
      return true;
    } catch {
      return false;
    }
  }

  #begin(): void {
    const { files, clock, random, limits, codecs } = this.#options;
    for (const definition of this.#definitions) {
      if (codecs[definition.name] === undefined) continue;
      // Partitions that begin at least their own length and the delay ago.
      const nowDay = dayOf(clock.nowMs() - limits.archiveMergeDelayMs);
      const partition = files.changedPartition(definition.name, nowDay);
      if (partition === undefined || partitionEndDay(definition, partition.day) > nowDay) continue;
      const runs = planMerge(files.runs(partition), limits);
      const isWorthIt = runs !== undefined && files.mayBeJoined(definition.name, runs.flatMap((run) => run.files));
      // Marked again with the next files that come, those of the merge among them, and when a deletion is carried out that has to be first.
      if (!isWorthIt) files.unmark(partition);
      else this.#plans.begin({ ...partition, id: randomId(random), runs: runs.map((run) => run.files) });
      return;
    }
  }

  async #writeNext(plan: MergePlan): Promise<void> {
    const { position, cursor } = this.#plans.progress();
    const { store, prefix } = this.#options;
    const merged = await this.#encodeNext(plan, cursor);
    if (merged === undefined) {
      this.#plans.note(plan, position, undefined, true);
      return;
    }
    const key = dataFileKey(prefix, { table: plan.table, day: plan.day, shard: plan.shard, madeBy: 'merged', position, planId: plan.id });
    // Commit point of the object: the store's own.
    if ((await port(() => putObject(store, key, merged.file.bytes))) === 'different') {
      // Another build had begun this plan and encodes otherwise: a new plan has other keys.
      this.#end(plan);
      return;
    }
    this.#plans.note(plan, position, { file: dataFileOf(merged.file, plan.table, key), cursor: merged.cursor }, merged.cursor === undefined);
    this.counters.archive_merged_files_total++;
  }

  /** The next file's bytes, and where the one behind it begins; `undefined` when there is nothing left. */
  async #encodeNext(plan: MergePlan, cursor: MergeCursor | undefined): Promise<{ readonly file: ReturnType<ReturnType<MergeCodec<unknown>['writer']>['finish']>; readonly cursor: MergeCursor | undefined } | undefined> {
    const { files, limits } = this.#options;
    const codec = this.#codec(plan);
    const hasher = (this.#hasher ??= new SeriesHasher(this.#options.seriesHashKey()));
    const writer = codec.writer(limits, { 'varve.shard': plan.shard, 'varve.merge': plan.id });
    const runs = plan.runs.map((run) => files.describe(run));
    const open = (file: DataFile): Promise<MergeReader<unknown>> => this.#readers.open(file, () => codec.open(this.#options.store, file));
    let skip = cursor?.rowsTaken ?? 0;
    for await (const { series, rows } of readInBatches(mergeSeries(runs, open, cursor), limits, codec.pieces !== undefined)) {
      const { labels, places, filePlaces } = series;
      const id = seriesIdBytes(hasher, labels);
      let rowsTaken = 0;
      for await (const joined of rows === undefined ? must(codec.pieces, 'pieces')(places, limits) : [codec.join(rows)]) {
        const length = codec.lengthOf(joined);
        // What is in the file before.
        const from = Math.min(length, Math.max(0, skip - rowsTaken));
        const to = Math.min(length, from + writer.room);
        if (to > from) writer.add(labels, id, joined, from, to);
        rowsTaken += to;
        if (to < length) return { file: writer.finish(), cursor: { labels, rowsTaken, places: filePlaces } };
      }
      skip = 0;
    }
    return writer.rowCount === 0 ? undefined : { file: writer.finish(), cursor: undefined };
  }

  #finish(plan: MergePlan): void {
    const { files, clock } = this.#options;
    const outcome = files.replace({ id: plan.id, table: plan.table, remove: plan.runs.flat(), add: this.#plans.files(), nowMs: clock.nowMs() });
    this.#plans.end(plan);
    this.#readers.clear();
    // Somebody has taken files away meanwhile: what is there now is looked at again.
    if (outcome === 'done') this.counters.archive_merges_total++;
    else this.counters.archive_merges_given_up_total++;
  }

  /** A crash between the two leaves the partition to be tried as often once more. */
  #giveUp(plan: MergePlan): void {
    this.#end(plan);
    this.#options.files.unmark(plan);
    this.#pause.forget();
  }

  /** The partition stays marked: it is planned anew. */
  #end(plan: MergePlan): void {
    this.#plans.end(plan);
    this.#readers.clear();
    this.counters.archive_merges_given_up_total++;
  }

  #codec(plan: MergePlan): MergeCodec<unknown> {
    return must(this.#options.codecs[plan.table], `a codec for ${plan.table}`);
  }
}
