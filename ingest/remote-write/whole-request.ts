import { grown } from '../../proto/grown.ts';
import { HISTOGRAM_BITS_HIGH, plainBitsHigh } from '../../storage/model/sample.ts';
import type { LIMITS } from '../../storage/runtime/limits.ts';
import { encodeBatch } from '../outgoing-message.ts';
import type { SeriesIdColumns } from '../series-id-columns.ts';
import type { ShardRefs } from '../series-refs.ts';
import type { OutgoingBatch } from '../shard-send.ts';
import type { TimeBounds } from '../time-bounds.ts';
import type { WriteMessages } from './write-messages.ts';

/**
 * The usual request: floats and nothing else, each series with a sample at least, all within the times, and one shard to take it. Its columns
 * are a batch as they stand, which spares going through them series by series.
 */
export class WholeRequest {
  /** 0, 1, 2, …, never changed once it is given away. */
  #positions = new Uint32Array(4096).map((_, i) => i);

  /** The request as one batch; `undefined` when it is of another kind. All of its series have ids. */
  toOutgoing({ columns }: Pick<WriteMessages, 'columns'>, ids: SeriesIdColumns, times: TimeBounds, limits: typeof LIMITS, refs: ShardRefs): OutgoingBatch | undefined {
    const { seriesCount, sampleCount, sampleStart, timestampsMs, valueBits, histograms, exemplars } = columns;
    if (sampleCount === 0 || sampleCount > limits.batchSamplesMax || histograms.count > 0 || exemplars.count > 0 || columns.hasStarts) return undefined;
    if (!columns.hasOneSampleEach) {
      for (let series = 0; series < seriesCount; series++) if (sampleStart[series] === sampleStart[series + 1]) return undefined;
    }
    const { oldestMs, newestMs } = times;
    for (let sample = 0; sample < sampleCount; sample++) {
      const timestampMs = timestampsMs[sample]!;
      if (timestampMs < oldestMs || timestampMs > newestMs) return undefined;
      if (valueBits[sample * 2 + 1] === HISTOGRAM_BITS_HIGH) valueBits[sample * 2 + 1] = plainBitsHigh(HISTOGRAM_BITS_HIGH);
    }
    while (this.#positions.length < seriesCount) this.#positions = grown(this.#positions).map((_, i) => i);
    const batch = { seriesCount, sampleCount, idLow: ids.low, idHigh: ids.high, idCheck: ids.check, sampleEnd: sampleStart.subarray(1), timestampsMs, valueBits };
    return { shard: 0, sources: this.#positions.subarray(0, seriesCount), ...encodeBatch(batch, seriesCount === sampleCount ? refs : undefined) };
  }
}
