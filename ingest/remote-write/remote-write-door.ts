import { DecodeError } from '../../proto/decode-error.ts';
import type { SnappyDecode } from '../../proto/snappy.ts';
import type { Labels } from '../../storage/model/labels.ts';
import { must } from '../../storage/runtime/assert.ts';
import type { CacheBudget } from '../../storage/runtime/cache-budget.ts';
import type { Clock } from '../../storage/runtime/clock.ts';
import { badData, VarveError } from '../../storage/runtime/errors.ts';
import type { LIMITS } from '../../storage/runtime/limits.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import { firstPass } from '../map-passes.ts';
import type { MetadataSink } from '../metadata-sink.ts';
import type { LabelsOf } from '../outgoing-message.ts';
import { Rejections } from '../rejections.ts';
import { UNCOUNTED, type HeldMemory } from '../request-memory.ts';
import { messageBytes, sendBatch, type OutgoingBatch } from '../shard-send.ts';
import { TimeBounds } from '../time-bounds.ts';
import { addCounts, NOTHING_COUNTED, type WriteCounts } from '../write-counts.ts';
import type { WriteGate } from '../write-gate.ts';
import type { WriteOutcome } from '../write-outcome.ts';
import { ShareOut } from './share-out.ts';
import type { TurnStart } from './share-turn.ts';
import { WriteMessagesV1 } from './write-messages-v1.ts';
import { WriteMessagesV2 } from './write-messages-v2.ts';
import type { WriteMessages } from './write-messages.ts';

export type RemoteWriteVersion = 1 | 2;

export interface RemoteWriteServices {
  readonly uncompress: SnappyDecode;
  readonly clock: Clock;
  readonly limits: typeof LIMITS;
  readonly metadata: MetadataSink;
  readonly gate: WriteGate;
  readonly caches: CacheBudget;
}

/**
 * Takes remote write requests of both versions: body → columns → series ids → one batch a shard → acknowledged.
 *
 * Everything up to the batches is synchronous and works on columns that all requests share; across the RPC only the compressed body and
 * the batches are kept. When a shard does not know a series, the body is decoded a second time to find its labels: that happens once a
 * series, and spares copying labels that are hardly ever needed. Nothing of a request is sent before all of it has been decoded.
 */
export class RemoteWriteDoor {
  readonly #uncompress: SnappyDecode;
  readonly #clock: Clock;
  readonly #limits: typeof LIMITS;
  readonly #metadata: MetadataSink;
  readonly #versions: Readonly<Record<RemoteWriteVersion, WriteMessages>>;
  readonly #sharing: ShareOut;
  readonly #gate: WriteGate;

  constructor({ uncompress, clock, limits, metadata, gate, caches }: RemoteWriteServices) {
    this.#uncompress = uncompress;
    this.#clock = clock;
    this.#gate = gate;
    this.#limits = limits;
    this.#metadata = metadata;
    this.#sharing = new ShareOut(limits, caches);
    this.#versions = { 1: new WriteMessagesV1(limits, gate, caches), 2: new WriteMessagesV2(limits, clock, gate, caches) };
  }

  /** The longest body that a tenant may send. */
  bodyBytesMax(tenant: string): number {
    return this.#gate.limits(tenant).writeBodyBytesMax;
  }

  /**
   * Stores what can be stored and says what cannot. Throws with nothing stored: a bad-data error when the body cannot be decoded, a limit
   * error when the tenant may not send it now. `held` counts the batches that are under way.
   */
  async write(shards: TenantShards, body: Uint8Array, version: RemoteWriteVersion, held: HeldMemory = UNCOUNTED): Promise<WriteOutcome> {
    const messages = this.#versions[version];
    try {
      return await this.#write(shards, body, messages, held);
    } finally {
      messages.rest();
    }
  }

