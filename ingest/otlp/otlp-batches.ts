import { grown } from '../../proto/grown.ts';
import type { MetricHeader, MetricKind, Span } from '../../proto/otlp-metrics.ts';
import type { Point } from '../../proto/otlp-points.ts';
import { isLargeColumn } from '../../proto/write-columns.ts';
import type { MetadataEntry } from '../../storage/model/metadata.ts';
import { float64Bits } from '../../storage/model/sample.ts';
import { SERIES_ID_WORDS } from '../../storage/model/series-id.ts';
import type { CacheBudget } from '../../storage/runtime/cache-budget.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import type { LIMITS } from '../../storage/runtime/limits.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import { UNKNOWN } from './known-runs.ts';
import type { Rejections } from '../rejections.ts';
import { SampleBatch } from '../sample-batch.ts';
import { SeriesIdColumns } from '../series-id-columns.ts';
import { SeriesRefs } from '../series-refs.ts';
import type { OutgoingBatch } from '../shard-send.ts';
import type { PointExemplar } from './otlp-exemplars.ts';
import type { OtlpIdCache } from './otlp-id-cache.ts';
import type { OtlpLabels } from './otlp-labels.ts';
import { OtlpPartIds } from './otlp-part-ids.ts';
import { WHOLE_POINT, type PointParts } from './otlp-parts.ts';
import type { OtlpSeriesSink } from './otlp-series.ts';
import { NO_POINT, RefusedPoints } from './refused-points.ts';

/** Tags of entries that are no metrics, under a resource: those of metrics are below 40. */
const TARGET_INFO_TAG = 63;
const SCOPE_TAG = 62;
const SCHEMA_TAG = 61;
const NO_IDS = new Uint32Array(0);
const NO_VIEW = new DataView(new ArrayBuffer(0));

