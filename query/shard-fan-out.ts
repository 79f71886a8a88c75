import { SAMPLE_BYTES } from '../promql/budget.ts';
import type { RawSeries, SelectRequest, SeriesIterator, SeriesSource } from '../promql/series-source.ts';
import { tooManySamples } from '../storage/archive/archive-reading.ts';
import { seriesOfFreshFiles } from '../storage/archive/missing-object.ts';
import { compareLabels, type Labels } from '../storage/model/labels.ts';
import { systemClock, type Clock } from '../storage/runtime/clock.ts';
import { isMissingPart, VarveError } from '../storage/runtime/errors.ts';
import { LIMITS } from '../storage/runtime/limits.ts';
import { randomId, systemRandom } from '../storage/runtime/random.ts';
import { SHARD_RPC_VERSION, type SelectShardRequest, type ShardApi } from '../storage/shard/shard-api.ts';
import { readSelectPage, type PageSeries } from '../storage/shard/select-page.ts';
import type { ArchiveTier, TenantShards } from '../storage/shard-router.ts';
import { mayBeArchived } from './archived-labels.ts';
import { mergeSorted } from './merge-series-sets.ts';
import { ReadReport, tiersFailingOnMissing, type TiersWatch } from './read-report.ts';
import { ShardTurns } from './shard-turns.ts';
import { selectTiers, type HotSelect } from './tiered-select.ts';
import { selectSummaries, type SummarySelect } from './tiered-summaries.ts';

/** One tenant as the series source of one query: all shards asked side by side, and the archive for what has left them, merged in label order. */
export class HotSource implements SeriesSource {
  readonly #shards: TenantShards;
  readonly #samplesMax: number;
  readonly #watch: Watch;
  readonly #maxSourceResolutionMs: number | undefined;
  /** Shards count what they do for it together, and forget it in time. */
  readonly #query = randomId(systemRandom);
  /** By shard. */
  readonly #turns: readonly ShardTurns[];

  /** `samplesMax` bounds the samples of one select; `maxSourceResolutionMs`: see SummarySelect. */
  constructor(shards: TenantShards, samplesMax: number, watch: Watch = { report: new ReadReport(false), clock: systemClock }, maxSourceResolutionMs?: number) {
    this.#shards = shards;
    this.#samplesMax = samplesMax;
    this.#watch = watch;
    this.#maxSourceResolutionMs = maxSourceResolutionMs;
    this.#turns = Array.from({ length: shards.shardCount }, () => new ShardTurns(LIMITS.querySelectsAtOnceMax));
  }

