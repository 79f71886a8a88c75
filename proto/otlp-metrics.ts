import { ExponentialPoint, HistogramPoint, SummaryPoint } from './otlp-histogram-points.ts';
import { NumberPoint, type KnownAttributes } from './otlp-points.ts';
import { fieldMask, WireReader, WIRE_BYTES } from './wire-reader.ts';

/*
 * ExportMetricsServiceRequest (opentelemetry/proto/collector/metrics/v1 and metrics/v1), down to its data points (otlp-points.ts):
 *
 *   ExportMetricsServiceRequest  1: ResourceMetrics
 *   ResourceMetrics              1: Resource  2: ScopeMetrics  3: string schema_url
 *   ScopeMetrics                 1: InstrumentationScope  2: Metric  3: string schema_url
 *   Metric                       1: string name  2: string description  3: string unit  12: KeyValue metadata; one of
 *                                5: Gauge  7: Sum  9: Histogram  10: ExponentialHistogram  11: Summary
 *   each of these                1: data point  2: AggregationTemporality
 *   Sum                          3: bool is_monotonic
 */
export type MetricKind = 'gauge' | 'sum' | 'histogram' | 'exponential-histogram' | 'summary';

/** AggregationTemporality. */
export const TEMPORALITY_DELTA = 1;
export const TEMPORALITY_CUMULATIVE = 2;

/** A span of the message. Empty when the field is absent, which protobuf does not tell from an empty one. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** What a metric says before its points. One object for all metrics: its fields change with the next one. */
export class MetricHeader {
  kind: MetricKind = 'gauge';
  /** 0 when unspecified, and for kinds that have none. */
  temporality = 0;
  isMonotonic = false;
  pointCount = 0;
  readonly name = { start: 0, end: 0 };
  readonly description = { start: 0, end: 0 };
  readonly unit = { start: 0, end: 0 };
  /** Name, description and unit as one run of fields, when the sender wrote them so (all known ones do); otherwise both are -1. */
  readonly fields = { start: -1, end: -1 };
}

/** Takes a request apart as it is walked. All positions are in the walked message. */
export interface MetricsVisitor extends KnownAttributes {
  /** The Resource message, empty when absent. */
  beginResource(resource: Span): void;
  /** All metrics of the resource have been visited. */
  endResource(): void;
  /** The InstrumentationScope message and the schema URL's text, each empty when absent. */
  beginScope(scope: Span, schemaUrl: Span): void;
  beginMetric(metric: MetricHeader): void;
  /** Points are valid until the visitor returns. */
  numberPoint(point: NumberPoint): void;
  histogramPoint(point: HistogramPoint): void;
  exponentialPoint(point: ExponentialPoint): void;
  summaryPoint(point: SummaryPoint): void;
}

const FIELD_1 = (1 << 3) | WIRE_BYTES;
const FIELD_2 = (2 << 3) | WIRE_BYTES;
const FIELD_3 = (3 << 3) | WIRE_BYTES;
const METRIC_FIELDS = fieldMask(1, 2, 3, 5, 7, 9, 10, 11);

/** The kind of data that a field of a metric is. By a switch: a table is looked up in by text. */
function kindOf(tag: number): MetricKind | undefined {
  switch (tag) {
    case (5 << 3) | WIRE_BYTES:
      return 'gauge';
    case (7 << 3) | WIRE_BYTES:
      return 'sum';
    case (9 << 3) | WIRE_BYTES:
      return 'histogram';
    case (10 << 3) | WIRE_BYTES:
      return 'exponential-histogram';
    case (11 << 3) | WIRE_BYTES:
      return 'summary';
    default:
      return undefined;
  }
}

export interface WalkLimits {
  /** Buckets of a histogram point, and quantiles of a summary, that are kept; a point with more says so (`PointNumbers.isTooLong`). */
  readonly bucketsMax: number;
}

