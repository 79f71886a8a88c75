import type { Position } from './parser/ast.ts';
import { describePlace } from './parser/parse-error.ts';
import { quoteString } from './parser/quote.ts';
import { formatG, formatGDigits } from '../storage/model/number-text.ts';
import type { QueryAnnotations } from './query-result.ts';

/** A warning: the result may not mean what it seems to. An info: something a reader of the query may want to know. */
export type AnnotationKind = 'warning' | 'info';

/** One annotation without its position. Equal texts are one annotation. */
export interface Annotation {
  readonly kind: AnnotationKind;
  readonly text: string;
}

/** What the repair of a classic histogram's bucket counts did; several repairs of one series are told as one. */
export interface MonotonicityRepair {
  readonly timestampMs: number;
  readonly minBucket: number;
  readonly maxBucket: number;
  readonly maxDifference: number;
}

interface RepairSummary {
  position: Position;
  count: number;
  minTimestampMs: number;
  maxTimestampMs: number;
  minBucket: number;
  maxBucket: number;
  maxDifference: number;
}

/**
 * What the different texts of a query take, in characters of 2 bytes: some 5,000 common ones. One a metric is possible, and names and label
 * values may be long; nobody reads more than a few.
 */
export const ANNOTATION_CHARACTERS_MAX = 1024 * 1024;

/** What a text takes beside itself, about. */
const ENTRY_CHARACTERS = 64;

interface Heard {
  readonly kind: AnnotationKind;
  readonly position: Position;
  readonly node: Position;
}

/** Collects the annotations of one query. */
export class Annotations {
  readonly #byText = new Map<string, Heard>();
  readonly #repairs = new Map<string, RepairSummary>();
  #characters = 0;
  /** Of which kinds there were texts for which there was no room. */
  readonly #cut = new Set<AnnotationKind>();

