import type { Labels } from '../storage/model/labels.ts';
import { unreachable } from '../storage/runtime/assert.ts';
import { VarveError } from '../storage/runtime/errors.ts';
import type { TenantShards } from '../storage/shard-router.ts';
import { decodeAppendMessage, withDefinitions } from '../storage/shard/append/append-message.ts';
import { decodeRefMessage } from '../storage/shard/append/ref-message.ts';
import type { AppendAnswer, AppendWishes } from '../storage/shard/shard-api.ts';
import { bytesToBeWhole, wholeMessage, type LabelsOf } from './outgoing-message.ts';
import type { Rejections } from './rejections.ts';
import type { ShardRefs } from './series-refs.ts';
import { NOTHING_COUNTED, type WriteCounts } from './write-counts.ts';

/** A batch for one shard, already in the form that crosses RPC. */
export interface OutgoingBatch {
  readonly shard: number;
  readonly message: ArrayBuffer;
  /** Floats and histograms. */
  readonly sampleCount: number;
  /** Position in the request of each of the batch's series. */
  readonly sources: Uint32Array;
  /** What the shard calls its series, for batches whose series will come again. */
  readonly refs?: ShardRefs | undefined;
  /** Where the message names series by ref: of which space. */
  readonly space?: Uint32Array | undefined;
  /** Whether the shard is to tell the refs of series that go by id. */
  readonly wantsRefs: boolean;
}

/** What batches take in memory until they are answered, at the most. */
export function messageBytes(batches: readonly OutgoingBatch[]): number {
  return batches.reduce((sum, { message, space, sampleCount }) => sum + message.byteLength + (space === undefined ? 0 : bytesToBeWhole(sampleCount)), 0);
}

/** A shard that is evicted between two calls asks again, once; more often is a fault. */
const LABEL_ROUNDS_MAX = 2;

/**
 * Sends a batch until the shard has it, with the labels of series that it does not know. Answers how much is stored; what was there
 * already counts, too.
 * A throw means that it is unknown whether the batch was stored; sending it again is harmless. `refused` hears of the series, by their
 * positions in the request, of which the shard has left something out.
 */
export async function sendBatch(
  shards: TenantShards,
  batch: OutgoingBatch,
  labelsOf: LabelsOf,
  rejections: Rejections,
  refused: (sources: Uint32Array) => void = () => {},
): Promise<WriteCounts> {
  const { refs, space } = batch;
  /** The batch with the ids of all its series, once it is needed. */
  let whole = space === undefined ? batch.message : undefined;
  const append = (message: ArrayBuffer, wantsRefs: boolean): Promise<AppendAnswer> =>
    shards.call(batch.shard, (stub) => (wantsRefs ? stub.append(message, WANTS_REFS) : stub.append(message)));
  let answer = await append(batch.message, batch.wantsRefs);
  if (space !== undefined && answer.status !== 'stored' && answer.status !== 'busy') {
    whole = wholeMessage(batch.message, shards.hasher, batch.sources, labelsOf);
    if (answer.status !== 'unknown-series') {
      // Refs of another instance, or of before it read its series anew; or a shard of an older release, which refuses the form.
      refs?.forget(space);
      answer = await append(whole, true);
    }
  }
  for (let round = 0; whole !== undefined && answer.status === 'unknown-series'; round++) {
    if (round === LABEL_ROUNDS_MAX) throw new VarveError('unavailable', `shard ${batch.shard} keeps asking for labels; try again later`);
    const { positions } = answer;
    const definitions = new Map<number, Labels>();
    labelsOf(positions.map((position) => batch.sources[position]!), (labels, i) => definitions.set(positions[i]!, labels));
    const message = withDefinitions(whole, definitions);
    answer = await append(message, refs !== undefined);
  }
  switch (answer.status) {
    case 'stored':
      if (answer.given !== undefined) refs?.learn(whole === undefined ? decodeRefMessage(batch.message) : decodeAppendMessage(whole), answer.given);
      return storedOf(answer, batch, rejections, refused);
    case 'refused': {
      const { message } = answer;
      rejections.add('bad-data', batch.sampleCount, () => message);
      refused(batch.sources);
      return NOTHING_COUNTED;
    }
    case 'busy':
      throw new VarveError('overloaded', `shard ${batch.shard} has too much to do: ${answer.message}; try again later`);
    case 'unknown-refs':
    case 'unknown-series':
      throw new VarveError('unavailable', `shard ${batch.shard} answers what it was not asked; try again later`);
    default:
      unreachable(answer);
  }
}

const WANTS_REFS: AppendWishes = { refs: true };

function storedOf(answer: AppendAnswer & { readonly status: 'stored' }, { sources }: OutgoingBatch, rejections: Rejections, refused: (sources: Uint32Array) => void): WriteCounts {
  // Of limits, a shard has the one of series.
  for (const { kind, samples, histograms = 0, message } of answer.refusals) {
    rejections.add(kind === 'limit' ? 'cardinality' : kind, { samples: samples - histograms, histograms }, () => message);
  }
  if (answer.refusedSeries !== undefined) refused(answer.refusedSeries.map((position) => sources[position]!));
  return { samples: answer.samplesStored, histograms: answer.histogramsStored, exemplars: answer.exemplarsStored };
}
