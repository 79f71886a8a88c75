import type { Labels } from '../model/labels.ts';
import type { Clock } from '../runtime/clock.ts';
import type { LIMITS } from '../runtime/limits.ts';
import type { Sql } from '../runtime/sql.ts';
import type { ArchiveMark } from './archive-mark.ts';
import { rowTest, rowWithout, type Deletion } from './delete-range.ts';
import { mustBeCurrent } from './fence.ts';
import type { SeriesRegistry } from './index/series-registry.ts';
import { cutRow, findCutoffs, type Cutoffs } from './keep-newest.ts';
import type { LogHead } from './log/log-head.ts';
import type { Wal } from './log/wal.ts';
import { countRemoved, planPrune } from './prune.ts';
import { planMerge, runsOf, type SealedRun } from './segment/compact-plan.ts';
import { MergeInSteps } from './segment/merge-in-steps.ts';
import { Sealer } from './segment/sealer.ts';
import type { SegmentInfo, Segments, SegmentState } from './segment/segments.ts';
import { countDead, findAlive, isWorthCleaning } from './series-churn.ts';
import type { Snapshots } from './snapshots.ts';

/** The parts of a store that upkeep works on. */
export interface StoreParts {
  readonly sql: Sql;
  readonly limits: typeof LIMITS;
  readonly clock: Clock;
  readonly head: LogHead;
  readonly wal: Wal;
  readonly series: SeriesRegistry;
  readonly segments: Segments;
  readonly snapshots: Snapshots;
}

/**
 * All that changes what is stored without anybody sending samples. Each step is one transaction, which is its commit point: a crash before
 * it leaves what was there, a crash behind it leaves the step done, and doing a step again finds nothing to do.
 */
export class Upkeep {
  readonly counters = { seals_total: 0, merges_total: 0, samples_pruned_total: 0, samples_deleted_total: 0, series_removed_total: 0 };
  readonly #parts: StoreParts;
  readonly #retentionMs: number;
  readonly #mark: Pick<ArchiveMark, 'archivedUntilMs'> | undefined;
  readonly sealer: Sealer;
  /** Live segments have changed since the last look for a merge. */
  #mayMerge = true;
  /** Rows that a merge found unreadable, since waking. */
  readonly #damaged = new Set<number>();
  #merge: MergeInSteps | undefined;
  /** Segments have gone since the last look for dead series. */
  #mayHaveDead = false;

  /** With a mark nothing expires that is not archived. */
  constructor(parts: StoreParts, retentionMs: number, mark?: Pick<ArchiveMark, 'archivedUntilMs'>) {
    this.#parts = parts;
    this.#retentionMs = retentionMs;
    this.#mark = mark;
    this.sealer = new Sealer(
      parts,
      (body) => this.#transaction(body),
      () => {
        this.#mayMerge = true;
        this.counters.seals_total++;
      },
    );
  }

  nextDueMs(): number | undefined {
    const { segments } = this.#parts;
    if (this.#merge !== undefined) return -Infinity;
    if (this.#mayMerge || this.#mayHaveDead) return this.#hasWork() ? -Infinity : this.nextDueMs();
    const canExpire = segments.oldestEndMs < this.#archivedUntilMs;
    const dueMs = Math.min(this.sealer.logDueMs, canExpire ? segments.oldestEndMs + this.#retentionMs + 1 : Infinity);
    return dueMs === Infinity ? undefined : dueMs;
  }

  maintain(): void {
    const { head, clock, segments } = this.#parts;
    const nowMs = clock.nowMs();
    const beforeMs = Math.min(nowMs - this.#retentionMs, this.#archivedUntilMs);
    if (segments.oldestEndMs < beforeMs || head.minTimestampMs < beforeMs) this.#expire(beforeMs);
    if (nowMs >= this.sealer.logDueMs) {
      this.sealer.sealOn();
      if (this.sealer.isUnderWay) return;
    }
    // A clean-up and a step of a merge are both work that one may want to interrupt: one of them a step.
    if (this.#mayHaveDead && this.removeDeadSeries()) return;
    this.#mergeOn();
  }

  get #archivedUntilMs(): number {
    return this.#mark?.archivedUntilMs ?? Infinity;
  }

  /** Writes the whole log out as segments and frees it. */
  seal(): void {
    this.sealer.sealAll();
  }

  createSnapshot(): string {
    this.seal();
    const { segments, snapshots } = this.#parts;
    return this.#transaction(() => {
      const id = snapshots.create({ live: segments.live, floorMs: segments.floorMs });
      // Another instance must not sweep what it does not know to be held.
      segments.renew();
      return id;
    });
  }

  restoreSnapshot(id: string): void {
    const { head, wal, segments, snapshots } = this.#parts;
    const state = snapshots.stateOf(id, segments);
    // Of a log that is taken back.
    this.sealer.forget();
    const sequence = this.#transaction(() => {
      // Also voids the log.
      const taken = wal.markTakenBack();
      this.#change(state);
      return taken;
    });
    wal.restart(sequence);
    head.clear();
  }

