import type { Budget } from '../budget.ts';
import type { Fetch } from '../plan/plan-node.ts';
import { histogramWeight } from './histogram-weight.ts';
import type { Stopwatch } from './measured.ts';
import type { RawSeries, SeriesIterator, SeriesSource } from '../series-source.ts';

/**
 * The series of one read from the source, for one or more readers: however often a query names a selector, the source is asked once.
 *
 * A series is kept until the last reader has taken it. Readers that go side by side, as the two sides of a binary operator do, so hold
 * next to nothing; a reader that starts when another is through finds everything kept for it.
 */
export class FetchedSeries {
  readonly #fetch: Fetch;
  readonly #budget: Budget;
  readonly #source: SeriesSource;
  readonly #openReads: number;
  readonly #stopwatch: Stopwatch | undefined;
  /** By index; undefined when all readers have it behind them. */
  readonly #kept: (RawSeries | undefined)[] = [];
  readonly #readers: SeriesReader[] = [];
  #droppedCount = 0;
  #iterator: SeriesIterator | undefined;
  #isDone = false;
  /** The read under way, for readers that arrive meanwhile. */
  #pending: Promise<void> | undefined;
  #seriesCount = 0;
  #sampleCount = 0;
  #waitMs = 0;

  /** `openReads`: see SelectRequest. */
  constructor(fetch: Fetch, source: SeriesSource, budget: Budget, openReads: number, stopwatch?: Stopwatch) {
    this.#fetch = fetch;
    this.#source = source;
    this.#budget = budget;
    this.#openReads = openReads;
    this.#stopwatch = stopwatch;
  }

  /** Whether more than one operator reads it. */
  get isShared(): boolean {
    return this.#fetch.consumerCount > 1;
  }

  /** How many series the source gave, … */
  get seriesCount(): number {
    return this.#seriesCount;
  }

  /** … how many samples these had, … */
  get sampleCount(): number {
    return this.#sampleCount;
  }

  /** … and how long it was waited for, if there is a stopwatch. */
  get waitMs(): number {
    return this.#waitMs;
  }

  /** A new reader, from the first series. At most as many as the fetch has consumers. */
  open(): SeriesReader {
    const reader = new SeriesReader((index) => this.#at(index));
    this.#readers.push(reader);
    return reader;
  }

  async close(): Promise<void> {
    const iterator = this.#iterator;
    this.#isDone = true;
    this.#iterator = undefined;
    await iterator?.return?.();
  }

  #at(index: number): RawSeries | Promise<RawSeries | undefined> {
    return this.#fetch.consumerCount === 1 ? (this.#readAtHand() ?? this.#read()) : this.#atOfMany(index);
  }

  async #atOfMany(index: number): Promise<RawSeries | undefined> {
    this.#dropPassed();
    while (index >= this.#kept.length) {
      if (this.#isDone) return undefined;
      this.#pending ??= this.#readAndKeep();
      await this.#pending;
    }
    return this.#kept[index];
  }

  async #readAndKeep(): Promise<void> {
    const series = await this.#read();
    if (series !== undefined) {
      this.#budget.hold(series.timestampsMs.length);
      this.#budget.holdWorking(histogramWeight(series));
      this.#kept.push(series);
    }
    this.#pending = undefined;
  }

  /** Forgets what every reader has taken. Readers that are still to come have taken nothing. */
  #dropPassed(): void {
    if (this.#readers.length < this.#fetch.consumerCount) return;
    let passedCount = this.#kept.length;
    for (const reader of this.#readers) passedCount = Math.min(passedCount, reader.takenCount);
    for (; this.#droppedCount < passedCount; this.#droppedCount++) {
      const series = this.#kept[this.#droppedCount]!;
      this.#budget.release(series.timestampsMs.length);
      this.#budget.releaseWorking(histogramWeight(series));
      this.#kept[this.#droppedCount] = undefined;
    }
  }

  /** The next series if the source need not be waited for. */
  #readAtHand(): RawSeries | undefined {
    const series = this.#iterator?.nextAtHand?.();
    if (series === undefined) return undefined;
    this.#budget.checkCancelled();
    this.#count(series);
    return series;
  }

  async #read(): Promise<RawSeries | undefined> {
    if (this.#isDone) return undefined;
    this.#budget.checkCancelled();
    const { matchers, startMs, endMs, windows } = this.#fetch;
    this.#iterator ??= this.#source.select({ matchers, startMs, endMs, windows, openReads: this.#openReads }, this.#budget.signal)[Symbol.asyncIterator]();
    const askedMs = this.#stopwatch?.elapsedMs() ?? 0;
    const result = await this.#iterator.next();
    this.#waitMs += (this.#stopwatch?.elapsedMs() ?? 0) - askedMs;
    if (result.done === true) {
      this.#isDone = true;
      this.#iterator = undefined;
      return undefined;
    }
    this.#count(result.value);
    return result.value;
  }

  #count(series: RawSeries): void {
    const { length } = series.timestampsMs;
    this.#seriesCount++;
    this.#sampleCount += length;
    this.#budget.readSeries(length, histogramWeight(series));
  }
}

export class SeriesReader {
  readonly #at: (index: number) => RawSeries | Promise<RawSeries | undefined>;
  #index = 0;

  constructor(at: (index: number) => RawSeries | Promise<RawSeries | undefined>) {
    this.#at = at;
  }

  /** How many series it has been handed and come back from for more. */
  get takenCount(): number {
    return Math.max(0, this.#index - 1);
  }

  /** At once where the series is at hand. */
  next(): RawSeries | Promise<RawSeries | undefined> {
    return this.#at(this.#index++);
  }
}
