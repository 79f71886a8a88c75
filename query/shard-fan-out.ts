import type { RawSeries, SelectRequest, SeriesIterator, SeriesSource } from '../promql/series-source.ts';
import { compareLabels, compareStrings, type Labels } from '../storage/model/labels.ts';
import type { Matcher } from '../storage/model/matcher.ts';
import { VarveError } from '../storage/runtime/errors.ts';
import { SHARD_RPC_VERSION, type LabelsShardRequest, type SelectShardRequest, type StringsShardAnswer } from '../storage/shard/shard-api.ts';
import { readSelectPage, type PageSeries } from '../storage/shard/select-page.ts';
import type { TenantShards } from '../storage/shard-router.ts';
import { mergeSorted } from './merge-series-sets.ts';

/** The hot tier of one tenant as a series source: all shards asked side by side, their answers merged in label order. */
export class HotSource implements SeriesSource {
  readonly #shards: TenantShards;
  readonly #samplesMax: number;

  /** `samplesMax` bounds the samples of one select. */
  constructor(shards: TenantShards, samplesMax: number) {
    this.#shards = shards;
    this.#samplesMax = samplesMax;
  }

  select(request: SelectRequest, signal: AbortSignal | undefined): AsyncIterable<RawSeries> {
    // Timestamps are whole milliseconds; a range of none needs no shard.
    const startMs = Math.ceil(request.startMs);
    const endMs = Math.floor(request.endMs);
    const first = { version: SHARD_RPC_VERSION, matchers: request.matchers, startMs, endMs, after: undefined, samplesMax: this.#samplesMax };
    const streams = Array.from({ length: this.#shards.shardCount }, (_, shard) => new ShardSeries(this.#shards, shard, first, signal));
    // A series lives on one shard: no two streams have the same labels.
    return streams.length === 1 ? streams[0]! : mergeSorted(streams, (a, b) => compareLabels(a.labels, b.labels));
  }
}

/** The series of one shard, fetched page by page. */
class ShardSeries implements SeriesIterator, AsyncIterable<RawSeries> {
  readonly #shards: TenantShards;
  readonly #shard: number;
  readonly #first: SelectShardRequest;
  readonly #signal: AbortSignal | undefined;
  /** Of the next page; `undefined` behind the last one. */
  #request: SelectShardRequest | undefined;
  #page: Iterator<PageSeries> | undefined;
  #last: Labels | undefined;

  constructor(shards: TenantShards, shard: number, first: SelectShardRequest, signal: AbortSignal | undefined) {
    this.#shards = shards;
    this.#shard = shard;
    this.#first = first;
    this.#signal = signal;
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
    const answer = await this.#shards.call(this.#shard, (stub) => stub.select(request));
    if (answer.status === 'refused') {
      throw answer.limit ? tooManySamples(request.samplesMax) : new VarveError('execution', answer.message);
    }
    this.#signal?.throwIfAborted();
    this.#page = readSelectPage(answer.page);
    this.#request = answer.more ? this.#first : undefined;
  }
}

function tooManySamples(samplesMax: number): VarveError {
  return new VarveError('limit', `query processing would load too many samples into memory in query execution (querySamplesMax is ${samplesMax})`);
}

/** What a label request asks of every shard. */
export interface LabelsQuery {
  readonly selectors: readonly (readonly Matcher[])[];
  readonly startMs: number;
  readonly endMs: number;
  /** 0 means no limit. */
  readonly limit: number;
}

export interface LimitedAnswer<T> {
  readonly values: readonly T[];
  readonly truncated: boolean;
}

export async function labelNames(shards: TenantShards, query: LabelsQuery): Promise<LimitedAnswer<string>> {
  return mergeStrings(await askAll(shards, (stub) => stub.labelNames(toRequest(query))), query.limit);
}

export async function labelValues(shards: TenantShards, name: string, query: LabelsQuery): Promise<LimitedAnswer<string>> {
  return mergeStrings(await askAll(shards, (stub) => stub.labelValues(name, toRequest(query))), query.limit);
}

export async function seriesLabels(shards: TenantShards, query: LabelsQuery): Promise<LimitedAnswer<Labels>> {
  const answers = await askAll(shards, (stub) => stub.series(toRequest(query)));
  const all: Labels[] = [];
  let truncated = false;
  for (const answer of answers) {
    if (answer.status === 'refused') throw new VarveError('execution', answer.message);
    all.push(...answer.series);
    truncated ||= answer.truncated;
  }
  all.sort(compareLabels);
  return cut(all, truncated, query.limit);
}

function toRequest(query: LabelsQuery): LabelsShardRequest {
  return { version: SHARD_RPC_VERSION, ...query };
}

function askAll<T>(shards: TenantShards, ask: Parameters<typeof shards.call<T>>[1]): Promise<T[]> {
  return Promise.all(Array.from({ length: shards.shardCount }, (_, shard) => shards.call(shard, ask)));
}

function mergeStrings(answers: readonly StringsShardAnswer[], limit: number): LimitedAnswer<string> {
  const all = new Set<string>();
  let truncated = false;
  for (const answer of answers) {
    if (answer.status === 'refused') throw new VarveError('execution', answer.message);
    for (const value of answer.values) all.add(value);
    truncated ||= answer.truncated;
  }
  return cut([...all].sort(compareStrings), truncated, limit);
}

function cut<T>(values: T[], truncated: boolean, limit: number): LimitedAnswer<T> {
  if (limit > 0 && values.length > limit) return { values: values.slice(0, limit), truncated: true };
  return { values, truncated };
}
