import { decodeHistogram } from '../../chunk/index.ts';
import type { FloatHistogram } from '../../model/histogram.ts';
import type { Matcher } from '../../model/matcher.ts';
import { STALE_BITS_HIGH, STALE_BITS_LOW } from '../../model/sample.ts';
import { payloadOf } from '../run/payloads.ts';
import { areSameTimes, type Part } from '../run/piece.ts';
import type { PageSeries } from './select-page.ts';
import { settledSeries, type SampleRange, type SelectSources } from './select.ts';
import type { SelectionWork } from './selection-work.ts';

/** Columns are made in blocks: each by itself costs more than filling it, and one for all of them leaves the processor's caches. They double up to this. */
const BLOCK_SAMPLES_MAX = 8 * 1024;
const BLOCK_SAMPLES_AT_FIRST = 256;
/** Below this a loop is cheaper than a view. */
const LOOP_SAMPLES_MAX = 32;

/**
 * The series that match, in label order, for whoever evaluates them in the object itself: as a page has them (select-page.ts), without the page.
 * Their arrays are the caller's to keep, not to write to.
 */
export class SeriesScan {
  readonly #sources: SelectSources;
  readonly #refs: readonly number[];
  #block = new Float64Array(0);
  #blockBits = new Uint32Array(0);
  #used = 0;
  /** Of the series before. */
  #lastParts: readonly Part[] = [];
  #lastTimesMs = new Float64Array(0);

  constructor(sources: SelectSources, matchers: readonly Matcher[], work: SelectionWork) {
    this.#sources = sources;
    this.#refs = sources.index.sortByLabels(sources.index.select(matchers, work));
  }

  /** Series that match, with or without samples in the range. */
  get seriesCount(): number {
    return this.#refs.length;
  }

  /** Those that have samples in the range. */
  *series(range: SampleRange): Generator<PageSeries, undefined> {
    for (const { ref, parts } of settledSeries(this.#sources, this.#refs, 0, range)) {
      yield this.#seriesOf(ref, parts);
    }
  }

  #seriesOf(ref: number, parts: readonly Part[]): PageSeries {
    let length = 0;
    for (const { from, to } of parts) length += to - from;
    const timestampsMs = this.#times(parts, length);
    const at = this.#reserve(length);
    const values = this.#block.subarray(at, at + length);
    let isStale: Uint8Array | undefined;
    let startTimestampsMs: Float64Array | undefined;
    let histograms: (FloatHistogram | undefined)[] | undefined;
    let position = 0;
    for (const { bits, from, to, hasStale, startsMs, payloads } of parts) {
      this.#copyBits(bits, from, to, at + position);
      if (hasStale) isStale = markStale(bits, from, to, isStale ?? new Uint8Array(length), position);
      if (startsMs !== undefined) (startTimestampsMs ??= new Float64Array(length)).set(startsMs.subarray(from, to), position);
      if (payloads.length > 0) {
        histograms ??= new Array<FloatHistogram | undefined>(length).fill(undefined);
        for (let i = from; i < to; i++) {
          const payload = payloadOf(bits, i, payloads);
          if (payload !== undefined) histograms[position + i - from] = decodeHistogram(payload);
        }
      }
      position += to - from;
    }
    return {
      labels: this.#sources.index.labelsOf(ref), timestampsMs, values, startTimestampsMs,
      isStale: isStale?.includes(1) === true ? isStale : undefined,
      histograms: histograms?.some((histogram) => histogram !== undefined) === true ? histograms : undefined,
    };
  }

  /** Where so many values go in the block. */
  #reserve(length: number): number {
    if (this.#used + length > this.#block.length) {
      this.#block = new Float64Array(Math.max(length, Math.min(BLOCK_SAMPLES_MAX, this.#block.length * 2), BLOCK_SAMPLES_AT_FIRST));
      this.#blockBits = new Uint32Array(this.#block.buffer);
      this.#used = 0;
    }
    this.#used += length;
    return this.#used - length;
  }

  #copyBits(bits: Uint32Array, from: number, to: number, at: number): void {
    const blockBits = this.#blockBits;
    if (to - from > LOOP_SAMPLES_MAX) blockBits.set(bits.subarray(from * 2, to * 2), at * 2);
    else for (let i = from * 2, target = at * 2; i < to * 2; i++) blockBits[target++] = bits[i]!;
  }

  /** Series scraped together get the very same array: then they share what is made of it. */
  #times(parts: readonly Part[], length: number): Float64Array {
    const lastParts = this.#lastParts;
    this.#lastParts = parts;
    if (length === this.#lastTimesMs.length && areSameTimes(parts, lastParts, this.#lastTimesMs)) return this.#lastTimesMs;
    const timestampsMs = new Float64Array(length);
    let at = 0;
    for (const part of parts) {
      timestampsMs.set(part.timestampsMs.subarray(part.from, part.to), at);
      at += part.to - part.from;
    }
    this.#lastTimesMs = timestampsMs;
    return timestampsMs;
  }
}

function markStale(bits: Uint32Array, from: number, to: number, isStale: Uint8Array, position: number): Uint8Array {
  for (let i = from; i < to; i++) {
    if (bits[i * 2 + 1] === STALE_BITS_HIGH && bits[i * 2] === STALE_BITS_LOW) isStale[position + i - from] = 1;
  }
  return isStale;
}
