import { DecodeError } from '../../proto/decode-error.ts';
import { JsonToProtobuf } from '../../proto/otlp-json.ts';
import type { Labels } from '../../storage/model/labels.ts';
import type { CacheBudget } from '../../storage/runtime/cache-budget.ts';
import type { Clock } from '../../storage/runtime/clock.ts';
import { badData } from '../../storage/runtime/errors.ts';
import type { LIMITS } from '../../storage/runtime/limits.ts';
import type { OtlpOptions } from '../../storage/runtime/otlp-options.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import { firstPass, nextPass, type MapPass } from '../map-passes.ts';
import type { MetadataSink } from '../metadata-sink.ts';
import type { LabelsOf } from '../outgoing-message.ts';
import { Rejections } from '../rejections.ts';
import { UNCOUNTED, type HeldMemory } from '../request-memory.ts';
import { messageBytes, sendBatch, type OutgoingBatch } from '../shard-send.ts';
import { TimeBounds } from '../time-bounds.ts';
import { addCounts, NOTHING_COUNTED, type WriteCounts } from '../write-counts.ts';
import type { WriteGate } from '../write-gate.ts';
import { OtlpBatches, type CollectedRequest, type OtlpRequest } from './otlp-batches.ts';
import { OtlpIdCache } from './otlp-id-cache.ts';
import { OtlpLabelFinder } from './otlp-label-finder.ts';
import { OtlpLabels } from './otlp-labels.ts';
import { OtlpSender, SENDER_FOUND } from './otlp-sender.ts';
import { OtlpSeries, type OtlpWalk } from './otlp-series.ts';

export type OtlpEncoding = 'protobuf' | 'json';

/** What became of a request whose body could be decoded. */
export interface OtlpOutcome {
  readonly stored: WriteCounts;
  /** Data points in the request. */
  readonly pointCount: number;
  /** Data points that are not stored, or not all of them. */
  readonly refusedPointCount: number;
  /** Counts data points, as far as the door has refused them; what shards refuse comes in samples. */
  readonly rejections: Rejections;
}

export interface OtlpServices {
  readonly clock: Clock;
  readonly gate: WriteGate;
  readonly limits: typeof LIMITS;
  readonly options: OtlpOptions;
  readonly metadata: MetadataSink;
  readonly caches: CacheBudget;
}

/**
 * Takes OTLP metrics: body → protobuf → data points → series ids → one batch a shard → acknowledged.
 *
 * Everything up to the batches is synchronous, but for the election of a replica before it, where that is on; across the RPC only the
 * compressed body and the batches are kept. When a shard does not know a series, the body is walked a second time to find its labels, as with
 * remote write.
 */
export class OtlpDoor {
  readonly #clock: Clock;
  readonly #gate: WriteGate;
  readonly #limits: typeof LIMITS;
  readonly #metadata: MetadataSink;
  readonly #json: JsonToProtobuf;
  readonly #labels: OtlpLabels;
  readonly #series: OtlpSeries;
  readonly #batches: OtlpBatches;

  constructor({ clock, gate, limits, options, metadata, caches }: OtlpServices) {
    this.#clock = clock;
    this.#gate = gate;
    this.#limits = limits;
    this.#metadata = metadata;
    this.#json = new JsonToProtobuf({ bytesMax: limits.otlpUncompressedBytesMax, depthMax: limits.otlpDepthMax });
    this.#labels = new OtlpLabels(options, limits, (labels) => gate.storedLabels(labels));
    this.#series = new OtlpSeries(options, limits, this.#labels);
    const cache = new OtlpIdCache(limits.otlpIdCacheBytesMax, limits.otlpIdCacheWindowMs, caches);
    this.#batches = new OtlpBatches(cache, this.#labels, limits, options, caches);
  }

