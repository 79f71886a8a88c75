import type { WriteColumns } from '../../proto/write-columns.ts';
import { HISTOGRAM_BITS_HIGH, plainBitsHigh } from '../../storage/model/sample.ts';
import type { LIMITS } from '../../storage/runtime/limits.ts';
import type { TimeBounds } from '../time-bounds.ts';

/**
 * Whether a request is the usual one, of which columns are taken whole: floats and nothing else, each series with a sample at least, all within the times,
 * and no more than one batch has. Values are as they are stored, then.
 */
export function isUsual(columns: WriteColumns, times: TimeBounds, { batchSamplesMax }: Pick<typeof LIMITS, 'batchSamplesMax'>): boolean {
  const { seriesCount, sampleCount, sampleStart, timestampsMs, valueBits, histograms, exemplars } = columns;
  if (sampleCount === 0 || sampleCount > batchSamplesMax || histograms.count > 0 || exemplars.count > 0 || columns.hasStarts) return false;
  if (!columns.hasOneSampleEach) {
    for (let series = 0; series < seriesCount; series++) if (sampleStart[series] === sampleStart[series + 1]) return false;
  }
  const { oldestMs, newestMs } = times;
  for (let sample = 0; sample < sampleCount; sample++) {
    const timestampMs = timestampsMs[sample]!;
    if (timestampMs < oldestMs || timestampMs > newestMs) return false;
    if (valueBits[sample * 2 + 1] === HISTOGRAM_BITS_HIGH) valueBits[sample * 2 + 1] = plainBitsHigh(HISTOGRAM_BITS_HIGH);
  }
  return true;
}
