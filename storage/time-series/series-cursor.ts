import { HISTOGRAM_BITS_HIGH } from '../model/sample.ts';
import { assert } from '../runtime/assert.ts';
import { lowerBound } from '../shard/run/piece.ts';
import type { SeriesPage } from '../shard/select/read-series.ts';
import { documentId } from './documents.ts';
import type { PendingRead } from './pending-read.ts';

/** Reads the first samples of one series between two times (ms, both inclusive); `undefined` when there is no such series. */
export type ReadPage = (startMs: number, endMs: number, samplesMax: number) => SeriesPage | undefined | Promise<SeriesPage | undefined>;

/** A JSON value: where its text stands in the store's database, or, out of the archive, the text. */
export type DocumentPlace = { readonly kind: 'stored'; readonly id: number } | { readonly kind: 'archived'; readonly text: string };

const utf8 = new TextDecoder();

/**
 * Walks one series in order of time, a page at a time: memory is that of one page, and each page is read when it is needed. It may live
 * across changes of the store: the next page begins behind the last sample seen, and shows the store as it is then.
 *
 * Where `isWaiting`, `load` comes before anything else: so it is at the beginning, and behind each page.
 */
export class SeriesCursor implements PendingRead {
  readonly #read: ReadPage;
  readonly #endMs: number;
  readonly #pageSamples: number;
  /** Where the next page begins; `undefined` when there is none. */
  #nextStartMs: number | undefined;
  #page: SeriesPage | undefined;
  #at = 0;

  constructor(read: ReadPage, startMs: number, endMs: number, pageSamples: number) {
    this.#read = read;
    this.#endMs = endMs;
    this.#pageSamples = pageSamples;
    this.#nextStartMs = startMs;
  }

  get isWaiting(): boolean {
    return this.#page === undefined && this.#nextStartMs !== undefined;
  }

  load(): void | Promise<void> {
    if (this.#nextStartMs === undefined || this.#nextStartMs > this.#endMs) {
      this.#nextStartMs = undefined;
      return undefined;
    }
    const page = this.#read(this.#nextStartMs, this.#endMs, this.#pageSamples);
    if (page instanceof Promise) return page.then((read) => this.#turnTo(read));
    this.#turnTo(page);
    return undefined;
  }

  /** Time of the sample that the cursor stands on; Infinity behind the last one. */
  get timestampMs(): number {
    assert(!this.isWaiting, 'a cursor that has not been loaded');
    return this.#page?.timestampsMs[this.#at] ?? Infinity;
  }

  /** Means nothing for a document: look at `document` first. */
  get value(): number {
    return this.#page?.values[this.#at] ?? NaN;
  }

  /** Undefined when the sample is a number. */
  get document(): DocumentPlace | undefined {
    const page = this.#page;
    if (page === undefined) return undefined;
    const low = page.valueBits[this.#at * 2]!;
    const high = page.valueBits[this.#at * 2 + 1]!;
    if (high === HISTOGRAM_BITS_HIGH) return { kind: 'archived', text: utf8.decode(page.payloads[low]) };
    const id = documentId(low, high);
    return id === undefined ? undefined : { kind: 'stored', id };
  }

  advance(): void {
    if (++this.#at >= (this.#page?.timestampsMs.length ?? 0)) this.#page = undefined;
  }

  /** Moves to the first sample at or after a time. */
  *skipTo(timestampMs: number): Generator<PendingRead, void> {
    for (;;) {
      while (this.isWaiting) {
        // What lies before need not be read.
        if (this.#nextStartMs! < timestampMs) this.#nextStartMs = timestampMs;
        yield this;
      }
      const times = this.#page?.timestampsMs;
      if (times === undefined || times[this.#at]! >= timestampMs) return;
      this.#at = lowerBound(times, timestampMs);
      if (this.#at === times.length) this.#page = undefined;
    }
  }

  #turnTo(page: SeriesPage | undefined): void {
    this.#nextStartMs = page?.nextStartMs;
    this.#at = 0;
    this.#page = page === undefined || page.timestampsMs.length === 0 ? undefined : page;
  }
}
