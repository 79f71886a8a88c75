import type { FloatHistogram } from '../storage/model/histogram.ts';
import type { Labels } from '../storage/model/labels.ts';
import type { Matcher } from '../storage/model/matcher.ts';

/** What a query needs of one selector. Times are Unix milliseconds, both ends inclusive. */
export interface SelectRequest {
  readonly matchers: readonly Matcher[];
  readonly startMs: number;
  readonly endMs: number;
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
