import { DecodeError } from '../proto/decode-error.ts';
import type { SnappyDecode } from '../proto/snappy.ts';
import type { Labels } from '../storage/model/labels.ts';
import { must } from '../storage/runtime/assert.ts';
import type { Clock } from '../storage/runtime/clock.ts';
import { badData, VarveError } from '../storage/runtime/errors.ts';
import type { LIMITS } from '../storage/runtime/limits.ts';
import type { TenantShards } from '../storage/shard-router.ts';
import type { Admission } from './admission.ts';
import type { MetadataSink } from './metadata-sink.ts';
import { Rejections } from './rejections.ts';
import { ShareOut } from './share-out.ts';
import { addCounts, NOTHING_STORED, sendBatch, type StoredCounts } from './shard-send.ts';
import type { WriteMessages } from './write-messages.ts';
import { WriteMessagesV1 } from './write-messages-v1.ts';
import { WriteMessagesV2 } from './write-messages-v2.ts';
import type { WriteOutcome } from './write-outcome.ts';

export type RemoteWriteVersion = 1 | 2;

/**
 * Takes remote write requests of both versions: body → columns → series ids → one batch a shard → acknowledged.
 *
 * Everything up to the batches is synchronous and works on columns that all requests share; across the RPC only the compressed body and
 * the batches are kept. When a shard does not know a series, the body is decoded a second time to find its labels: that happens once a
 * series, and spares copying labels that are hardly ever needed. Nothing of a request is sent before all of it has been decoded.
 */
export class RemoteWriteIngest {
  readonly #uncompress: SnappyDecode;
  readonly #limits: typeof LIMITS;
  readonly #metadata: MetadataSink;
  readonly #admission: Admission;
  readonly #versions: Readonly<Record<RemoteWriteVersion, WriteMessages>>;
  readonly #sharing: ShareOut;

  constructor(uncompress: SnappyDecode, clock: Clock, limits: typeof LIMITS, metadata: MetadataSink, admission: Admission) {
    this.#uncompress = uncompress;
    this.#limits = limits;
    this.#metadata = metadata;
    this.#admission = admission;
    this.#sharing = new ShareOut(clock, limits);
    this.#versions = { 1: new WriteMessagesV1(limits), 2: new WriteMessagesV2(limits, clock) };
  }

  /**
   * Stores what can be stored and says what cannot. Throws with nothing stored: a bad-data error when the body cannot be decoded, a limit
   * error when the tenant sends too much.
   */
  async write(shards: TenantShards, body: Uint8Array, version: RemoteWriteVersion): Promise<WriteOutcome> {
    const messages = this.#versions[version];
    const rejections = new Rejections(this.#limits.writeErrorsQuotedMax);
    const labelsOf = (sources: readonly number[]): Labels[] => this.#labelsOf(messages, body, sources);
    let stored = NOTHING_STORED;
    let staleHistograms = 0;
    let noting: Promise<void> | undefined;
    for (let from: number | undefined = 0; from !== undefined; ) {
      this.#decode(messages, body);
      if (from === 0) this.#admit(messages, shards);
      const turn = this.#sharing.share(messages, shards, from, rejections);
      staleHistograms += turn.staleHistograms;
      if (from === 0) noting = this.#note(messages, shards);
      // From here on the columns are somebody else's.
      const sent = await Promise.allSettled(turn.batches.map((batch) => sendBatch(shards, batch, labelsOf, rejections)));
      for (const result of sent) if (result.status === 'fulfilled') stored = addCounts(stored, result.value);
      const failed = sent.find((result) => result.status === 'rejected') ?? (await settled(noting));
      if (failed !== undefined) return { stored: asSent(stored, staleHistograms), rejections, failure: asVarveError(failed.reason) };
      from = turn.next;
    }
    return { stored: asSent(stored, staleHistograms), rejections, failure: undefined };
  }

  #admit({ columns }: WriteMessages, shards: TenantShards): void {
    this.#admission.admit(shards.tenant, { series: columns.seriesCount, samples: columns.sampleCount + columns.histograms.count });
  }

  async #note(messages: WriteMessages, shards: TenantShards): Promise<void> {
    const entries = messages.metadata(shards.hasher);
    if (entries.length === 0) return;
    await this.#metadata.note(shards, entries);
    messages.metadataNoted(shards.hasher, entries);
  }

  #decode(messages: WriteMessages, body: Uint8Array): void {
    try {
      messages.decode(this.#uncompress(body));
    } catch (error) {
      throw error instanceof DecodeError ? badData(error.message) : error;
    }
  }

  /** Decodes the body again for the labels of some series: known to be valid, since they have ids. */
  #labelsOf(messages: WriteMessages, body: Uint8Array, sources: readonly number[]): Labels[] {
    this.#decode(messages, body);
    return sources.map((series) => {
      const labels = messages.labels(series);
      return must('invalid' in labels ? undefined : labels, `series ${series} has an id but no valid labels`);
    });
  }
}

async function settled(promise: Promise<void> | undefined): Promise<PromiseRejectedResult | undefined> {
  const [result] = await Promise.allSettled([promise]);
  return result.status === 'rejected' ? result : undefined;
}

/** What failed for a reason of the system's is answered with what was stored before; what is our own fault goes up. */
function asVarveError(reason: unknown): VarveError {
  if (reason instanceof VarveError) return reason;
  throw reason;
}

/** Stale markers of histogram series are stored as those of floats, which end a series in the same way: the sender counts histograms. */
function asSent(stored: StoredCounts, staleHistograms: number): StoredCounts {
  const moved = Math.min(staleHistograms, stored.samples);
  return { ...stored, samples: stored.samples - moved, histograms: stored.histograms + moved };
}