  deleteSnapshot(id: string): void {
    const { segments, snapshots } = this.#parts;
    this.#transaction(() => {
      snapshots.delete(id);
      segments.renew();
      this.#sweep();
    });
    this.#mayHaveDead = true;
  }

  prune(beforeMs: number): number {
    const { head, segments } = this.#parts;
    if (beforeMs <= segments.floorMs) return 0;
    // The log has no floor, so it must not hold anything below it.
    if (head.minTimestampMs < beforeMs) this.seal();
    const removed = countRemoved(segments, beforeMs);
    this.#transaction(() => this.#change(planPrune(segments, beforeMs)));
    this.counters.samples_pruned_total += removed;
    this.removeDeadSeries();
    return removed;
  }

  pruneSeries(beforeMsOf: (labels: Labels) => number): number {
    this.seal();
    const { index } = this.#parts.series;
    const removed = this.#removeOlder(new Map(index.select([]).map((ref) => [ref, beforeMsOf(index.labelsOf(ref))])));
    this.counters.samples_pruned_total += removed;
    this.removeDeadSeries();
    return removed;
  }

  /**
   * Removes samples of some series within a time, as many rows of segments at a time as one step may rewrite; `more` says whether to ask
   * again. Each step is exact for the rows that it has come to, and doing one again finds nothing in them.
   */
  deleteRange(deletion: Deletion): { readonly samplesRemoved: number; readonly more: boolean } {
    this.seal();
    const { limits, segments, series } = this.#parts;
    const mayHold = rowTest(deletion);
    const answer = this.#transaction(() => {
      const live: SegmentInfo[] = [];
      let rewritten = 0;
      let samplesRemoved = 0;
      let more = false;
      for (const info of segments.live) {
        const isDue = mayHold(info);
        more ||= isDue && rewritten >= limits.deleteRowsMax;
        const without = isDue && !more ? rowWithout(segments, info, deletion, series.index, limits) : undefined;
        if (without === undefined) {
          live.push(info);
          continue;
        }
        live.push(...segments.insert(without.rows, info.seal));
        samplesRemoved += without.samplesRemoved;
        rewritten++;
      }
      // Commit point of the deletion, as far as it has come: this transaction. A crash before it leaves the old rows, all of them readable;
      // a crash behind it leaves the new ones. The caller, who may not have the answer, asks again.
      if (rewritten > 0) this.#change({ live, floorMs: segments.floorMs });
      return { samplesRemoved, more };
    });
    this.counters.samples_deleted_total += answer.samplesRemoved;
    if (!answer.more) this.removeDeadSeries();
    return answer;
  }

  keepNewest(count: number, isMeant: (labels: Labels) => boolean, onCut?: (labels: Labels, beforeMs: number) => void): number {
    this.seal();
    const { segments, series } = this.#parts;
    const cutoffs = [...findCutoffs(segments, count)].filter(([ref]) => isMeant(series.index.labelsOf(ref)));
    for (const [ref, beforeMs] of cutoffs) onCut?.(series.index.labelsOf(ref), beforeMs);
    return this.#removeOlder(new Map(cutoffs));
  }

  /**
   * Forgets the series that no sample is left of, in the log, in segments or in snapshots, if there are enough of them; says whether it did.
   * Their refs are free from then on: what the change feed still has of the WAL must not be read with them.
   */
  removeDeadSeries(): boolean {
    this.#mayHaveDead = false;
    const { sql, limits, head, wal, series, segments } = this.#parts;
    const { refLimit } = series;
    const isAlive = findAlive(segments, head, series);
    const deadCount = countDead(series, isAlive);
    if (!isWorthCleaning(series.count, deadCount, limits)) return false;
    this.#transaction(() => {
      series.writeWithout((ref) => isAlive[ref] === 1);
      sql.run('UPDATE shard_state SET refs_since_sequence = ? WHERE id = 1', wal.lastSequence);
      segments.renew();
    });
    // They go by the index as it was, of which there may be no room for two; the merge is begun anew.
    this.#merge = undefined;
    this.#mayMerge = true;
    this.sealer.forget();
    series.reread();
    for (let ref = 0; ref < refLimit; ref++) if (isAlive[ref] === 0) head.forgetSeries(ref);
    this.counters.series_removed_total += deadCount;
    return true;
  }

  /**
   * All of `body` or nothing of it; and nothing, with an error, when another instance of the shard has changed storage since. A replaced
   * instance that lives on must not seal, prune or sweep by a state that is no longer the shard's.
   */
  #transaction<T>(body: () => T): T {
    const { sql, wal, segments } = this.#parts;
    return sql.transaction(() => {
      mustBeCurrent(sql, wal, segments);
      return body();
    });
  }

  /** Drops the rows that end before `beforeMs`, and with them everything as old. */
  #expire(beforeMs: number): void {
    const { head, segments } = this.#parts;
    if (head.minTimestampMs < beforeMs) this.seal();
    this.#transaction(() => this.#change(planPrune(segments, Math.max(beforeMs, segments.floorMs))));
  }

  #removeOlder(cutoffs: Cutoffs): number {
    const { limits, segments, series } = this.#parts;
    const lastCutoffMs = [...cutoffs.values()].reduce((last, cutoff) => Math.max(last, cutoff), -Infinity);
    if (segments.live.every((info) => info.minTimeMs >= lastCutoffMs)) return 0;
    return this.#transaction(() => {
      const live: SegmentInfo[] = [];
      let removed = 0;
      for (const info of segments.live) {
        const cut = info.minTimeMs >= lastCutoffMs ? undefined : cutRow(segments, info, cutoffs, series.index, limits);
        if (cut === undefined) live.push(info);
        else live.push(...segments.insert(cut.rows, info.seal));
        removed += cut?.samplesRemoved ?? 0;
      }
      if (removed > 0) this.#change({ live, floorMs: segments.floorMs });
      return removed;
    });
  }

  #mergeOn(): void {
    const merge = this.#merge;
    if (merge === undefined) {
      this.#merge = this.#beginMerge();
      return;
    }
    this.#transaction(() => {
      const outcome = merge.step();
      if (outcome.status === 'done') {
        // Looking for dead series reads the refs of all stored rows: seconds, of weeks of a full shard.
        this.#change({ live: outcome.live, floorMs: this.#parts.segments.floorMs }, merge.dropsSamples);
        this.counters.merges_total++;
      } else if (outcome.status === 'damaged') {
        // Its run stays as it is: reads of it fail by name, and neither writing nor the other merges stop for it.
        this.#damaged.add(outcome.segment);
        this.#merge = undefined;
        this.#mayMerge = true;
      }
    });
  }

  #beginMerge(): MergeInSteps | undefined {
    this.#mayMerge = false;
    const { limits, segments, series } = this.#parts;
    const runs = runsOf(segments.live);
    const plan = planMerge(this.#mergeable(runs), limits);
    if (plan === undefined) return undefined;
    // Rows of a merge that a crash or a damaged row has ended.
    this.#transaction(() => this.#sweep());
    return new MergeInSteps(segments, runs.slice(plan.start, plan.end), series.index, limits);
  }

  /** Runs as the plan shall see them: one with a damaged row as too large for any merge. */
  #mergeable(runs: readonly SealedRun[]): Pick<SealedRun, 'sampleCount'>[] {
    return runs.map(({ rows, sampleCount }) => ({
      sampleCount: rows.some((info) => this.#damaged.has(info.segment)) ? Number.MAX_SAFE_INTEGER : sampleCount,
    }));
  }

  #hasWork(): boolean {
    const { segments, limits, head, series } = this.#parts;
    if (this.#mayMerge && planMerge(this.#mergeable(runsOf(segments.live)), limits) !== undefined) return true;
    this.#mayMerge = false;
    if (!this.#mayHaveDead) return false;
    const isWorthIt = isWorthCleaning(series.count, countDead(series, findAlive(segments, head, series)), limits);
    this.#mayHaveDead = isWorthIt;
    return isWorthIt;
  }

  /** Makes another state the present and deletes what nothing holds any more, inside the caller's transaction; `mayHaveDead` unless every series has a sample left that had one. */
  #change(state: SegmentState, mayHaveDead = true): void {
    this.#parts.segments.become(state);
    // Its sources may be gone. If it is what made this state, it is done.
    this.#merge = undefined;
    this.#sweep();
    this.#mayMerge = true;
    this.#mayHaveDead ||= mayHaveDead;
  }

  /** Deletes what neither the present, a snapshot, a merge nor a seal under way holds, inside the caller's transaction. */
  #sweep(): void {
    const { segments, snapshots } = this.#parts;
    const isInSnapshot = snapshots.holds();
    segments.sweep((segment) => isInSnapshot(segment) || this.#merge?.holds(segment) === true || this.sealer.holds(segment));
  }
}
