import type { Labels } from '../storage/model/labels.ts';
import { unreachable } from '../storage/runtime/assert.ts';
import { VarveError } from '../storage/runtime/errors.ts';
import type { TenantShards } from '../storage/shard-router.ts';
import { encodeAppendMessage, withDefinitions } from '../storage/shard/append-message.ts';
import type { AppendAnswer, AppendWishes } from '../storage/shard/shard-api.ts';
import type { Rejections } from './rejections.ts';
import type { SampleBatch } from './sample-batch.ts';
import { wholeBytes, wholeMessage, type SeriesList } from './series-list.ts';

/** A batch for one shard, already in the form that crosses RPC. */
export interface OutgoingBatch {
  readonly shard: number;
  readonly message: ArrayBuffer;
  /** Floats and histograms. */
  readonly sampleCount: number;
  /** Position in the request of each of the batch's series. */
  readonly sources: Uint32Array;
  /** The list that the batch's series are, where they come again and again. */
  readonly list?: SeriesList | undefined;
  /** The name of that list in the message, which has one instead of ids then. */
  readonly listName?: Uint32Array | undefined;
}

/** What is stored of a request; what was there already counts, too. */
export interface StoredCounts {
  readonly samples: number;
  readonly histograms: number;
  readonly exemplars: number;
}

export const NOTHING_STORED: StoredCounts = { samples: 0, histograms: 0, exemplars: 0 };

export function addCounts(a: StoredCounts, b: StoredCounts): StoredCounts {
  return { samples: a.samples + b.samples, histograms: a.histograms + b.histograms, exemplars: a.exemplars + b.exemplars };
}

/** What batches take in memory until they are answered, at the most. */
export function messageBytes(batches: readonly OutgoingBatch[]): number {
  return batches.reduce((sum, { message, list, listName }) => sum + message.byteLength + (list === undefined || listName === undefined ? 0 : wholeBytes(list)), 0);
}

/** A batch as it leaves for its shard. */
export function toOutgoing(batch: SampleBatch, shard: number): OutgoingBatch {
  return { shard, message: encodeAppendMessage(batch, NO_DEFINITIONS), sampleCount: batch.sampleCount, sources: batch.source.slice(0, batch.seriesCount) };
}

/** Of a message that is sent first. */
export const NO_DEFINITIONS: ReadonlyMap<number, Labels> = new Map();

/** A shard that is evicted between two calls asks again, once; more often is a fault. */
const LABEL_ROUNDS_MAX = 2;

/**
 * Sends a batch until the shard has it, with the labels of series that it does not know. Answers how much is stored.
 * A throw means that it is unknown whether the batch was stored; sending it again is harmless. `refused` hears of the series, by their
 * positions in the request, of which the shard has left something out.
 */
export async function sendBatch(
  shards: TenantShards,
  batch: OutgoingBatch,
  labelsOf: (sources: readonly number[]) => Labels[],
  rejections: Rejections,
  refused: (sources: Uint32Array) => void = () => {},
): Promise<StoredCounts> {
  const { list, listName } = batch;
  let whole = batch.message;
  if (list !== undefined && listName !== undefined) {
    const answer = await shards.call(batch.shard, (stub) => stub.append(batch.message));
    if (answer.status === 'stored') return storedOf(answer, batch, rejections, refused);
    if (answer.status === 'busy') throw busy(batch.shard, answer.message);
    // Forgotten, or another instance; or a shard of an older release, which refuses the form.
    if (list.name === listName) list.name = undefined;
    whole = wholeMessage(batch.message, list);
  }
  let message = whole;
  for (let round = 0; round <= LABEL_ROUNDS_MAX; round++) {
    const answer = await shards.call(batch.shard, (stub) => (list === undefined ? stub.append(message) : stub.append(message, WANTS_LIST)));
    switch (answer.status) {
      case 'stored':
        if (list !== undefined && answer.list !== undefined) list.name = answer.list;
        return storedOf(answer, batch, rejections, refused);
      case 'refused':
        rejections.add('bad-data', batch.sampleCount, () => answer.message);
        refused(batch.sources);
        return NOTHING_STORED;
      case 'unknown-series': {
        const positions = [...answer.positions];
        const labels = labelsOf(positions.map((position) => batch.sources[position]!));
        message = withDefinitions(whole, new Map(positions.map((position, i) => [position, labels[i]!])));
        break;
      }
      case 'busy':
        throw busy(batch.shard, answer.message);
      case 'unknown-list':
        throw new VarveError('unavailable', `shard ${batch.shard} asks for a list where there is none; try again later`);
      default:
        unreachable(answer);
    }
  }
  throw new VarveError('unavailable', `shard ${batch.shard} keeps asking for labels; try again later`);
}

function busy(shard: number, reason: string): VarveError {
  return new VarveError('overloaded', `shard ${shard} has too much to do: ${reason}; try again later`);
}

const WANTS_LIST: AppendWishes = { list: true };

function storedOf(answer: AppendAnswer & { readonly status: 'stored' }, { sources }: OutgoingBatch, rejections: Rejections, refused: (sources: Uint32Array) => void): StoredCounts {
  // Of limits, a shard has the one of series.
  for (const { kind, samples, message } of answer.refusals) rejections.add(kind === 'limit' ? 'cardinality' : kind, samples, () => message);
  if (answer.refusedSeries !== undefined) refused(answer.refusedSeries.map((position) => sources[position]!));
  return { samples: answer.samplesStored, histograms: answer.histogramsStored, exemplars: answer.exemplarsStored };
}
