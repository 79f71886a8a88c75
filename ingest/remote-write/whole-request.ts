import { grown } from '../../proto/grown.ts';
import type { WriteColumns } from '../../proto/write-columns.ts';
import { encodeBatch } from '../outgoing-message.ts';
import type { SeriesIdColumns } from '../series-id-columns.ts';
import type { ShardRefs } from '../series-refs.ts';
import type { OutgoingBatch } from '../shard-send.ts';

/** A usual request (usual-request.ts) of which all goes to one shard. Its columns are a batch as they stand, which spares going through them series by series. */
export class WholeRequest {
  /** 0, 1, 2, …, never changed once it is given away. */
  #positions = new Uint32Array(4096).map((_, i) => i);

  /** The request as one batch for the shard. All of its series have ids. */
  toOutgoing({ seriesCount, sampleCount, sampleStart, timestampsMs, valueBits }: WriteColumns, ids: SeriesIdColumns, shard: number, refs: ShardRefs): OutgoingBatch {
    while (this.#positions.length < seriesCount) this.#positions = grown(this.#positions).map((_, i) => i);
    const batch = { seriesCount, sampleCount, idLow: ids.low, idHigh: ids.high, idCheck: ids.check, sampleEnd: sampleStart.subarray(1), timestampsMs, valueBits };
    return { shard, sources: this.#positions.subarray(0, seriesCount), ...encodeBatch(batch, seriesCount === sampleCount ? refs : undefined) };
  }
}
