import { readAttributes, readText } from '../../proto/otlp-attributes.ts';
import type { ExponentialBuckets, ExponentialPoint, HistogramPoint, PointNumbers, SummaryPoint } from '../../proto/otlp-histogram-points.ts';
import { MetricsWalker, type MetricHeader, type MetricsVisitor, type Span } from '../../proto/otlp-metrics.ts';
import { WireReader } from '../../proto/wire-reader.ts';
import { ATTRIBUTES_FIELD, type NumberPoint, type Point } from '../../proto/otlp-points.ts';
import { hex } from './reference-otlp.ts';

/**
 * What a walk visits, as lines of text. `readsStrings` false: names as hexadecimal digits, of attributes and exemplars only how many there
 * are, for damaged messages.
 */
export function visited(message: Uint8Array, readsStrings = true, bucketsMax = 1000): string[] {
  const lines: string[] = [];
  new MetricsWalker({ bucketsMax }).walk(message, new Recorder(message, lines, readsStrings));
  return lines;
}

class Recorder implements MetricsVisitor {
  readonly #bytes: Uint8Array;
  readonly #lines: string[];
  readonly #readsStrings: boolean;

  constructor(bytes: Uint8Array, lines: string[], readsStrings: boolean) {
    this.#bytes = bytes;
    this.#lines = lines;
    this.#readsStrings = readsStrings;
  }

  beginResource({ start, end }: Span): void {
    this.#lines.push(this.#readsStrings ? `resource ${this.#attributes(start, end, 1)}` : 'resource');
  }

  endResource(): void {
    this.#lines.push('end');
  }

  beginScope(scope: Span, schemaUrl: Span): void {
    if (this.#readsStrings) this.#lines.push(`scope ${this.#attributes(scope.start, scope.end, 3)} ${this.#text(schemaUrl)}`);
    else this.#lines.push('scope', this.#text(schemaUrl));
  }

  beginMetric(metric: MetricHeader): void {
    const { kind, temporality, isMonotonic, pointCount, name, description, unit } = metric;
    this.#lines.push(`${kind} ${this.#text(name)} ${this.#text(description)} ${this.#text(unit)} temporality=${temporality} monotonic=${isMonotonic} points=${pointCount}`);
  }

  attributesFrom(): number {
    return 0;
  }

  numberPoint(point: NumberPoint): void {
    const value = point.hasValue ? `0x${point.bitsHigh.toString(16).padStart(8, '0')}${point.bitsLow.toString(16).padStart(8, '0')}` : 'none';
    this.#point(point, ATTRIBUTES_FIELD.number, `value=${value}`);
  }

  histogramPoint(point: HistogramPoint): void {
    this.#point(point, ATTRIBUTES_FIELD.histogram, `count=${point.count} sum=${point.hasSum ? point.sum : 'none'} counts=${list(point.counts)} bounds=${list(point.bounds)}`);
  }

  exponentialPoint(point: ExponentialPoint): void {
    const side = ({ offset, counts }: ExponentialBuckets): string => `${offset}:${list(counts)}`;
    const rest = `scale=${point.scale} zero=${point.zeroCount}@${point.zeroThreshold} positive=${side(point.positive)} negative=${side(point.negative)}`;
    this.#point(point, ATTRIBUTES_FIELD.exponential, `count=${point.count} sum=${point.hasSum ? point.sum : 'none'} ${rest}`);
  }

  summaryPoint(point: SummaryPoint): void {
    this.#point(point, ATTRIBUTES_FIELD.summary, `count=${point.count} sum=${point.sum} quantiles=${list(point.quantiles)} values=${list(point.values)}`);
  }

  #point(point: Point, field: number, rest: string): void {
    const head = `point ${point.startMs}-${point.timeMs} flags=${point.flags} ${rest}`;
    if (!this.#readsStrings) {
      this.#lines.push(`${head} attributes=${fieldCount(this.#bytes, point.attributesStart, point.attributesEnd)} exemplars=${point.exemplarCount}`);
      return;
    }
    const attributes = this.#attributes(point.attributesStart, point.attributesEnd, field);
    const exemplars = Array.from({ length: point.exemplarCount }, (_, i) => hex(this.#bytes.subarray(point.exemplarStart[i], point.exemplarEnd[i])));
    this.#lines.push(`${head} ${attributes} exemplars=[${exemplars.join()}]`);
  }

  #attributes(start: number, end: number, field: number): string {
    return JSON.stringify(readAttributes(this.#bytes, start, end, field, 10));
  }

  #text({ start, end }: Span): string {
    return this.#readsStrings ? JSON.stringify(readText(this.#bytes, start, end)) : hex(this.#bytes.subarray(start, end));
  }
}

function fieldCount(bytes: Uint8Array, start: number, end: number): number {
  const cursor = new WireReader(bytes, 'OTLP');
  let count = 0;
  for (cursor.position = start; cursor.position < end; count++) cursor.skipField(cursor.tag(end), end);
  return count;
}

function list(numbers: PointNumbers): string {
  return numbers.isTooLong ? `too long: ${numbers.length}` : `[${Array.from(numbers.values.subarray(0, numbers.length)).join()}]`;
}
