import type { SeriesPage } from '../shard/read-series.ts';
import { documentId } from './documents.ts';

/** Reads the first samples of one series between two times (ms, both inclusive); `undefined` when there is no such series. */
export type ReadPage = (startMs: number, endMs: number, samplesMax: number) => SeriesPage | undefined;

/**
 * Walks one series in order of time, a page at a time: memory is that of one page, and each page is read when it is needed. It may live
 * across changes of the store: the next page begins behind the last sample seen, and shows the store as it is then.
 */
export class SeriesCursor {
  readonly #read: ReadPage;
  readonly #endMs: number;
  readonly #pageSamples: number;
  #nextStartMs: number | undefined;
  #page: SeriesPage | undefined;
  #at = -1;

  constructor(read: ReadPage, startMs: number, endMs: number, pageSamples: number) {
    this.#read = read;
    this.#endMs = endMs;
    this.#pageSamples = pageSamples;
    this.#nextStartMs = startMs;
    this.advance();
  }

  /** Time of the sample that the cursor stands on; Infinity behind the last one. */
  get timestampMs(): number {
    return this.#page?.timestampsMs[this.#at] ?? Infinity;
  }

  /** NaN for a document too: look at `documentId` first. */
  get value(): number {
    return this.#page?.values[this.#at] ?? NaN;
  }

  /** Undefined when the sample is a number. */
  get documentId(): number | undefined {
    const bits = this.#page?.valueBits;
    return bits === undefined ? undefined : documentId(bits[this.#at * 2]!, bits[this.#at * 2 + 1]!);
  }

  advance(): void {
    this.#at++;
    while (this.#page === undefined || this.#at >= this.#page.timestampsMs.length) {
      if (this.#nextStartMs === undefined || this.#nextStartMs > this.#endMs) {
        this.#page = undefined;
        return;
      }
      this.#page = this.#read(this.#nextStartMs, this.#endMs, this.#pageSamples);
      this.#nextStartMs = this.#page?.nextStartMs;
      this.#at = 0;
      if (this.#page === undefined) return;
    }
  }

  /** Moves to the first sample at or after a time. Short ways: it walks. */
  skipTo(timestampMs: number): void {
    while (this.timestampMs < timestampMs) this.advance();
  }
}
