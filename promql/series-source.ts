import type { FloatHistogram } from '../storage/model/histogram.ts';
import type { Labels } from '../storage/model/labels.ts';
import type { Matcher } from '../storage/model/matcher.ts';
import type { QuantileSketch } from '../storage/model/quantile-sketch.ts';

/** What a query needs of one selector. Times are Unix milliseconds, both ends inclusive. */
export interface SelectRequest {
  readonly matchers: readonly Matcher[];
  readonly startMs: number;
  readonly endMs: number;
  /** Set where all that is made of the samples is figures of whole windows: then summaries may come in their place. */
  readonly windows?: readonly WindowHint[] | undefined;
  /** Reads of the query that may be open side by side, this one among them: what is held of each is then less. 1 unless given. */
  readonly openReads?: number;
}

/** A part of a summary, with the name of its column in `SampleSummaries`. `first` and `last` bring their times. */
export type SummaryPart = 'sum' | 'min' | 'max' | 'first' | 'last' | 'increase' | 'sketch';

/**
 * Windows that a function goes over: each has what is later than its end less `rangeMs`, and not later than its end. They end at
 * `firstMs`, `firstMs + stepMs`, …, `count` of them.
 */
export interface WindowHint {
  readonly rangeMs: number;
  readonly firstMs: number;
  readonly stepMs: number;
  readonly count: number;
  /** What the function needs of a summary beside its count. */
  readonly parts: readonly SummaryPart[];
  /** From summaries none of which lies across the edge of a window the function's result is, to the bit, that from the samples. */
  readonly isExact: boolean;
}

/**
 * Summaries of floats, by index of a series' `timestampsMs`: number i stands for `counts[i]` floats, one or more, in the order of time.
 * They lie in the windows that `timestampsMs[i]` lies in, and in no others, where windows may be made from summaries exactly. `values[i]`
 * is the float itself where there is one and no sketch. A part that nobody asked for is `undefined`.
 */
export interface SampleSummaries {
  readonly counts: Float64Array;
  readonly sums: Float64Array | undefined;
  readonly mins: Float64Array | undefined;
  readonly maxes: Float64Array | undefined;
  readonly firsts: Float64Array | undefined;
  readonly firstTimesMs: Float64Array | undefined;
  readonly lasts: Float64Array | undefined;
  readonly lastTimesMs: Float64Array | undefined;
  /** From first to last, what was lost in resets put back. */
  readonly increases: Float64Array | undefined;
  readonly sketches: readonly (QuantileSketch | undefined)[] | undefined;
}

/**
 * One series' samples inside the asked range, oldest first, no timestamp twice.
 *
 * Several series may share one `timestampsMs` array (series scraped together do); nobody may write to any of these arrays.
 * `isStale[i]` is 1 where sample i is a stale marker, whose value then means nothing; `undefined` when there is none.
 * `histograms[i]` is set where sample i is a native histogram, and `values[i]` then means nothing; `undefined` when there is none.
 * `startTimestampsMs[i]` is the sample's start timestamp, 0 when unknown; `undefined` when none is known.
 */
export interface RawSeries {
  readonly labels: Labels;
  readonly timestampsMs: Float64Array;
  readonly values: Float64Array;
  readonly isStale: Uint8Array | undefined;
  readonly histograms: readonly (FloatHistogram | undefined)[] | undefined;
  readonly startTimestampsMs: Float64Array | undefined;
  /** In place of the samples, where the request has windows. There are no stale markers, histograms and start timestamps beside them. */
  readonly summaries?: SampleSummaries | undefined;
}

/** An iterator that may hand out series without a promise for each. */
export interface SeriesIterator extends AsyncIterator<RawSeries> {
  /** The next series if it is at hand; `undefined` says nothing, and then `next` is to be asked. */
  nextAtHand?(): RawSeries | undefined;
}

/**
 * Where PromQL reads from: the only thing it knows of storage.
 *
 * `select` yields each matching series with at least one sample in the range exactly once, ordered by labels (`compareLabels`).
 * It may be called many times, also side by side. It throws a typed error when data could not be read: a missing part is never
 * passed off as an empty one. Stopping the iteration early frees what it holds.
 */
export interface SeriesSource {
  select(request: SelectRequest, signal: AbortSignal | undefined): { [Symbol.asyncIterator](): SeriesIterator };
}
