import { DecodeError } from '../../proto/decode-error.ts';
import { readExemplar } from '../../proto/otlp-exemplar.ts';
import type { ExponentialPoint, HistogramPoint, SummaryPoint } from '../../proto/otlp-histogram-points.ts';
import { MetricsWalker, TEMPORALITY_CUMULATIVE, TEMPORALITY_DELTA, type MetricHeader, type MetricsVisitor, type Span } from '../../proto/otlp-metrics.ts';
import { ATTRIBUTES_FIELD, type KnownAttributes, type NumberPoint, type Point } from '../../proto/otlp-points.ts';
import { float64Bits, float64OfBits, isFiniteBits, STALE_BITS_HIGH, STALE_BITS_LOW } from '../../storage/model/sample.ts';
import type { LIMITS } from '../../storage/runtime/limits.ts';
import type { OtlpOptions } from '../../storage/runtime/otlp-options.ts';
import type { TimeBounds } from '../time-bounds.ts';
import { otlpExemplarLabels, type PointExemplar } from './otlp-exemplars.ts';
import { exponentialHistogram } from './otlp-exponential.ts';
import { customBucketsHistogram, explicitBoundsError } from './otlp-histograms.ts';
import { OtlpIdleSink } from './otlp-idle-sink.ts';
import type { OtlpLabels } from './otlp-labels.ts';
import { ClassicHistogramParts, COUNT_PART, FIRST_NUMBER_PART, SUM_PART, SummaryParts, WHOLE_POINT, type PointParts } from './otlp-parts.ts';

/** What holds for one walk: the times that are taken, all of a request's or those of one pass, and its tenant's limits. */
export interface OtlpWalk {
  readonly times: TimeBounds;
  readonly limits: typeof LIMITS;
}

const NO_BYTES = new Uint8Array(0);
const NO_SINK = new OtlpIdleSink();

/**
 * Takes the series of a request in the order of the message. Between `point` and the next point come the series of that point, each with
 * its samples and exemplars between `begin` and `end`; the series of `target_info` come when a resource is over.
 */
export interface OtlpSeriesSink {
  /** What it knows of the attributes that come next. */
  readonly known: KnownAttributes;
  beginResource(resource: Span): void;
  beginScope(scope: Span, schemaUrl: Span): void;
  beginMetric(metric: MetricHeader): void;
  /** `field` is the number of the attributes' fields. */
  point(point: Point, field: number, parts: PointParts): void;
  /** The series that is part `part` of the point: each once, in their order, and some not at all. */
  begin(part: number, isDelta: boolean): void;
  /**
   * The `count` series from part `part` on, each whole and of one float: what `begin`, `float` and `end` make of it. `valueBits` has two words
   * a part, the low one first.
   */
  floats(part: number, count: number, isDelta: boolean, timestampMs: number, valueBits: Uint32Array, startMs: number): void;
  beginTargetInfo(): void;
  float(timestampMs: number, bitsLow: number, bitsHigh: number, startMs: number): void;
  histogram(timestampMs: number, payload: Uint8Array, startMs: number): void;
  exemplar(exemplar: PointExemplar): void;
  end(): void;
  /** A point that is left out. */
  refuse(point: Point, reason: () => string): void;
  /** What was left out without costing a sample: `exemplars` of them, or a resource's `target_info`. */
  warn(exemplars: number, reason: () => string): void;
}

/**
 * Turns data points into the series and samples of Prometheus' model (Prometheus' `prometheusremotewrite` translator is the reference).
 * The same message makes the same series in the same order every time, which is what lets them be named by number.
 */
export class OtlpSeries implements MetricsVisitor {
  readonly #options: OtlpOptions;
  readonly #limits: typeof LIMITS;
  readonly #labels: OtlpLabels;
  readonly #walker: MetricsWalker;
  readonly #histogramParts = new ClassicHistogramParts();
  readonly #summaryParts = new SummaryParts();
  /** By part: the values of a point, and their bits. */
  #values = new Float64Array(32);
  #valueBits = new Uint32Array(this.#values.buffer);
  #bytes: Uint8Array = NO_BYTES;
  #times: TimeBounds | undefined;
  #sink: OtlpSeriesSink = NO_SINK;
  #known: KnownAttributes = NO_SINK.known;
  #isDelta = false;
  /** Why no point of the metric can be taken, `''` when they can. */
  #refusal = '';
  /** Of the resource's points that were taken. */
  #firstMs = Infinity;
  #lastMs = -Infinity;
  #targetInfoLeft = 0;