  /** The largest body that a tenant may send, compressed or not. */
  bodyBytesMax(tenant: string): number {
    return Math.min(this.#limits.otlpUncompressedBytesMax, this.#gate.limits(tenant).writeBodyBytesMax);
  }

  /**
   * Stores what can be stored and says what cannot. `plainBody` answers with the decompressed body, as often as it is asked. Throws a
   * bad-data error, with nothing stored, when the body cannot be decoded. `held` counts the batches that are under way.
   */
  async write(shards: TenantShards, plainBody: () => Uint8Array, encoding: OtlpEncoding, held: HeldMemory = UNCOUNTED): Promise<OtlpOutcome> {
    const rejections = new Rejections(this.#limits.writeErrorsQuotedMax);
    const nowMs = this.#clock.nowMs();
    const limits = this.#gate.limits(shards.tenant);
    const walk = { times: new TimeBounds(nowMs, limits), limits };
    const elected = this.#gate.elects(shards, () => this.#senderOf(plainBody, encoding, walk));
    // What the elected replica sends has all of it: to this sender it is written.
    if (typeof elected === 'boolean' ? !elected : !(await elected)) return { stored: NOTHING_COUNTED, pointCount: 0, refusedPointCount: 0, rejections };
    const passes = decoding(() => this.#collect({ shards, message: this.#messageOf(plainBody, encoding), nowMs, rejections }, walk));
    const { pointCount } = passes[0]!;
    if (pointCount === 0 && encoding === 'json') this.#warnOfOtherSignal(rejections);
    try {
      this.#gate.admit(shards.tenant, { series: sumOf(passes, ({ seriesCount }) => seriesCount), samples: sumOf(passes, ({ sampleCount }) => sampleCount) });
      held.hold(sumOf(passes, ({ batches }) => messageBytes(batches)));
    } catch (error) {
      takeBack(passes);
      throw error;
    }
    const refusedHere = rejections.samples;
    const send = ({ times, points }: CollectedPass, batch: OutgoingBatch): Promise<WriteCounts> => {
      const labelsOf: LabelsOf = (sources, take) =>
        decoding(() => {
          const finder = new OtlpLabelFinder(this.#labels, sources, take);
          this.#series.walk(this.#messageOf(plainBody, encoding), { times, limits }, finder);
          finder.finish();
        });
      return sendBatch(shards, batch, labelsOf, rejections, (series) => points.add(series));
    };
    // All to their ends, whatever fails: what is under way when a request is answered may stop there, and nobody hears how it ended.
    const [sent, noted] = await Promise.all([
      Promise.allSettled(passes.flatMap((pass) => pass.batches.map((batch) => send(pass, batch)))),
      Promise.allSettled(passes.map((pass) => this.#noteMetadata(shards, pass))),
    ]);
    const failed = [...sent, ...noted].find((end) => end.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    const stored = sent.reduce((sum, end) => (end.status === 'fulfilled' ? addCounts(sum, end.value) : sum), NOTHING_COUNTED);
    return { stored, pointCount, refusedPointCount: refusedHere + sumOf(passes, ({ points }) => points.count), rejections };
  }

  /** By pass, which is mostly a single one. However many there are, nothing is sent before all have been made. */
  #collect(request: Omit<OtlpRequest, 'map'>, { times: whole, limits }: OtlpWalk): CollectedPass[] {
    const { shards, message } = request;
    const passes: CollectedPass[] = [];
    try {
      for (let pass: MapPass | undefined = firstPass(shards, whole); pass !== undefined; pass = nextPass(shards, pass)) {
        const { map, times } = pass;
        passes.push({ ...this.#batches.collect({ ...request, map }, (sink) => this.#series.walk(message, { times, limits }, sink)), times });
      }
    } catch (error) {
      takeBack(passes);
      throw error;
    }
    return passes;
  }

  /**
   * Unknown fields are passed over, as OTLP demands, and a request of traces has no others: it succeeds, as everywhere, but a sender is told in the
   * way that OTLP has for warnings.
   */
  #warnOfOtherSignal(rejections: Rejections): void {
    const { otherSignal } = this.#json;
    if (otherSignal !== undefined) rejections.add('bad-data', {}, () => `the request has ${otherSignal} and no resourceMetrics: nothing is stored, since metrics alone are taken here`);
  }

  /** What the request says of who sent it. */
  #senderOf(plainBody: () => Uint8Array, encoding: OtlpEncoding, walk: OtlpWalk): Labels | undefined {
    const sender = new OtlpSender(this.#labels);
    try {
      decoding(() => this.#series.walk(this.#messageOf(plainBody, encoding), walk, sender));
    } catch (error) {
      if (error !== SENDER_FOUND) throw error;
    }
    return sender.found;
  }

  /** A failure fails the request: it is sent again, and samples that are stored by then do not change. */
  async #noteMetadata(shards: TenantShards, { metadata, metadataNoted }: CollectedRequest): Promise<void> {
    if (metadata.length === 0) return;
    try {
      await this.#metadata.note(shards, metadata);
      metadataNoted();
    } catch (error) {
      this.#batches.forgetMetadata();
      throw error;
    }
  }

  /** The message in protobuf. Valid until the next call. */
  #messageOf(plainBody: () => Uint8Array, encoding: OtlpEncoding): Uint8Array {
    const body = plainBody();
    return encoding === 'json' ? this.#json.metricsRequest(body) : body;
  }
}

/** What one pass has collected, and the times that it has taken: who walks the request again by these comes upon the same series. */
type CollectedPass = CollectedRequest & Pick<MapPass, 'times'>;

function takeBack(passes: readonly CollectedPass[]): void {
  for (const { takeBackMetadata } of passes) takeBackMetadata();
}

function sumOf(passes: readonly CollectedPass[], count: (pass: CollectedPass) => number): number {
  return passes.reduce((sum, pass) => sum + count(pass), 0);
}

function decoding<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw error instanceof DecodeError ? badData(error.message) : error;
  }
}
