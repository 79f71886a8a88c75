import { grown } from '../proto/grown.ts';
import type { MetricHeader, MetricKind, Span } from '../proto/otlp-metrics.ts';
import type { Point } from '../proto/otlp-points.ts';
import type { Labels } from '../storage/model/labels.ts';
import type { MetadataEntry } from '../storage/model/metadata.ts';
import { float64Bits } from '../storage/model/sample.ts';
import { VarveError } from '../storage/runtime/errors.ts';
import type { LIMITS } from '../storage/runtime/limits.ts';
import type { TenantShards } from '../storage/shard-router.ts';
import { UNKNOWN } from './byte-keys.ts';
import type { PointExemplar } from './otlp-exemplars.ts';
import type { OtlpLabels } from './otlp-labels.ts';
import { VALUE_PART, type SeriesPart } from './otlp-parts.ts';
import type { OtlpSeriesSink } from './otlp-series.ts';
import { NO_POINT, RefusedPoints } from './refused-points.ts';
import type { Rejections } from './rejections.ts';
import { SampleBatch } from './sample-batch.ts';
import { SeriesIdColumns, type SeriesIdCache } from './series-id-cache.ts';
import { toOutgoing, type OutgoingBatch } from './shard-send.ts';

const KIND_NUMBERS: Readonly<Record<MetricKind, number>> = { gauge: 0, sum: 1, histogram: 2, 'exponential-histogram': 3, summary: 4 };
/** All single bytes: the key of what a metric is beside its texts. */
const singleBytes = new DataView(Uint8Array.from({ length: 256 }, (_, i) => i).buffer);
const TARGET_INFO = new DataView(new TextEncoder().encode('target_info').buffer);
const NO_ID = new Uint32Array(3);
const NO_VIEW = new DataView(new ArrayBuffer(0));

const INITIAL_SERIES = 4096;

/** What has been collected of a request. */
export interface CollectedRequest {
  readonly batches: OutgoingBatch[];
  readonly metadata: MetadataEntry[];
  readonly pointCount: number;
  readonly seriesCount: number;
  readonly sampleCount: number;
  readonly points: RefusedPoints;
}

/**
 * Collects a request's samples into one batch a shard. Ids are remembered by the bytes of resource, scope, metric and attributes, each
 * under the one before, so that in the steady state nothing is read but bytes.
 */
export class OtlpBatches implements OtlpSeriesSink {
  readonly #cache: SeriesIdCache;
  readonly #labels: OtlpLabels;
  readonly #limits: typeof LIMITS;
  readonly #promotesScope: boolean;
  readonly #ids = new SeriesIdColumns();
  readonly #rawHash = new Uint32Array(3);
  #batches: SampleBatch[] = [];
  #shards!: TenantShards;
  #rejections!: Rejections;
  #view: DataView = NO_VIEW;
  /** What a metric's entry holds when its metadata has been noted lately. */
  #metadataPeriod = 0;
  #timesForgotten = 0;
  #outgoing: OutgoingBatch[] = [];
  #metadata: MetadataEntry[] = [];
  /** Number of the next series. */
  #source = 0;
  #samples = 0;
  #pointCount = 0;
  /** Number of the point that is read, and by series that of its point, NO_POINT for those of a resource. */
  #pointNumber = -1;
  #pointOf = new Uint32Array(INITIAL_SERIES);
  /** Numbers of the points that have been refused here, when series of theirs may have been taken. */
  #refusedPoints = new Set<number>();
  /** Entries of the cache for where the walk is. */
  #resource = UNKNOWN;
  #scope = UNKNOWN;
  #metric = UNKNOWN;
  #point = UNKNOWN;
  #attributesStart = 0;
  #attributesEnd = 0;
  #field = 0;
  /** Whether a series of the point has been refused: the point is refused once. */
  #isPointRefused = false;
  /** The batch of the open series, `undefined` when the series is refused. */
  #open: SampleBatch | undefined;
  #openShard = 0;

  constructor(cache: SeriesIdCache, labels: OtlpLabels, limits: typeof LIMITS, options: { readonly promoteScopeMetadata: boolean }) {
    this.#cache = cache;
    this.#labels = labels;
    this.#limits = limits;
    this.#promotesScope = options.promoteScopeMetadata;
  }

