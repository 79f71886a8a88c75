import type { Labels } from '../storage/model/labels.ts';
import { unreachable } from '../storage/runtime/assert.ts';
import { VarveError } from '../storage/runtime/errors.ts';
import type { TenantShards } from '../storage/shard-router.ts';
import { withDefinitions } from '../storage/shard/append-message.ts';
import type { Rejections } from './rejections.ts';

/** A batch for one shard, already in the form that crosses RPC. */
export interface OutgoingBatch {
  readonly shard: number;
  readonly message: ArrayBuffer;
  readonly sampleCount: number;
  /** Position in the request of each of the batch's series. */
  readonly sources: Uint32Array;
}

/** A shard that is evicted between two calls asks again, once; more often is a fault. */
const LABEL_ROUNDS_MAX = 2;

/**
 * Sends a batch until the shard has it, with the labels of series that it does not know. Answers how many samples are stored.
 * A throw means that it is unknown whether the batch was stored; sending it again is harmless.
 */
export async function sendBatch(
  shards: TenantShards,
  batch: OutgoingBatch,
  labelsOf: (sources: readonly number[]) => Labels[],
  rejections: Rejections,
): Promise<number> {
  let message = batch.message;
  for (let round = 0; round <= LABEL_ROUNDS_MAX; round++) {
    const answer = await shards.call(batch.shard, (stub) => stub.append(message));
    switch (answer.status) {
      case 'stored':
        if (answer.refusal !== undefined) {
          rejections.add('limit', answer.refusedSamples, () => `${answer.refusedSeries} new series refused: ${answer.refusal}`);
        }
        return answer.samplesStored;
      case 'refused':
        rejections.add('bad-data', batch.sampleCount, () => answer.message);
        return 0;
      case 'unknown-series': {
        const positions = [...answer.positions];
        const labels = labelsOf(positions.map((position) => batch.sources[position]!));
        message = withDefinitions(batch.message, new Map(positions.map((position, i) => [position, labels[i]!])));
        break;
      }
      default:
        unreachable(answer);
    }
  }
  throw new VarveError('unavailable', `shard ${batch.shard} keeps asking for labels; try again later`);
}