const INITIAL_SERIES = 4096;
/** In a metric's entry, as at first: no period has this number. */
const NOT_NOTED = 0;
/** In a resource's entry: it makes no `target_info`, which takes all of its labels to find out. */
const NO_TARGET_INFO = 1;

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
  readonly #cache: OtlpIdCache;
  readonly #labels: OtlpLabels;
  readonly #limits: typeof LIMITS;
  readonly #promotesScope: boolean;
  readonly #refs: SeriesRefs;
  #ids = new SeriesIdColumns();
  readonly #rawHash = new Uint32Array(SERIES_ID_WORDS);
  /** The ids of a point that is not known. */
  readonly #partIds: OtlpPartIds;
  #batches: SampleBatch[] = [];
  #shards!: TenantShards;
  #rejections!: Rejections;
  #view: DataView = NO_VIEW;
  /** What a metric's entry holds when its metadata has been noted lately. */
  #metadataPeriod = 0;
  #timesForgotten = 0;
  /** Entries of the metrics whose metadata this request has made. */
  #notedMetrics: number[] = [];
  #outgoing: OutgoingBatch[] = [];
  #metadata: MetadataEntry[] = [];
  /** Number of the next series. */
  #source = 0;
  #samples = 0;
  /** Numbers that no series has: those of resources without target_info. */
  #sourcesUnused = 0;
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
  /** Entry of the last parts that the metric's points had, and the numbers that tell these. */
  #parts = UNKNOWN;
  /** Under which the next point's attributes are looked for: what stands there is nothing but attributes of such points. UNKNOWN where this is not known yet. */
  #pointParent = UNKNOWN;
  #partNumbers = new Float64Array(32);
  #partNumberCount = 0;
  /** Ids of the point's parts: where the first one stands. */
  #idWords: Uint32Array = NO_IDS;
  #idAt = 0;
  #isPointKnown = false;
  /** Whether a series of the point has been refused: the point is refused once. */
  #isPointRefused = false;
  /** The batch of the open series, `undefined` when the series is refused. */
  #open: SampleBatch | undefined;
  #openShard = 0;

  constructor(cache: OtlpIdCache, labels: OtlpLabels, limits: typeof LIMITS, options: { readonly promoteScopeMetadata: boolean }, caches?: CacheBudget) {
    this.#cache = cache;
    this.#labels = labels;
    this.#partIds = new OtlpPartIds(labels);
    this.#limits = limits;
    this.#promotesScope = options.promoteScopeMetadata;
    this.#refs = new SeriesRefs(limits.seriesRefsMax, 'otlp_refs', caches);
  }

  beginRequest(shards: TenantShards, bytes: Uint8Array, nowMs: number, rejections: Rejections): void {
    this.#shards = shards;
    this.#rejections = rejections;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#metadataPeriod = (1 + Math.floor((nowMs * 4) / this.#limits.metadataRenewMs) + this.#timesForgotten * 2 ** 20) >>> 0;
    this.#source = this.#sourcesUnused = this.#samples = this.#pointCount = 0;
    this.#pointNumber = -1;
    if (this.#refusedPoints.size > 0) this.#refusedPoints = new Set();
    this.#outgoing = [];
    this.#metadata = [];
    this.#notedMetrics = [];
    while (this.#batches.length < shards.shardCount) this.#batches.push(new SampleBatch());
    for (const batch of this.#batches) batch.clear();
    this.#open = undefined;
    this.#cache.begin(shards.hasher, nowMs);
  }

  /** What has been collected; the batches are free for the next request. */
  finish(): CollectedRequest {
    this.#batches.forEach((batch, shard) => {
      if (batch.seriesCount > 0) this.#send(batch, shard);
      else batch.clear();
    });
    const points = new RefusedPoints(this.#pointOf.slice(0, this.#source), this.#refusedPoints);
    const seriesCount = this.#source - this.#sourcesUnused;
    const collected = { batches: this.#outgoing, metadata: this.#metadata, pointCount: this.#pointCount, seriesCount, sampleCount: this.#samples, points };
    this.#outgoing = [];
    this.#metadata = [];
    // The bytes are the request's, and the words may be the cache's, which would keep what it gives up.
    this.#view = NO_VIEW;
    this.#idWords = NO_IDS;
    this.#rest();
    return collected;
  }

  /** The request that came last is given up before its metadata is noted: that comes again. Not across an `await`. */
  takeBackMetadata(): void {
    for (const metric of this.#notedMetrics) this.#cache.setWord(metric, NOT_NOTED);
  }

  /** Gives back what a large request took. */
  #rest(): void {
    if (this.#ids.isLarge) this.#ids = new SeriesIdColumns();
    if (isLargeColumn(this.#pointOf)) this.#pointOf = new Uint32Array(INITIAL_SERIES);
    if (this.#batches.some(({ isLarge }) => isLarge)) this.#batches = [];
  }

  /** What has been handed out was not noted after all, of whatever request: all metadata comes again. */
  forgetMetadata(): void {
    this.#timesForgotten++;
  }

  beginResource(resource: Span): void {
    this.#resource = this.#scope = this.#entryUnder(this.#cache.root, this.#view, resource.start, resource.end);
  }

  beginScope(scope: Span, schemaUrl: Span): void {
    this.#scope = this.#resource;
    if (!this.#promotesScope) return;
    const named = this.#entryUnder(this.#resource, this.#view, scope.start, scope.end, SCOPE_TAG);
    this.#scope = this.#entryUnder(named, this.#view, schemaUrl.start, schemaUrl.end, SCHEMA_TAG);
  }

  beginMetric(metric: MetricHeader): void {
    const { start, end } = metric.fields;
    const tag = (kindNumber(metric.kind) * 4 + (metric.temporality & 3)) * 2 + (metric.isMonotonic ? 1 : 0);
    // Texts that do not stand in one run have no bytes to know them by.
    this.#metric = start === -1 ? UNKNOWN : this.#entryUnder(this.#scope, this.#view, start, end, tag);
    this.#parts = UNKNOWN;
    // Below a histogram's or a summary's stand bounds or quantiles first.
    this.#pointParent = metric.kind === 'histogram' || metric.kind === 'summary' ? UNKNOWN : this.#metric;
    this.#pointCount += metric.pointCount;
    this.#noteMetadata();
  }

  attributesFrom(start: number, end: number): number {
    return this.#pointParent === UNKNOWN ? 0 : this.#cache.guessFrom(this.#view, start, end, this.#pointParent);
  }

  point(point: Point, field: number, parts: PointParts): void {
    const { attributesStart, attributesEnd } = point;
    this.#pointNumber++;
    this.#isPointRefused = false;
    const parent = (this.#pointParent = parts === WHOLE_POINT ? this.#metric : this.#entryOf(parts));
    const entry = parent === UNKNOWN ? UNKNOWN : this.#cache.find(this.#view, attributesStart, attributesEnd, parent);
    if (entry !== UNKNOWN) {
      this.#locate(entry, parts.count);
      return;
    }
    const { hasher } = this.#shards;
    this.#rawHash.set(hasher.words);
    this.#partIds.compute(attributesStart, attributesEnd, field, parts, hasher);
    this.#isPointKnown = false;
    this.#idWords = this.#partIds.words;
    this.#idAt = 0;
    if (parent !== UNKNOWN && this.#partIds.isWhole) this.#cache.add(this.#view, attributesStart, attributesEnd, this.#rawHash, this.#idWords, parts.count, parent);
  }

  begin(part: number, isDelta: boolean): void {
    const refusal = this.#isPointKnown ? undefined : this.#partIds.refusal(part);
    if (refusal !== undefined) {
      this.#refuseSeries(refusal);
      return;
    }
    this.#openSeries(this.#pointNumber, this.#idWords, this.#idAt + part * SERIES_ID_WORDS);
    if (isDelta) this.#open!.markDelta();
  }

  floats(part: number, count: number, isDelta: boolean, timestampMs: number, valueBits: Uint32Array, startMs: number): void {
    if (!this.#isPointKnown && !this.#partIds.isWhole) {
      for (let i = part; i < part + count; i++) {
        this.begin(i, isDelta);
        this.float(timestampMs, valueBits[i * 2]!, valueBits[i * 2 + 1]!, startMs);
        this.end();
      }
      return;
    }
    const { shardCount } = this.#shards;
    const words = this.#idWords;
    let at = this.#idAt + part * SERIES_ID_WORDS;
    for (let i = part; i < part + count; i++, at += SERIES_ID_WORDS) {
      const shard = shardCount === 1 ? 0 : words[at + 1]! % shardCount;
      const batch = this.#batches[shard]!;
      this.#countSample();
      batch.addSingle(this.#nextSource(this.#pointNumber), words, at, isDelta, timestampMs, valueBits[i * 2]!, valueBits[i * 2 + 1]!, startMs);
      if (batch.isFull(this.#limits)) this.#send(batch, shard);
    }
  }

  beginTargetInfo(): void {
    this.#isPointRefused = false;
    if (this.#resource !== UNKNOWN && this.#cache.word(this.#resource) === NO_TARGET_INFO) {
      this.#passOverTargetInfo();
      return;
    }
    const known = this.#resource === UNKNOWN ? UNKNOWN : this.#cache.find(this.#view, 0, 0, this.#resource, TARGET_INFO_TAG);
    if (known !== UNKNOWN) {
      this.#cache.locate(known, 1);
      this.#openSeries(NO_POINT, this.#cache.idWords, this.#cache.idAt);
      return;
    }
    const { hasher } = this.#shards;
    this.#rawHash.set(hasher.words);
    const labels = this.#labels.ofTargetInfo();
    if (labels === undefined || 'invalid' in labels) {
      if (labels !== undefined) this.warn(0, () => `target_info was left out: ${labels.invalid}`);
      else if (this.#resource !== UNKNOWN) this.#cache.setWord(this.#resource, NO_TARGET_INFO);
      this.#passOverTargetInfo();
      return;
    }
    hasher.hashLabels(labels);
    if (this.#resource !== UNKNOWN) this.#cache.add(this.#view, 0, 0, this.#rawHash, hasher.words, 1, this.#resource, TARGET_INFO_TAG);
    this.#openSeries(NO_POINT, hasher.words, 0);
  }

  float(timestampMs: number, bitsLow: number, bitsHigh: number, startMs: number): void {
    if (this.#open === undefined) return;
    this.#countSample();
    this.#open.addSample(timestampMs, bitsLow, bitsHigh, startMs);
    if (this.#open.isFull(this.#limits)) this.#cut(this.#open);
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
    if (batch.isFull(this.#limits)) this.#send(batch, this.#openShard);
  }

  refuse(_point: Point, reason: () => string): void {
    this.#rejections.add('bad-data', 1, reason);
  }

  warn(exemplars: number, reason: () => string): void {
    this.#rejections.add('bad-data', { exemplars }, reason);
  }

  /** The rest of the open series, of which `target_info` may have many samples, goes on in the next batch. */
  #cut(batch: SampleBatch): void {
    batch.endSeries();
    this.#send(batch, this.#openShard);
    batch.beginSeries(this.#source - 1, this.#ids);
  }

  #send(batch: SampleBatch, shard: number): void {
    this.#outgoing.push(batch.toOutgoing(shard, this.#refs.of(this.#shards, shard)));
    batch.clear();
  }

  /** The entry of a span under another one, made when it is new. */
  #entryUnder(parent: number, view: DataView, start: number, end: number, tag = 0): number {
    if (parent === UNKNOWN) return UNKNOWN;
    const found = this.#cache.find(view, start, end, parent, tag);
    if (found !== UNKNOWN) return found;
    this.#rawHash.set(this.#shards.hasher.words);
    return this.#cache.add(view, start, end, this.#rawHash, NO_IDS, 0, parent, tag);
  }

  /** The entry of a point's parts under its metric: most points of a metric have the same. */
  #entryOf({ numbers, numberCount }: PointParts): number {
    if (this.#metric === UNKNOWN) return UNKNOWN;
    if (this.#parts !== UNKNOWN && this.#arePartNumbers(numbers.values, numberCount)) return this.#parts;
    if (numberCount > this.#partNumbers.length) this.#partNumbers = new Float64Array(numberCount * 2);
    this.#partNumbers.set(numbers.values.subarray(0, numberCount));
    this.#partNumberCount = numberCount;
    return (this.#parts = this.#entryUnder(this.#metric, numbers.view, 0, numberCount * 8));
  }

  #arePartNumbers(values: Float64Array, count: number): boolean {
    const kept = this.#partNumbers;
    if (count !== this.#partNumberCount) return false;
    // Zeros have a sign, by which their labels differ.
    for (let i = 0; i < count; i++) if (values[i] !== kept[i] || (values[i] === 0 && !Object.is(values[i], kept[i]))) return false;
    return true;
  }

  #locate(entry: number, partCount: number): void {
    this.#cache.locate(entry, partCount);
    this.#isPointKnown = true;
    this.#idWords = this.#cache.idWords;
    this.#idAt = this.#cache.idAt;
  }

  /** Who walks the request again for labels counts it, too. */
  #passOverTargetInfo(): void {
    this.#nextSource(NO_POINT);
    this.#sourcesUnused++;
  }

  /** Opens the next series, whose id stands in `words` from `at` on. */
  #openSeries(point: number, words: Uint32Array, at: number): void {
    const { shardCount } = this.#shards;
    const source = this.#nextSource(point);
    const ids = this.#ids;
    ids.reserve(source + 1);
    ids.low[source] = words[at]!;
    const high = (ids.high[source] = words[at + 1]!);
    ids.check[source] = words[at + 2]!;
    this.#openShard = shardCount === 1 ? 0 : high % shardCount;
    this.#open = this.#batches[this.#openShard]!;
    this.#open.beginSeries(source, ids);
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
      this.#notedMetrics.push(this.#metric);
    }
    const entry = this.#labels.metadata();
    if (entry !== undefined) this.#metadata.push(entry);
  }
}

function kindNumber(kind: MetricKind): number {
  switch (kind) {
    case 'gauge':
      return 0;
    case 'sum':
      return 1;
    case 'histogram':
      return 2;
    case 'exponential-histogram':
      return 3;
    case 'summary':
      return 4;
  }
}