  constructor(options: OtlpOptions, limits: typeof LIMITS, labels: OtlpLabels) {
    this.#options = options;
    this.#limits = limits;
    this.#labels = labels;
    this.#walker = new MetricsWalker({ bucketsMax: limits.otlpBucketsMax });
  }

  /** Throws DecodeError when the message cannot be decoded; then the sink has had a part of it. */
  walk(bytes: Uint8Array, { times, limits }: OtlpWalk, sink: OtlpSeriesSink): void {
    this.#bytes = bytes;
    this.#times = times;
    this.#sink = sink;
    this.#known = sink.known;
    this.#targetInfoLeft = this.#limits.otlpTargetInfoSamplesMax;
    this.#labels.beginMessage(bytes, limits);
    try {
      this.#walker.walk(bytes, this);
    } finally {
      // Messages are large and this object lives long.
      this.#bytes = NO_BYTES;
      this.#sink = NO_SINK;
      this.#known = NO_SINK.known;
      this.#labels.beginMessage(NO_BYTES, limits);
    }
  }

  beginResource(resource: Span): void {
    this.#labels.beginResource(resource);
    this.#sink.beginResource(resource);
    this.#firstMs = Infinity;
    this.#lastMs = -Infinity;
  }

  /**
   * `target_info` is written at the first and the last time of the resource's points and every half look-back in between, so that queries
   * in that time find it.
   */
  endResource(): void {
    if (this.#firstMs > this.#lastMs) return;
    this.#sink.beginTargetInfo();
    const intervalMs = this.#limits.lookbackMs / 2;
    for (let timeMs = this.#firstMs; timeMs < this.#lastMs; timeMs += intervalMs) {
      if (timeMs > this.#firstMs && this.#targetInfoLeft-- <= 0) break;
      this.#float(timeMs, 1, 0);
    }
    this.#float(this.#lastMs, 1, 0);
    this.#sink.end();
  }

  beginScope(scope: Span, schemaUrl: Span): void {
    this.#labels.beginScope(scope, schemaUrl);
    this.#sink.beginScope(scope, schemaUrl);
  }

  beginMetric(metric: MetricHeader): void {
    this.#labels.beginMetric(metric);
    this.#sink.beginMetric(metric);
    const hasTemporality = metric.kind !== 'gauge' && metric.kind !== 'summary';
    this.#isDelta = hasTemporality && metric.temporality === TEMPORALITY_DELTA;
    const isKnown = !hasTemporality || this.#isDelta || metric.temporality === TEMPORALITY_CUMULATIVE;
    this.#refusal = isKnown ? '' : `a ${metric.kind} of temporality ${metric.temporality}: it must be delta (1) or cumulative (2)`;
  }

  attributesFrom(start: number, end: number): number {
    return this.#known.attributesFrom(start, end);
  }

  numberPoint(point: NumberPoint): void {
    if (!this.#take(point)) return;
    if (!point.hasValue && !point.hasNoRecordedValue) {
      this.#refuse(point, 'a data point without a value');
      return;
    }
    if (this.#isDelta && !point.hasNoRecordedValue && !isFiniteBits(point.bitsHigh)) {
      // It would be in the sum for ever.
      this.#refuse(point, 'a delta that is no finite number cannot be added up');
      return;
    }
    const sink = this.#sink;
    sink.point(point, ATTRIBUTES_FIELD.number, WHOLE_POINT);
    if (point.exemplarCount === 0) {
      this.#valueBits[0] = point.bitsLow;
      this.#valueBits[1] = point.bitsHigh;
      this.#floats(point, 0, 1);
      return;
    }
    const isStale = point.hasNoRecordedValue;
    sink.begin(0, this.#isDelta);
    if (isStale) sink.float(point.timeMs, STALE_BITS_LOW, STALE_BITS_HIGH, 0);
    else sink.float(point.timeMs, point.bitsLow, point.bitsHigh, startOf(point));
    this.#exemplarsOf(point);
    sink.end();
  }

  histogramPoint(point: HistogramPoint): void {
    if (!this.#take(point)) return;
    const invalid = point.counts.isTooLong || point.bounds.isTooLong ? this.#tooLong(Math.max(point.counts.length, point.bounds.length)) : explicitBoundsError(point);
    if (invalid !== undefined) {
      this.#refuse(point, invalid);
      return;
    }
    if (this.#options.convertHistogramsToNhcb) this.#native(point, ATTRIBUTES_FIELD.histogram, () => customBucketsHistogram(point));
    else this.#classic(point);
  }

  exponentialPoint(point: ExponentialPoint): void {
    if (!this.#take(point)) return;
    const { positive, negative } = point;
    if (positive.counts.isTooLong || negative.counts.isTooLong) this.#refuse(point, this.#tooLong(Math.max(positive.counts.length, negative.counts.length)));
    else this.#native(point, ATTRIBUTES_FIELD.exponential, () => exponentialHistogram(point));
  }

  summaryPoint(point: SummaryPoint): void {
    if (!this.#take(point)) return;
    const { quantiles, values } = point;
    if (quantiles.isTooLong) {
      this.#refuse(point, this.#tooLong(quantiles.length));
      return;
    }
    const parts = this.#summaryParts.of(point);
    const partValues = this.#valuesOf(parts);
    partValues[SUM_PART] = point.sum;
    partValues[COUNT_PART] = point.count;
    for (let i = 0; i < quantiles.length; i++) partValues[FIRST_NUMBER_PART + i] = values.values[i]!;
    this.#sink.point(point, ATTRIBUTES_FIELD.summary, parts);
    this.#floats(point, SUM_PART, parts.count);
  }

  /** Cumulative counts by bound, the sum where there is one, and the count. */
  #classic(point: HistogramPoint): void {
    const parts = this.#histogramParts.of(point);
    const { numberCount: boundCount } = parts;
    const { bounds, counts } = point;
    const partValues = this.#valuesOf(parts);
    partValues[SUM_PART] = point.sum;
    partValues[COUNT_PART] = point.count;
    let cumulative = 0;
    for (let i = 0; i < boundCount; i++) partValues[FIRST_NUMBER_PART + i] = cumulative += counts.values[i]!;
    partValues[FIRST_NUMBER_PART + boundCount] = point.count;
    const sink = this.#sink;
    sink.point(point, ATTRIBUTES_FIELD.histogram, parts);
    const firstPart = point.hasSum ? SUM_PART : COUNT_PART;
    if (point.exemplarCount === 0) {
      this.#floats(point, firstPart, parts.count - firstPart);
      return;
    }
    this.#floats(point, firstPart, FIRST_NUMBER_PART - firstPart);
    const exemplars = this.#readExemplars(point);
    let exemplar = 0;
    for (let i = 0; i <= boundCount; i++) {
      const isLast = i === boundCount;
      const bound = isLast ? Infinity : bounds.values[i]!;
      sink.begin(FIRST_NUMBER_PART + i, this.#isDelta);
      if (point.hasNoRecordedValue) sink.float(point.timeMs, STALE_BITS_LOW, STALE_BITS_HIGH, 0);
      else this.#float(point.timeMs, partValues[FIRST_NUMBER_PART + i]!, startOf(point));
      while (exemplar < exemplars.length && (isLast || exemplars[exemplar]!.value <= bound)) sink.exemplar(exemplars[exemplar++]!);
      sink.end();
    }
  }

  /** Where the values of a point's parts go. */
  #valuesOf({ count }: PointParts): Float64Array {
    if (count > this.#values.length) {
      this.#values = new Float64Array(count * 2);
      this.#valueBits = new Uint32Array(this.#values.buffer);
    }
    return this.#values;
  }

  /** The `count` series of a point from part `part` on, with the values that are at hand for them. */
  #floats(point: Point, part: number, count: number): void {
    const bits = this.#valueBits;
    if (!point.hasNoRecordedValue) {
      this.#sink.floats(part, count, this.#isDelta, point.timeMs, bits, startOf(point));
      return;
    }
    for (let i = part; i < part + count; i++) {
      bits[i * 2] = STALE_BITS_LOW;
      bits[i * 2 + 1] = STALE_BITS_HIGH;
    }
    this.#sink.floats(part, count, this.#isDelta, point.timeMs, bits, 0);
  }

  #native(point: HistogramPoint | ExponentialPoint, field: number, convert: () => Uint8Array | { readonly invalid: string }): void {
    const isStale = point.hasNoRecordedValue;
    const payload = isStale ? undefined : convert();
    if (payload !== undefined && 'invalid' in payload) {
      this.#refuse(point, payload.invalid);
      return;
    }
    if (payload !== undefined && payload.length > this.#limits.histogramBytesMax) {
      this.#refuse(point, `a histogram of ${payload.length} bytes, the limit histogramBytesMax is ${this.#limits.histogramBytesMax}`);
      return;
    }
    const sink = this.#sink;
    sink.point(point, field, WHOLE_POINT);
    sink.begin(0, this.#isDelta);
    if (payload === undefined) sink.float(point.timeMs, STALE_BITS_LOW, STALE_BITS_HIGH, 0);
    else sink.histogram(point.timeMs, payload, startOf(point));
    if (point.exemplarCount > 0) this.#exemplarsOf(point);
    sink.end();
  }

  #float(timestampMs: number, value: number, startMs: number): void {
    const bits = float64Bits(value);
    this.#sink.float(timestampMs, bits[0]!, bits[1]!, startMs);
  }

  #exemplarsOf(point: Point): void {
    for (const exemplar of this.#readExemplars(point)) this.#sink.exemplar(exemplar);
  }

  /** By rising value, those that are no number last; those that cannot be kept are left out with a warning. */
  #readExemplars(point: Point): PointExemplar[] {
    const { otlpExemplarsPerPointMax: countMax, otlpAttributesBytesMax: bytesMax, otlpDepthMax } = this.#limits;
    const exemplars: PointExemplar[] = [];
    const count = Math.min(point.exemplarCount, countMax);
    const left = point.exemplarCount - count;
    if (left > 0) this.#sink.warn(left, () => `${left} exemplars of one data point above the limit otlpExemplarsPerPointMax of ${countMax} were left out`);
    for (let i = 0; i < count; i++) {
      const start = point.exemplarStart[i]!;
      const end = point.exemplarEnd[i]!;
      try {
        if (end - start > bytesMax) throw new DecodeError(`an exemplar of ${end - start} bytes, the limit otlpAttributesBytesMax is ${bytesMax}`);
        const { timestampMs: sentMs, valueBits, traceId, spanId, attributes } = readExemplar(this.#bytes, start, end, otlpDepthMax);
        if (valueBits === undefined) throw new DecodeError('an exemplar without a value');
        const timestampMs = sentMs === 0 ? point.timeMs : sentMs;
        const { low, high } = valueBits;
        // It goes where its point goes, whichever map that is of.
        const outside = this.#times!.whole.refusal(timestampMs);
        if (outside !== undefined) throw new DecodeError(outside);
        exemplars.push({ timestampMs, value: float64OfBits(low, high), bitsLow: low, bitsHigh: high, labels: otlpExemplarLabels(traceId, spanId, this.#labels.ofExemplar(attributes), this.#limits) });
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        this.#sink.warn(1, () => `an exemplar was left out: ${error.message}`);
      }
    }
    return exemplars.sort((a, b) => placeOf(a) - placeOf(b) || 0);
  }

  /** Whether the point's metric and time allow it; otherwise it is refused. */
  #take(point: Point): boolean {
    const { timeMs } = point;
    const times = this.#times!;
    const isOutside = times.isOutside(timeMs);
    if (isOutside && times.passesOver(timeMs)) return false;
    if (this.#refusal !== '') {
      this.#refuse(point, this.#refusal);
      return false;
    }
    if (isOutside) {
      this.#refuse(point, times.refusal(timeMs)!);
      return false;
    }
    if (timeMs < this.#firstMs) this.#firstMs = timeMs;
    if (timeMs > this.#lastMs) this.#lastMs = timeMs;
    return true;
  }

  #tooLong(length: number): string {
    return `${length} buckets or quantiles in one data point, the limit otlpBucketsMax is ${this.#limits.otlpBucketsMax}`;
  }

  #refuse(point: Point, reason: string): void {
    this.#sink.refuse(point, () => `metric ${this.#labels.sentName()}: ${reason}`);
  }
}

/** Of an exemplar among those of its point. */
function placeOf({ value }: PointExemplar): number {
  return Number.isNaN(value) ? Infinity : value;
}

/** A start behind the time itself says nothing. */
function startOf(point: Point): number {
  return point.startMs <= point.timeMs ? point.startMs : 0;
}