/**
 * Walks requests, making no objects on the way. Fields may come in any order, as protobuf allows: each message is scanned for what its
 * parts need to know before these are visited. Unknown fields are skipped; anything cut off, of the wrong wire type or outside its parent
 * is a DecodeError, and so is a message that should occur once and comes twice (protobuf would merge the two; nobody sends that).
 */
export class MetricsWalker {
  readonly #metric = new MetricHeader();
  readonly #number = new NumberPoint();
  readonly #histogram: HistogramPoint;
  readonly #exponential: ExponentialPoint;
  readonly #summary: SummaryPoint;
  readonly #resource = { start: 0, end: 0 };
  readonly #scope = { start: 0, end: 0 };
  readonly #schemaUrl = { start: 0, end: 0 };

  constructor(limits: WalkLimits) {
    this.#histogram = new HistogramPoint(limits.bucketsMax);
    this.#exponential = new ExponentialPoint(limits.bucketsMax);
    this.#summary = new SummaryPoint(limits.bucketsMax);
  }

  /** Visits a whole message, whose bytes it may reorder (`Point.read`): the same message walked again is visited in the same way. */
  walk(bytes: Uint8Array, visitor: MetricsVisitor): void {
    const cursor = new WireReader(bytes, 'OTLP');
    const end = bytes.length;
    while (cursor.position < end) {
      const tag = cursor.tag(end);
      if (tag === FIELD_1) this.#resourceMetrics(cursor, cursor.length(end), visitor);
      else cursor.skipUnknown(tag, end, fieldMask(1));
    }
  }