  /**
   * An annotation about the expression at `position`, from `node`, the expression whose evaluation it is. Of several equal texts one is
   * told: as in Prometheus the last, where a right side comes after a left one, and an expression after what it is made of.
   */
  add(annotation: Annotation, position: Position, node: Position = position): void {
    const known = this.#byText.get(annotation.text);
    const heard = { kind: annotation.kind, position, node };
    if (known === undefined ? this.#findRoom(annotation.kind, annotation.text) : isLater(heard, known)) this.#byText.set(annotation.text, heard);
  }

  addMonotonicityRepair(metricName: string, position: Position, repair: MonotonicityRepair): void {
    const summary = this.#repairs.get(metricName);
    if (summary === undefined) {
      if (!this.#findRoom('info', metricName)) return;
      const { timestampMs, ...bounds } = repair;
      this.#repairs.set(metricName, { ...bounds, position, count: 1, minTimestampMs: timestampMs, maxTimestampMs: timestampMs });
      return;
    }
    summary.count++;
    summary.minTimestampMs = Math.min(summary.minTimestampMs, repair.timestampMs);
    summary.maxTimestampMs = Math.max(summary.maxTimestampMs, repair.timestampMs);
    summary.minBucket = Math.min(summary.minBucket, repair.minBucket);
    summary.maxBucket = Math.max(summary.maxBucket, repair.maxBucket);
    summary.maxDifference = Math.max(summary.maxDifference, repair.maxDifference);
  }

  /** The final texts; `query` is what the positions count in. */
  toResult(query: string): QueryAnnotations {
    const warnings: string[] = [];
    const infos: string[] = [];
    const places = new Map<number, string>();
    /** Thousands of texts may be about one expression. */
    const placeOf = (position: Position): string => {
      let place = places.get(position.start);
      if (place === undefined) places.set(position.start, (place = describePlace(query, position.start)));
      return place;
    };
    for (const [text, { kind, position }] of this.#byText) {
      (kind === 'warning' ? warnings : infos).push(`${text} (${placeOf(position)})`);
    }
    for (const [metricName, summary] of this.#repairs) infos.push(`${repairText(metricName, summary)} (${placeOf(summary.position)})`);
    return { warnings, infos, ...(this.#cut.size === 0 ? {} : { cut: [...this.#cut] }) };
  }

  #findRoom(kind: AnnotationKind, text: string): boolean {
    const characters = text.length + ENTRY_CHARACTERS;
    if (this.#characters + characters > ANNOTATION_CHARACTERS_MAX) {
      this.#cut.add(kind);
      return false;
    }
    this.#characters += characters;
    return true;
  }
}

/** Whether `a` is heard after `b`: nodes are through in the order of their ends, and an outer one after an inner one with the same end. */
function isLater(a: Heard, b: Heard): boolean {
  if (a.node.end !== b.node.end) return a.node.end > b.node.end;
  if (a.node.start !== b.node.start) return a.node.start < b.node.start;
  return a.position.start > b.position.start;
}

function warning(text: string): Annotation {
  return { kind: 'warning', text: `PromQL warning: ${text}` };
}

function info(text: string): Annotation {
  return { kind: 'info', text: `PromQL info: ${text}` };
}

function forMetric(metricName: string): string {
  return metricName === '' ? '' : ` for metric name ${quoteString(metricName)}`;
}

export function invalidQuantile(quantile: number): Annotation {
  return warning(`quantile value should be between 0 and 1, got ${formatG(quantile)}`);
}

export function invalidRatio(ratio: number, cappedTo: number): Annotation {
  return warning(`ratio value should be between -1 and 1, got ${formatG(ratio)}, capping to ${formatG(cappedTo)}`);
}

export function badBucketLabel(metricName: string, value: string): Annotation {
  return warning(`bucket label "le" is missing or has a malformed value of ${quoteString(value)}${forMetric(metricName)}`);
}

export function mixedFloatsHistograms(metricName: string): Annotation {
  return warning(`encountered a mix of histograms and floats for metric name ${quoteString(metricName)}`);
}

export function mixedFloatsHistogramsInAggregation(): Annotation {
  return warning('encountered a mix of histograms and floats for aggregation');
}

export function mixedClassicNativeHistograms(metricName: string): Annotation {
  return warning(`vector contains a mix of classic and native histograms${forMetric(metricName)}`);
}

export function nativeHistogramNotCounter(metricName: string): Annotation {
  return warning(`this native histogram metric is not a counter: ${quoteString(metricName)}`);
}

export function nativeHistogramNotGauge(metricName: string): Annotation {
  return warning(`this native histogram metric is not a gauge: ${quoteString(metricName)}`);
}

export function mixedExponentialCustomHistograms(metricName: string): Annotation {
  return warning(`vector contains a mix of histograms with exponential and custom buckets schemas for metric name ${quoteString(metricName)}`);
}

export function incompatibleBucketLayout(operator: string): Annotation {
  return warning(`incompatible bucket layout encountered for binary operator ${operator}`);
}

export function sortInRangeQuery(): Annotation {
  return warning('sort is ineffective for range queries since results are always ordered by labels');
}

/** What histograms were combined for. */
export type HistogramOperation = 'addition' | 'subtraction' | 'aggregation';

export function counterResetCollision(operation: HistogramOperation): Annotation {
  return warning(`conflicting counter resets during histogram ${operation}`);
}

export function startTimeOverlap(metricName: string): Annotation {
  return warning(`sample has start time that overlaps with previous sample timestamp for metric ${quoteString(metricName)}`);
}

export function reconciledCustomBuckets(operation: HistogramOperation): Annotation {
  return info(`mismatched custom buckets were reconciled during ${operation}`);
}

export function possibleNonCounter(metricName: string): Annotation {
  return info(`metric might not be a counter, name does not end in _total/_sum/_count/_bucket: ${quoteString(metricName)}`);
}

export function possibleNonCounterType(metricName: string, type: string): Annotation {
  const known = '__type__ label is not set to "counter" or "histogram"';
  return info(`metric might not be a counter, ${known}, got ${quoteString(type)}: ${quoteString(metricName)}`);
}

export function incompatibleTypes(lhsType: string, operator: string, rhsType: string): Annotation {
  return info(`incompatible sample types encountered for binary operator ${quoteString(operator)}: ${lhsType} ${operator} ${rhsType}`);
}

export function histogramIgnoredInAggregation(aggregation: string): Annotation {
  return info(`ignored histogram in ${aggregation} aggregation`);
}

export function histogramIgnoredInMixedRange(metricName: string): Annotation {
  return info(`ignored histograms in a range containing both floats and histograms for metric name ${quoteString(metricName)}`);
}

export function quantileOfNaNs(metricName: string): Annotation {
  return info(`input to histogram_quantile has NaN observations, result is NaN${forMetric(metricName)}`);
}

export function quantileSkewedByNaNs(metricName: string): Annotation {
  return info(`input to histogram_quantile has NaN observations, result is skewed higher${forMetric(metricName)}`);
}

export function fractionOfNaNs(metricName: string): Annotation {
  return info(`input to histogram_fraction has NaN observations, which are excluded from all fractions${forMetric(metricName)}`);
}

const MONOTONICITY_MANUAL = 'https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile';

function repairText(metricName: string, summary: RepairSummary): string {
  const what = `input to histogram_quantile needed to be fixed for monotonicity (see ${MONOTONICITY_MANUAL})${forMetric(metricName)}`;
  const buckets = `from buckets ${formatG(summary.minBucket)} to ${formatG(summary.maxBucket)}`;
  const difference = `with a max diff of ${formatGDigits(summary.maxDifference, 2)}`;
  const times = `over ${summary.count} samples from ${formatTime(summary.minTimestampMs)} to ${formatTime(summary.maxTimestampMs)}`;
  return `PromQL info: ${what}, ${buckets}, ${difference}, ${times}`;
}

/** The times that dates can express; queries may ask for others. */
const DATE_MS_MAX = 8.64e15;

/** RFC 3339, whole seconds. */
function formatTime(timestampMs: number): string {
  const wholeSecondsMs = Math.trunc(timestampMs / 1000) * 1000;
  return new Date(Math.min(Math.max(wholeSecondsMs, -DATE_MS_MAX), DATE_MS_MAX)).toISOString().replace(/\.\d+Z$/, 'Z');
}
