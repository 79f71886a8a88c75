import { detectReset } from '../../storage/model/histogram-reset.ts';
import { type CounterResetHint, EMPTY_HISTOGRAM, type FloatHistogram } from '../../storage/model/histogram.ts';
import type { RawSeries } from '../series-source.ts';

/**
 * A series whose histograms have no buckets any more, only count and sum. Since resets can show in a bucket alone, they are looked for
 * before the buckets go: where a sample says nothing, its hint says afterwards what the comparison with the one before it found, if that is not
 * earlier than `fromMs`. Of a gauge, which has a hint already, `rate` warns, and takes for resets what the count alone shows.
 */
export function withoutBuckets(raw: RawSeries, fromMs: number): RawSeries {
  if (raw.histograms === undefined) return raw;
  let previous: FloatHistogram | undefined;
  const histograms = raw.histograms.map((histogram, i) => {
    if (raw.isStale?.[i] === 1) return histogram;
    const statistics = histogram && statisticsOf(histogram, previous);
    previous = raw.timestampsMs[i]! < fromMs ? undefined : histogram;
    return statistics;
  });
  return { ...raw, histograms };
}

function statisticsOf(histogram: FloatHistogram, previous: FloatHistogram | undefined): FloatHistogram {
  const { schema, count, sum } = histogram;
  return { ...EMPTY_HISTOGRAM, schema, count, sum, counterResetHint: hintOf(histogram, previous) };
}

/** A claim of a reset says nothing where there is no sample before it: as in Prometheus, whose readers never see it on the first of a chunk. */
function hintOf(histogram: FloatHistogram, previous: FloatHistogram | undefined): CounterResetHint {
  const { counterResetHint } = histogram;
  if (previous === undefined) return counterResetHint === 'reset' ? 'unknown' : counterResetHint;
  if (counterResetHint !== 'unknown') return counterResetHint;
  return detectReset(histogram, previous) ? 'reset' : 'not-reset';
}
