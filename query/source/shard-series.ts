import { SAMPLE_BYTES } from '../../promql/budget.ts';
import type { RawSeries, SeriesIterator } from '../../promql/series-source.ts';
import { tooManySamples } from '../../storage/archive/archive-reading.ts';
import type { Labels } from '../../storage/model/labels.ts';
import type { Clock } from '../../storage/runtime/clock.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import { readSelectPage, type PageSeries } from '../../storage/shard/select/select-page.ts';
import type { SelectShardRequest } from '../../storage/shard/shard-api.ts';
import type { ReadReport } from './read-report.ts';
import { askShard } from './shard-fan-out.ts';

/** Asks the tenant's shards when it is the query's turn. */
export type InTurn = <T>(ask: (shards: TenantShards) => Promise<T>) => Promise<T>;

/** Who is told what a source reads. */
export interface Watch {
  readonly report: ReadReport;
  readonly clock: Clock;
}

/** The series of one shard, fetched page by page. */
export class ShardSeries implements SeriesIterator, AsyncIterable<RawSeries> {
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
