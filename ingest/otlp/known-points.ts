import type { MetricHeader, MetricKind, Span } from '../../proto/otlp-metrics.ts';
import type { Point } from '../../proto/otlp-points.ts';
import { SERIES_ID_WORDS, type SeriesHasher } from '../../storage/model/series-id.ts';
import type { Invalid } from '../validate.ts';
import { UNKNOWN } from './known-runs.ts';
import type { OtlpIdCache } from './otlp-id-cache.ts';
import type { OtlpLabels } from './otlp-labels.ts';
import type { OtlpPartIds } from './otlp-part-ids.ts';
import { WHOLE_POINT, type PointParts } from './otlp-parts.ts';

/** Tags of entries that are no metrics, under a resource: those of metrics are below 40. */
const TARGET_INFO_TAG = 63;
const SCOPE_TAG = 62;
const SCHEMA_TAG = 61;
const NO_IDS = new Uint32Array(0);
/** In a resource's entry: it makes no `target_info`, which takes all of its labels to find out. */
const NO_TARGET_INFO = 1;

/** What all requests know their points by. */
export interface PointKnowledge {
  readonly cache: OtlpIdCache;
  readonly labels: OtlpLabels;
  /** The ids of points that are not known. */
  readonly partIds: OtlpPartIds;
  /** Whether labels of the scope are part of a series. */
  readonly promotesScope: boolean;
}

/**
 * Finds the ids of a request's points, where the walk of the message is. They are remembered by the bytes of resource, scope, metric and attributes,
 * each under the one before, so that in the steady state nothing is read but bytes. One a request.
 */
export class KnownPoints {
  readonly #cache: OtlpIdCache;
  readonly #hasher: SeriesHasher;
  readonly #view: DataView;
  readonly #labels: OtlpLabels;
  readonly #partIds: OtlpPartIds;
  readonly #promotesScope: boolean;
  readonly #rawHash = new Uint32Array(SERIES_ID_WORDS);
  /** Entries of the cache for where the walk is. */
  #resource = UNKNOWN;
  #scope = UNKNOWN;
  #metric = UNKNOWN;
  /** Entry of the last parts that the metric's points had, and the numbers that tell these. */
  #parts = UNKNOWN;
  #partNumbers = new Float64Array(32);
  #partNumberCount = 0;
  /** Under which the next point's attributes are looked for: what stands there is nothing but attributes of such points. UNKNOWN where this is not known yet. */
  #pointParent = UNKNOWN;
  #isPointKnown = false;
  /** Ids of the point's parts, one behind the other: the words, and where the first one stands. Good until the next point or target_info. */
  idWords: Uint32Array = NO_IDS;
  idAt = 0;

  /** The cache has begun with the hasher's tenant. */
  constructor(message: Uint8Array, hasher: SeriesHasher, { cache, labels, partIds, promotesScope }: PointKnowledge) {
    this.#view = new DataView(message.buffer, message.byteOffset, message.byteLength);
    this.#hasher = hasher;
    this.#cache = cache;
    this.#labels = labels;
    this.#partIds = partIds;
    this.#promotesScope = promotesScope;
  }

  /** The entry of the metric that has been begun, UNKNOWN where it has none. */
  get metric(): number {
    return this.#metric;
  }

  /** Whether all parts of the point have an id. */
  get isPointWhole(): boolean {
    return this.#isPointKnown || this.#partIds.isWhole;
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
  }

  /** As KnownAttributes has it. */
  attributesFrom(start: number, end: number): number {
    return this.#pointParent === UNKNOWN ? 0 : this.#cache.guessFrom(this.#view, start, end, this.#pointParent);
  }

  /** Finds the ids of the point, whose attributes are fields `field`. */
  findPoint({ attributesStart, attributesEnd }: Point, field: number, parts: PointParts): void {
    const parent = (this.#pointParent = parts === WHOLE_POINT ? this.#metric : this.#entryOf(parts));
    const entry = parent === UNKNOWN ? UNKNOWN : this.#cache.find(this.#view, attributesStart, attributesEnd, parent);
    this.#isPointKnown = entry !== UNKNOWN;
    if (entry !== UNKNOWN) {
      this.#locate(entry, parts.count);
      return;
    }
    this.#rawHash.set(this.#hasher.words);
    this.#partIds.compute(attributesStart, attributesEnd, field, parts, this.#hasher);
    this.idWords = this.#partIds.words;
    this.idAt = 0;
    if (parent !== UNKNOWN && this.#partIds.isWhole) this.#cache.add(this.#view, attributesStart, attributesEnd, this.#rawHash, this.idWords, parts.count, parent);
  }

  /** Why a part of the point has no id, `undefined` when it has one. */
  refusal(part: number): string | undefined {
    return this.#isPointKnown ? undefined : this.#partIds.refusal(part);
  }

  /** Finds the id of the resource's `target_info`, if it has one. */
  findTargetInfo(): 'found' | 'none' | Invalid {
    const resource = this.#resource;
    if (resource !== UNKNOWN && this.#cache.word(resource) === NO_TARGET_INFO) return 'none';
    const known = resource === UNKNOWN ? UNKNOWN : this.#cache.find(this.#view, 0, 0, resource, TARGET_INFO_TAG);
    if (known !== UNKNOWN) {
      this.#locate(known, 1);
      return 'found';
    }
    this.#rawHash.set(this.#hasher.words);
    const labels = this.#labels.ofTargetInfo();
    if (labels === undefined) {
      if (resource !== UNKNOWN) this.#cache.setWord(resource, NO_TARGET_INFO);
      return 'none';
    }
    if ('invalid' in labels) return labels;
    this.#hasher.hashLabels(labels);
    this.idWords = this.#hasher.words;
    this.idAt = 0;
    if (resource !== UNKNOWN) this.#cache.add(this.#view, 0, 0, this.#rawHash, this.idWords, 1, resource, TARGET_INFO_TAG);
    return 'found';
  }

  #locate(entry: number, partCount: number): void {
    this.#cache.locate(entry, partCount);
    this.idWords = this.#cache.idWords;
    this.idAt = this.#cache.idAt;
  }

  /** The entry of a span under another one, made when it is new. */
  #entryUnder(parent: number, view: DataView, start: number, end: number, tag = 0): number {
    if (parent === UNKNOWN) return UNKNOWN;
    const found = this.#cache.find(view, start, end, parent, tag);
    if (found !== UNKNOWN) return found;
    this.#rawHash.set(this.#hasher.words);
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
