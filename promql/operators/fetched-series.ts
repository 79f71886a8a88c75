import type { Budget } from '../budget.ts';
import type { Fetch } from '../plan/plan-node.ts';
import type { RawSeries, SeriesSource } from '../series-source.ts';

/**
 * The series of one read from the source. With one reader they pass through and are forgotten; with several they are kept, so that the
 * source is asked once however often a query names the same selector.
 */
export class FetchedSeries {
  readonly #fetch: Fetch;
  readonly #budget: Budget;
  readonly #source: SeriesSource;
  readonly #kept: RawSeries[] = [];
  #iterator: AsyncIterator<RawSeries> | undefined;
  #isDone = false;
  /** The read under way, for readers that arrive meanwhile. */
  #pending: Promise<RawSeries | undefined> | undefined;

  constructor(fetch: Fetch, source: SeriesSource, budget: Budget) {
    this.#fetch = fetch;
    this.#source = source;
    this.#budget = budget;
  }

  /** A new reader, from the first series. */
  open(): SeriesReader {
    return new SeriesReader((index) => this.#at(index));
  }

  async close(): Promise<void> {
    const iterator = this.#iterator;
    this.#isDone = true;
    this.#iterator = undefined;
    await iterator?.return?.();
  }

  async #at(index: number): Promise<RawSeries | undefined> {
    if (this.#fetch.consumerCount === 1) return this.#read();
    while (index >= this.#kept.length) {
      if (this.#isDone) return undefined;
      this.#pending ??= this.#readAndKeep();
      await this.#pending;
    }
    return this.#kept[index];
  }

  async #readAndKeep(): Promise<RawSeries | undefined> {
    const series = await this.#read();
    if (series !== undefined) {
      this.#kept.push(series);
      this.#budget.hold(series.timestampsMs.length);
    }
    this.#pending = undefined;
    return series;
  }

  async #read(): Promise<RawSeries | undefined> {
    if (this.#isDone) return undefined;
    this.#budget.checkCancelled();
    const { matchers, startMs, endMs } = this.#fetch;
    this.#iterator ??= this.#source.select({ matchers, startMs, endMs }, this.#budget.signal)[Symbol.asyncIterator]();
    const result = await this.#iterator.next();
    if (result.done === true) {
      this.#isDone = true;
      this.#iterator = undefined;
      return undefined;
    }
    this.#budget.readSeries(result.value.timestampsMs.length);
    return result.value;
  }
}

export class SeriesReader {
  readonly #at: (index: number) => Promise<RawSeries | undefined>;
  #index = 0;

  constructor(at: (index: number) => Promise<RawSeries | undefined>) {
    this.#at = at;
  }

  next(): Promise<RawSeries | undefined> {
    return this.#at(this.#index++);
  }
}