  #resourceMetrics(cursor: WireReader, end: number, visitor: MetricsVisitor): void {
    const start = cursor.position;
    const resource = this.#resource;
    setSpan(resource, 0, 0);
    let isSeen = false;
    while (cursor.position < end) {
      const tag = cursor.tag(end);
      if (tag !== FIELD_1) {
        if (tag === FIELD_2 || tag === FIELD_3) cursor.position = cursor.length(end);
        else cursor.skipUnknown(tag, end, fieldMask(1, 2, 3));
        continue;
      }
      if (isSeen) throw cursor.error('a second resource');
      isSeen = true;
      const fieldEnd = cursor.length(end);
      setSpan(resource, cursor.position, fieldEnd);
      cursor.position = fieldEnd;
    }
    visitor.beginResource(resource);
    cursor.position = start;
    while (cursor.position < end) {
      const tag = cursor.tag(end);
      if (tag === FIELD_2) this.#scopeMetrics(cursor, cursor.length(end), visitor);
      else cursor.skipField(tag, end);
    }
    visitor.endResource();
  }

  #scopeMetrics(cursor: WireReader, end: number, visitor: MetricsVisitor): void {
    const start = cursor.position;
    const scope = this.#scope;
    const schemaUrl = this.#schemaUrl;
    setSpan(scope, 0, 0);
    setSpan(schemaUrl, 0, 0);
    let isSeen = false;
    while (cursor.position < end) {
      const tag = cursor.tag(end);
      if (tag === FIELD_2) cursor.position = cursor.length(end);
      else if (tag === FIELD_1 || tag === FIELD_3) {
        if (tag === FIELD_1 && isSeen) throw cursor.error('a second scope');
        isSeen ||= tag === FIELD_1;
        const fieldEnd = cursor.length(end);
        setSpan(tag === FIELD_1 ? scope : schemaUrl, cursor.position, fieldEnd);
        cursor.position = fieldEnd;
      } else cursor.skipUnknown(tag, end, fieldMask(1, 2, 3));
    }
    visitor.beginScope(scope, schemaUrl);
    cursor.position = start;
    while (cursor.position < end) {
      const tag = cursor.tag(end);
      if (tag === FIELD_2) this.#metricFields(cursor, cursor.length(end), visitor);
      else cursor.skipField(tag, end);
    }
  }

  #metricFields(cursor: WireReader, end: number, visitor: MetricsVisitor): void {
    const metric = this.#metric;
    const { name, description, unit, fields } = metric;
    setSpan(name, 0, 0);
    setSpan(description, 0, 0);
    setSpan(unit, 0, 0);
    let runEnd = cursor.position;
    let isOneRun = true;
    setSpan(fields, runEnd, runEnd);
    let kind: MetricKind | undefined;
    let dataStart = 0;
    let dataEnd = 0;
    while (cursor.position < end) {
      const fieldStart = cursor.position;
      const tag = cursor.tag(end);
      if (tag === FIELD_1 || tag === FIELD_2 || tag === FIELD_3) {
        const fieldEnd = cursor.length(end);
        setSpan(tag === FIELD_1 ? name : tag === FIELD_2 ? description : unit, cursor.position, fieldEnd);
        if (fieldStart !== runEnd) isOneRun = false;
        cursor.position = runEnd = fieldEnd;
        continue;
      }
      const kindOfTag = kindOf(tag);
      if (kindOfTag === undefined) {
        cursor.skipUnknown(tag, end, METRIC_FIELDS);
        continue;
      }
      if (kind !== undefined) throw cursor.error('a second kind of data in one metric');
      kind = kindOfTag;
      dataEnd = cursor.length(end);
      dataStart = cursor.position;
      cursor.position = dataEnd;
    }
    // A metric without data has no points to lose.
    if (kind === undefined) return;
    metric.kind = kind;
    if (isOneRun) setSpan(fields, fields.start, runEnd);
    else setSpan(fields, -1, -1);
    cursor.position = dataStart;
    this.#data(cursor, dataEnd, visitor);
    cursor.position = end;
  }

  /** The data of a metric: gauge, sum and so on, whose fields have the same numbers. */
  #data(cursor: WireReader, end: number, visitor: MetricsVisitor): void {
    const metric = this.#metric;
    const start = cursor.position;
    const { kind } = metric;
    const hasTemporality = kind !== 'gauge' && kind !== 'summary';
    metric.temporality = metric.pointCount = 0;
    metric.isMonotonic = false;
    while (cursor.position < end) {
      metric.pointCount += cursor.skipRun(FIELD_1, end);
      if (cursor.position === end) break;
      const tag = cursor.tag(end);
      if (tag === FIELD_1) {
        cursor.position = cursor.length(end);
        metric.pointCount++;
      } else if (tag === 2 << 3 && hasTemporality) metric.temporality = cursor.int32(end);
      else if (tag === 3 << 3 && kind === 'sum') metric.isMonotonic = cursor.int32(end) !== 0;
      else cursor.skipUnknown(tag, end, hasTemporality ? (kind === 'sum' ? fieldMask(1, 2, 3) : fieldMask(1, 2)) : fieldMask(1));
    }
    visitor.beginMetric(metric);
    cursor.position = start;
    while (cursor.position < end) {
      const tag = cursor.tag(end);
      if (tag === FIELD_1) this.#point(cursor, cursor.length(end), visitor);
      else cursor.skipField(tag, end);
    }
  }

  #point(cursor: WireReader, end: number, visitor: MetricsVisitor): void {
    switch (this.#metric.kind) {
      case 'gauge':
      case 'sum':
        this.#number.read(cursor, end, visitor);
        visitor.numberPoint(this.#number);
        break;
      case 'histogram':
        this.#histogram.read(cursor, end, visitor);
        visitor.histogramPoint(this.#histogram);
        break;
      case 'exponential-histogram':
        this.#exponential.read(cursor, end, visitor);
        visitor.exponentialPoint(this.#exponential);
        break;
      case 'summary':
        this.#summary.read(cursor, end, visitor);
        visitor.summaryPoint(this.#summary);
        break;
    }
    cursor.position = end;
  }
}

function setSpan(span: { start: number; end: number }, start: number, end: number): void {
  span.start = start;
  span.end = end;
}