  select(request: SelectRequest, signal: AbortSignal | undefined): AsyncIterable<RawSeries> {
    // Timestamps are whole milliseconds; a range of none needs no shard.
    const startMs = Math.ceil(request.startMs);
    const endMs = Math.floor(request.endMs);
    const pageBytesTarget = pageBytesOf((request.openReads ?? 1) * this.#shards.shardCount);
    const first = { version: SHARD_RPC_VERSION, matchers: request.matchers, startMs, endMs, after: undefined, samplesMax: this.#samplesMax, pageBytesTarget, query: this.#query };
    const { archive } = this.#shards;
    if (archive !== undefined && startMs <= endMs && mayBeArchived(startMs, this.#watch.clock)) {
      const hot: HotSelect = (shard, from) => this.#seriesOf(shard, { ...first, ...from }, signal);
      const range = { matchers: request.matchers, startMs, endMs, samplesMax: this.#samplesMax };
      const { windows } = request;
      return seriesOfFreshFiles((failsOnMissing) => {
        const watch = failsOnMissing ? tiersFailingOnMissing(this.#watch.report) : this.#watch.report;
        return windows === undefined ? selectTiers(archive, range, hot, watch.cold) : this.#selectWindows(archive, { ...range, windows }, hot, watch);
      });
    }
    const streams = Array.from({ length: this.#shards.shardCount }, (_, shard) => this.#seriesOf(shard, first, signal));
    // A series lives on one shard: no two streams have the same labels.
    return streams.length === 1 ? streams[0]! : mergeSorted(streams, (a, b) => compareLabels(a.labels, b.labels));
  }

  #seriesOf(shard: number, first: SelectShardRequest, signal: AbortSignal | undefined): ShardSeries {
    return new ShardSeries((ask) => this.#turns[shard]!.take(() => ask(this.#shards)), shard, first, signal, this.#watch);
  }

  /** From roll-ups where these may answer, and from samples elsewhere. */
  async *#selectWindows(archive: ArchiveTier, request: Omit<SummarySelect, 'maxSourceResolutionMs'>, hot: HotSelect, watch: TiersWatch): AsyncGenerator<RawSeries> {
    const summaries = await selectSummaries(archive, { ...request, maxSourceResolutionMs: this.#maxSourceResolutionMs }, hot, watch);
    yield* summaries ?? selectTiers(archive, request, hot, watch.cold);
  }
}

/** How large each of so many pages may be that are in memory at a time. */
function pageBytesOf(pageCount: number): number {
  return Math.max(LIMITS.selectPageBytesMin, Math.min(LIMITS.selectPageBytesTarget, Math.floor(LIMITS.selectPagesBytesTarget / pageCount)));
}

/** The series of one shard, fetched page by page. */
class ShardSeries implements SeriesIterator, AsyncIterable<RawSeries> {
  readonly #inTurn: InTurn;
  readonly #shard: number;
  readonly #first: SelectShardRequest;
  readonly #signal: AbortSignal | undefined;
  readonly #watch: Watch;
  /** Of the next page; `undefined` behind the last one. */
  #request: SelectShardRequest | undefined;
  #page: Iterator<PageSeries> | undefined;
  #last: Labels | undefined;

  constructor(inTurn: InTurn, shard: number, first: SelectShardRequest, signal: AbortSignal | undefined, watch: Watch) {
    this.#inTurn = inTurn;
    this.#shard = shard;
    this.#first = first;
    this.#signal = signal;
    this.#watch = watch;
    this.#request = first;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  nextAtHand(): RawSeries | undefined {
    const read = this.#page?.next();
    if (read === undefined) return undefined;
    if (read.done === true) {
      this.#page = undefined;
      return undefined;
    }
    this.#last = read.value.labels;
    this.#watch.report.read(read.value.timestampsMs.length);
    return read.value;
  }

  async next(): Promise<IteratorResult<RawSeries, undefined>> {
    for (;;) {
      const series = this.nextAtHand();
      if (series !== undefined) return { done: false, value: series };
      if (this.#request === undefined) return { done: true, value: undefined };
      await this.#fetchPage({ ...this.#request, after: this.#last });
    }
  }

  async return(): Promise<IteratorResult<RawSeries, undefined>> {
    this.#page = undefined;
    this.#request = undefined;
    return { done: true, value: undefined };
  }

  async #fetchPage(request: SelectShardRequest): Promise<void> {
    const { report, clock } = this.#watch;
    const startMs = clock.elapsedMs();
    const answer = await this.#inTurn(async (shards) => {
      this.#signal?.throwIfAborted();
      // Whoever wanted it may have gone while it was not its turn: a query that is refused has hundreds of others waiting.
      return this.#request === undefined ? undefined : askShard(shards, this.#shard, (stub) => stub.select(request), report);
    });
    if (answer === undefined) {
      this.#request = undefined;
      return;
    }
    report.answered(this.#shard, answer.status === 'page' ? answer.page.byteLength : 0, clock.elapsedMs() - startMs);
    if (answer.status === 'refused') {
      throw answer.limit ? tooManySamples(request.samplesMax) : new VarveError('limit', answer.message);
    }
    this.#signal?.throwIfAborted();
    // Histograms take several times what they do in the page: more than a query may hold is not decoded first.
    this.#page = readSelectPage(answer.page, (bytes) => {
      if (bytes > request.samplesMax * SAMPLE_BYTES) throw tooManySamples(request.samplesMax);
    });
    this.#request = answer.more ? this.#first : undefined;
  }
}

/** Asks the tenant's shards when it is the query's turn. */
type InTurn = <T>(ask: (shards: TenantShards) => Promise<T>) => Promise<T>;

/** Who is told what a source reads. */
export interface Watch {
  readonly report: ReadReport;
  readonly clock: Clock;
}

type Ask<T> = (stub: ShardApi) => Promise<T>;

/** The answer of a shard; `undefined` when it cannot be read and the report takes that. */
export async function askShard<T>(shards: TenantShards, shard: number, ask: Ask<T>, report: ReadReport): Promise<T | undefined> {
  try {
    return await shards.call(shard, ask);
  } catch (error) {
    if (!isMissingPart(error) || !report.allowsPartial) throw error;
    report.missed(shard, error.message);
    return undefined;
  }
}

/** The answers of all shards, side by side; of those that could be read where the report allows that. */
export async function askAll<T extends object>(shards: TenantShards, ask: Ask<T>, report: ReadReport): Promise<T[]> {
  const numbers = Array.from({ length: shards.shardCount }, (_, shard) => shard);
  const answers = await Promise.all(numbers.map((shard) => askShard(shards, shard, ask, report)));
  return answers.filter((answer) => answer !== undefined);
}