  beginRequest(shards: TenantShards, bytes: Uint8Array, nowMs: number, rejections: Rejections): void {
    this.#shards = shards;
    this.#rejections = rejections;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#metadataPeriod = (1 + Math.floor((nowMs * 4) / this.#limits.metadataRenewMs) + this.#timesForgotten * 2 ** 20) >>> 0;
    this.#source = this.#samples = this.#pointCount = 0;
    this.#pointNumber = -1;
    if (this.#refusedPoints.size > 0) this.#refusedPoints = new Set();
    this.#outgoing = [];
    this.#metadata = [];
    while (this.#batches.length < shards.shardCount) this.#batches.push(new SampleBatch());
    for (const batch of this.#batches) batch.clear();
    this.#open = undefined;
    this.#cache.begin(shards.hasher);
  }

  /** What has been collected; the batches are free for the next request. */
  finish(): CollectedRequest {
    this.#batches.forEach((batch, shard) => {
      if (batch.seriesCount > 0) this.#outgoing.push(toOutgoing(batch, shard));
      batch.clear();
    });
    const points = new RefusedPoints(this.#pointOf.slice(0, this.#source), this.#refusedPoints);
    const collected = { batches: this.#outgoing, metadata: this.#metadata, pointCount: this.#pointCount, seriesCount: this.#source, sampleCount: this.#samples, points };
    this.#outgoing = [];
    this.#metadata = [];
    this.#view = NO_VIEW;
    return collected;
  }

  /** What has been handed out was not noted after all: all of it comes again. */
  forgetMetadata(): void {
    this.#timesForgotten++;
  }

  beginResource(resource: Span): void {
    this.#resource = this.#scope = this.#entryUnder(undefined, this.#view, resource.start, resource.end);
  }

  beginScope(scope: Span, schemaUrl: Span): void {
    this.#scope = this.#resource;
    if (!this.#promotesScope) return;
    // A step in between: the bytes of a scope are whatever its sender likes, and must not be those that stand for target_info.
    const scopes = this.#entryUnder(this.#resource, singleBytes, 0, 1);
    const named = this.#entryUnder(scopes, this.#view, scope.start, scope.end);
    this.#scope = this.#entryUnder(named, this.#view, schemaUrl.start, schemaUrl.end);
  }

  beginMetric(metric: MetricHeader): void {
    const { start, end } = metric.fields;
    // Texts that do not stand in one run have no bytes to know them by.
    const texts = start === -1 ? UNKNOWN : this.#entryUnder(this.#scope, this.#view, start, end);
    const key = (KIND_NUMBERS[metric.kind] * 4 + (metric.temporality & 3)) * 2 + (metric.isMonotonic ? 1 : 0);
    this.#metric = this.#entryUnder(texts, singleBytes, key, key + 1);
    this.#pointCount += metric.pointCount;
    this.#noteMetadata();
  }

  point(point: Point, field: number, isSingle: boolean): void {
    this.#attributesStart = point.attributesStart;
    this.#attributesEnd = point.attributesEnd;
    this.#field = field;
    this.#pointNumber++;
    this.#isPointRefused = false;
    this.#point = isSingle ? UNKNOWN : this.#entryUnder(this.#metric, this.#view, point.attributesStart, point.attributesEnd);
  }

  begin(part: SeriesPart, isDelta: boolean): void {
    const isWhole = part === VALUE_PART;
    const isKnown = isWhole
      ? this.#lookUp(this.#metric, this.#view, this.#attributesStart, this.#attributesEnd)
      : this.#lookUp(this.#point, part.key, part.keyStart, part.keyEnd);
    if (!isKnown) {
      const parent = isWhole ? this.#metric : this.#point;
      this.#rawHash.set(this.#shards.hasher.words);
      const labels = this.#labels.ofSeries(this.#attributesStart, this.#attributesEnd, this.#field, part);
      if ('invalid' in labels) {
        this.#refuseSeries(labels.invalid);
        return;
      }
      this.#hash(labels);
      if (parent !== UNKNOWN && isWhole) this.#cache.add(this.#view, this.#attributesStart, this.#attributesEnd, this.#rawHash, this.#shards.hasher.words, parent);
      else if (parent !== UNKNOWN) this.#cache.add(part.key, part.keyStart, part.keyEnd, this.#rawHash, this.#shards.hasher.words, parent);
    }
    this.#openSeries(this.#pointNumber);
    if (isDelta) this.#open!.markDelta();
  }

  beginTargetInfo(): void {
    this.#isPointRefused = false;
    if (!this.#lookUp(this.#resource, TARGET_INFO, 0, TARGET_INFO.byteLength)) {
      this.#rawHash.set(this.#shards.hasher.words);
      const labels = this.#labels.ofTargetInfo();
      if (labels === undefined || 'invalid' in labels) {
        if (labels !== undefined) this.warn(() => `target_info was left out: ${labels.invalid}`);
        this.#nextSource(NO_POINT);
        return;
      }
      this.#hash(labels);
      if (this.#resource !== UNKNOWN) this.#cache.add(TARGET_INFO, 0, TARGET_INFO.byteLength, this.#rawHash, this.#shards.hasher.words, this.#resource);
    }
    this.#openSeries(NO_POINT);
  }

  float(timestampMs: number, bitsLow: number, bitsHigh: number, startMs: number): void {
    if (this.#open === undefined) return;
    this.#countSample();
    this.#open.addSample(timestampMs, bitsLow, bitsHigh, startMs);
  }

  histogram(timestampMs: number, payload: Uint8Array, startMs: number): void {
    if (this.#open === undefined) return;
    this.#countSample();
    this.#open.addHistogram(timestampMs, payload, startMs);
  }

  exemplar({ timestampMs, value, labels }: PointExemplar): void {
    const bits = float64Bits(value);
    this.#open?.addExemplar(timestampMs, bits[0]!, bits[1]!, labels);
  }

  end(): void {
    const batch = this.#open;
    if (batch === undefined) return;
    batch.endSeries();
    this.#open = undefined;
    if (!batch.isFull(this.#limits)) return;
    this.#outgoing.push(toOutgoing(batch, this.#openShard));
    batch.clear();
  }

  refuse(_point: Point, reason: () => string): void {
    this.#rejections.add('bad-data', 1, reason);
  }

  warn(reason: () => string): void {
    this.#rejections.add('bad-data', 0, reason);
  }

  /** The entry of a span under another one, or under the tenant (`undefined`), made when it is new. */
  #entryUnder(parent: number | undefined, view: DataView, start: number, end: number): number {
    if (parent === UNKNOWN) return UNKNOWN;
    const found = this.#cache.find(view, start, end, parent);
    if (found !== UNKNOWN) return found;
    this.#rawHash.set(this.#shards.hasher.words);
    return this.#cache.add(view, start, end, this.#rawHash, NO_ID, parent);
  }

  /** Puts the id of a known series where `openSeries` takes it; false when it is not known, and then the hasher has the bytes' hash. */
  #lookUp(parent: number, view: DataView, start: number, end: number): boolean {
    if (parent === UNKNOWN) return false;
    const entry = this.#cache.find(view, start, end, parent);
    if (entry === UNKNOWN) return false;
    this.#ids.reserve(this.#source + 1);
    this.#cache.copyId(entry, this.#ids, this.#source);
    return true;
  }

  #hash(labels: Labels): void {
    this.#shards.hasher.hashLabels(labels);
    this.#ids.reserve(this.#source + 1);
    this.#ids.set(this.#source, this.#shards.hasher.words);
  }

  #openSeries(point: number): void {
    const { shardCount } = this.#shards;
    this.#openShard = shardCount === 1 ? 0 : this.#ids.high[this.#source]! % shardCount;
    this.#open = this.#batches[this.#openShard]!;
    this.#open.beginSeries(this.#nextSource(point), this.#ids);
  }

  /** The number of the next series, which is of the point. */
  #nextSource(point: number): number {
    const source = this.#source++;
    if (source >= this.#pointOf.length) this.#pointOf = grown(this.#pointOf);
    this.#pointOf[source] = point;
    return source;
  }

  #refuseSeries(reason: string): void {
    this.#nextSource(this.#pointNumber);
    if (!this.#isPointRefused) this.#rejections.add('bad-data', 1, () => `metric ${this.#labels.sentName()}: ${reason}`);
    this.#isPointRefused = true;
    this.#refusedPoints.add(this.#pointNumber);
  }

  #countSample(): void {
    const { writeEntriesMax } = this.#limits;
    if (++this.#samples > writeEntriesMax) {
      throw new VarveError('too-large', `the request makes more samples than the limit writeEntriesMax of ${writeEntriesMax}; send smaller requests`);
    }
  }

  /** Once for each metric, and again in time for the sink to renew it: making the texts each time would cost more than the samples. */
  #noteMetadata(): void {
    if (this.#metric !== UNKNOWN) {
      if (this.#cache.word(this.#metric) === this.#metadataPeriod) return;
      this.#cache.setWord(this.#metric, this.#metadataPeriod);
    }
    const entry = this.#labels.metadata();
    if (entry !== undefined) this.#metadata.push(entry);
  }
}
