import type { Clock } from '../../runtime/clock.ts';
import type { LIMITS } from '../../runtime/limits.ts';
import type { Random } from '../../runtime/random.ts';
import type { Sql } from '../../runtime/sql.ts';
import type { ArchiveSource } from '../archive-source.ts';
import type { Exemplars } from '../exemplars.ts';
import { renew } from '../fence.ts';
import { RefSpace } from '../index/ref-space.ts';
import type { SeriesRegistry } from '../index/series-registry.ts';
import type { LogHead } from '../log/log-head.ts';
import type { Wal } from '../log/wal.ts';
import type { Sealer } from '../segment/sealer.ts';
import type { Segments } from '../segment/segments.ts';
import { committedSamples } from '../select/read-series.ts';
import type { AppendAnswer, AppendWishes } from '../shard-api.ts';
import { exemplarsToStore, storedAnswer } from './append-answer.ts';
import type { AppendMessage } from './append-message.ts';
import { BatchColumns } from './batch-columns.ts';
import { DeltaSums } from './delta-sums.ts';
import { readBatch } from './incoming-batch.ts';
import type { RefBatch } from './ref-message.ts';
import { refsById, resolveRefs, resolveSeries, type ResolvedSeries } from './resolve-series.ts';
import { refusedOf, TakenSamples } from './taken-samples.ts';

/** The parts of a store that a batch goes into, or that say what of it may. */
export interface AppenderParts {
  readonly sql: Sql;
  readonly limits: typeof LIMITS;
  readonly random: Random;
  readonly clock: Clock;
  readonly series: SeriesRegistry;
  readonly head: LogHead;
  readonly wal: Wal;
  readonly segments: Segments;
  readonly exemplars: Exemplars;
  readonly archive: Pick<ArchiveSource, 'writeFloorMs'>;
  readonly sealer: Pick<Sealer, 'makeRoom' | 'noteLogBegins'>;
}

/** Takes batches: resolves their series, leaves out what is refused or known, and commits the rest, as few rows of the log as it fits in. */
export class Appender {
  readonly #parts: AppenderParts;
  readonly #deltas: DeltaSums;
  readonly #columns = new BatchColumns();
  readonly #taken = new TakenSamples();
  readonly #refSpace: RefSpace;
  /** By the names of their metrics without `varve_shard_`. */
  readonly counters = {
    batches_total: 0,
    samples_by_ref_total: 0,
    samples_appended_total: 0,
    samples_duplicate_total: 0,
    histograms_appended_total: 0,
    exemplars_appended_total: 0,
    series_created_total: 0,
    series_refused_total: 0,
    samples_refused_by_age_total: 0,
    deltas_refused_by_order_total: 0,
    delta_sums_raised_total: 0,
  };

  constructor(parts: AppenderParts) {
    this.#parts = parts;
    this.#refSpace = new RefSpace(parts.random);
    this.#deltas = new DeltaSums(committedSamples(parts), parts.limits);
  }