  async #write(shards: TenantShards, body: Uint8Array, messages: WriteMessages, held: HeldMemory): Promise<WriteOutcome> {
    const rejections = new Rejections(this.#limits.writeErrorsQuotedMax);
    const labelsOf: LabelsOf = (sources, take) => this.#labelsOf(messages, shards, body, sources, take);
    let stored = NOTHING_COUNTED;
    let staleHistograms = 0;
    this.#decode(messages, shards, body);
    const sent = countsOf(messages);
    const elected = this.#gate.elects(shards, () => firstLabels(messages));
    if (typeof elected !== 'boolean') {
      if (!(await elected)) return ofOtherReplica(sent, rejections);
      // The columns were somebody else's meanwhile.
      this.#decode(messages, shards, body);
    } else if (!elected) return ofOtherReplica(sent, rejections);
    this.#gate.admit(shards.tenant, { series: messages.columns.seriesCount, samples: sent.samples + sent.histograms });
    const request = { messages, shards, limits: this.#gate.limits(shards.tenant), rejections };
    const first: TurnStart = { pass: firstPass(shards, new TimeBounds(this.#clock.nowMs(), request.limits)), series: 0 };
    for (let start: TurnStart | undefined = first; start !== undefined; ) {
      if (start !== first) this.#decode(messages, shards, body);
      const turn = this.#sharing.share(request, start);
      staleHistograms += turn.staleHistograms;
      const noted = start === first ? this.#note(messages, shards) : undefined;
      const noting = noted && failureOf(noted);
      messages.rest();
      this.#sharing.rest();
      // From here on the columns are somebody else's.
      const [results, notNoted] = await Promise.all([sendTurn(shards, turn.batches, labelsOf, rejections, held), noting]);
      for (const result of results) if (result.status === 'fulfilled') stored = addCounts(stored, result.value);
      const failed = results.find((result) => result.status === 'rejected') ?? notNoted;
      if (failed !== undefined) return outcomeOf(asSent(stored, staleHistograms), rejections, asVarveError(failed.reason));
      start = turn.next;
    }
    return outcomeOf(asSent(stored, staleHistograms), rejections, undefined);
  }

  /** `undefined` where there is nothing to note. */
  #note(messages: WriteMessages, shards: TenantShards): Promise<void> | undefined {
    const entries = messages.metadata(shards.hasher);
    if (entries.length === 0) return undefined;
    return this.#metadata.note(shards, entries).then(() => messages.metadataNoted(shards.hasher, entries));
  }

  #decode(messages: WriteMessages, { tenant, hasher }: TenantShards, body: Uint8Array): void {
    try {
      messages.decode(this.#uncompress(body), hasher, this.#gate.limits(tenant));
    } catch (error) {
      throw error instanceof DecodeError ? badData(error.message) : error;
    }
  }

  /** Decodes the body again for the labels of some series: known to be valid, since they have ids. */
  #labelsOf(messages: WriteMessages, shards: TenantShards, body: Uint8Array, ...[sources, take]: Parameters<LabelsOf>): void {
    this.#decode(messages, shards, body);
    for (let i = 0; i < sources.length; i++) {
      const labels = messages.labels(sources[i]!);
      take(must('invalid' in labels ? undefined : this.#gate.storedLabels(labels), `series ${sources[i]} has an id but no valid labels`), i);
    }
  }
}

/** Sends batches, each to its shard; none of them when there is no room for them. */
async function sendTurn(
  shards: TenantShards,
  batches: readonly OutgoingBatch[],
  labelsOf: LabelsOf,
  rejections: Rejections,
  held: HeldMemory,
): Promise<PromiseSettledResult<WriteCounts>[]> {
  const bytes = messageBytes(batches);
  try {
    held.hold(bytes);
  } catch (reason) {
    return [{ status: 'rejected', reason }];
  }
  const results = await Promise.allSettled(batches.map((batch) => sendBatch(shards, batch, labelsOf, rejections)));
  held.drop(bytes);
  return results;
}

function outcomeOf(stored: WriteCounts, rejections: Rejections, failure: VarveError | undefined): WriteOutcome {
  return { stored, written: stored, rejections, failure };
}

/** What the elected replica sends has all of it: to this sender it is written. */
function ofOtherReplica(sent: WriteCounts, rejections: Rejections): WriteOutcome {
  return { stored: NOTHING_COUNTED, written: sent, rejections, failure: undefined };
}

/** What a request holds, before anything is refused. */
function countsOf({ columns }: WriteMessages): WriteCounts {
  return { samples: columns.sampleCount, histograms: columns.histograms.count, exemplars: columns.exemplars.count };
}

function firstLabels(messages: WriteMessages): Labels | undefined {
  if (messages.columns.seriesCount === 0) return undefined;
  const labels = messages.labels(0);
  return 'invalid' in labels ? undefined : labels;
}

/** Never rejects, however late it is looked at. */
async function failureOf(promise: Promise<void>): Promise<PromiseRejectedResult | undefined> {
  const [result] = await Promise.allSettled([promise]);
  return result.status === 'rejected' ? result : undefined;
}

/** What failed for a reason of the system's is answered with what was stored before; what is our own fault goes up. */
function asVarveError(reason: unknown): VarveError {
  if (reason instanceof VarveError) return reason;
  throw reason;
}

/** Stale markers of histogram series are stored as those of floats, which end a series in the same way: the sender counts histograms. */
function asSent(stored: WriteCounts, staleHistograms: number): WriteCounts {
  const moved = Math.min(staleHistograms, stored.samples);
  return { ...stored, samples: stored.samples - moved, histograms: stored.histograms + moved };
}