  /** Batches as they came over RPC, which are read one at a time. */
  appendMessages(messages: readonly ArrayBuffer[], wishes: readonly (AppendWishes | undefined)[]): AppendAnswer[] {
    return this.append(messages.values().map((message) => readBatch(message, this.#columns)), wishes);
  }

  /** Batches, or the answers of those that could not be read. Each is through when the next one is asked for. */
  append(batches: Iterable<AppendMessage | RefBatch | AppendAnswer>, wishes: readonly (AppendWishes | undefined)[] = []): AppendAnswer[] {
    const { series, limits } = this.#parts;
    const { batchSamplesMax, sqlRowBytesMax } = limits;
    const taken = this.#taken;
    taken.clear();
    const answers = Array.from(batches, (batch, i): AppendAnswer => {
      if ('status' in batch) return batch;
      if (batch.sampleCount > batchSamplesMax) {
        return { status: 'refused', message: `the batch has ${batch.sampleCount} samples, the limit batchSamplesMax is ${batchSamplesMax}` };
      }
      const resolved = 'runs' in batch ? resolveRefs(batch, series, this.#refSpace, this.#columns) : resolveSeries(batch, series, limits, this.#columns);
      if (resolved.status !== 'resolved') return resolved;
      const isOver = taken.sampleCount + batch.sampleCount > batchSamplesMax || taken.rowBytesWith(batch) > sqlRowBytesMax;
      if (isOver) this.#commit();
      const answer = this.#take(batch, resolved);
      if (resolved.added.length > 0) {
        // The batches behind it find its series.
        series.add(resolved.added);
        series.index.sortOn();
      }
      if (answer.status !== 'stored' || wishes[i]?.refs !== true) return answer;
      return { ...answer, given: { space: this.#refSpace.nameAt(series.generation), refs: refsById(batch, resolved.refs) } };
    });
    this.#commit();
    return answers;
  }

  /** Stored samples have changed otherwise than by a batch: what is remembered of them is read again. */
  forgetSums(): void {
    this.#deltas.forget();
  }

  #take(batch: AppendMessage | RefBatch, { refs, added, refusedSeries }: ResolvedSeries): AppendAnswer {
    const { series, head, exemplars, archive, limits } = this.#parts;
    head.reserveSeries(series.refLimit + added.length);
    const outcome = this.#taken.take(batch, refs, { head, floorMs: archive.writeFloorMs, deltas: this.#deltas });
    const { taken, refusedByAge, refusedByOrder, raised } = outcome;
    const refused = refusedOf(outcome);
    const kept = 'runs' in batch ? [] : exemplarsToStore(batch, refs);
    exemplars.stage(kept);
    const { counters } = this;
    counters.batches_total++;
    if ('runs' in batch) counters.samples_by_ref_total += batch.seriesCount - batch.idLow.length;
    counters.samples_appended_total += taken;
    counters.samples_duplicate_total += batch.sampleCount - taken - refused.samples;
    counters.histograms_appended_total += batch.payloads.length - refused.histograms;
    counters.exemplars_appended_total += kept.length;
    counters.samples_refused_by_age_total += refusedByAge.samples;
    counters.deltas_refused_by_order_total += refusedByOrder.samples;
    counters.delta_sums_raised_total += raised;
    counters.series_created_total += added.length;
    counters.series_refused_total += refusedSeries;
    const reasons = { outcome, refusedSeries, seriesCount: series.count + added.length, floorMs: archive.writeFloorMs };
    return storedAnswer(batch, kept.length, reasons, limits);
  }

  /** Writes what has been taken, and the series that it brings. */
  #commit(): void {
    const { sql, limits, clock, series, head, wal, segments, exemplars, sealer } = this.#parts;
    const taken = this.#taken;
    const { sampleCount } = taken;
    const hasExemplars = exemplars.hasStaged;
    if (sampleCount === 0 && !series.hasUnwritten && !hasExemplars) return this.#deltas.noteCommitted();
    const rows = sampleCount === 0 ? [] : taken.rows(limits.sqlRowBytesMax);
    sealer.makeRoom(sampleCount, rows.length, taken.payloadBytes);
    // Commit point of the batches: their one row alone, or the transaction of several rows, or of none, with the series and exemplars that
    // they bring. The runtime makes it durable before the answers leave. A crash before it leaves nothing of them; a crash behind it leaves
    // all of them, and their senders, who may not have the answers, send them again.
    if (!series.hasUnwritten && !hasExemplars && rows.length === 1 && head.count > 0) wal.append(rows[0]!, segments.generation);
    else {
      sql.transaction(() => {
        series.write();
        if (rows.length === 0) renew(sql, wal, segments);
        else if (head.count === 0) sealer.noteLogBegins(clock.nowMs());
        for (const row of rows) wal.append(row, segments.generation);
        if (hasExemplars) exemplars.write();
      });
    }
    series.index.sortOn();
    head.append(taken);
    taken.clear();
    this.#deltas.noteCommitted();
  }
}
