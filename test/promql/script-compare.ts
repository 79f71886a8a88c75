import { compactHistogram } from '../../storage/model/histogram-add.ts';
import { formatHistogram } from '../../storage/model/histogram-text.ts';
import type { FloatHistogram, Span } from '../../storage/model/histogram.ts';
import { formatLabels, labelsKey } from '../../storage/model/labels.ts';
import type { MatrixValue, QueryValue, VectorValue } from '../../promql/query-result.ts';
import type { Expectations, SeriesLine } from './script-syntax.ts';
import type { Point } from './script-points.ts';

const TOLERANCE = 1e-6;

/** What differs between a value and what a script expects of it; undefined when nothing does. */
export function compareValue(value: QueryValue, expected: Expectations, stepTimesMs: readonly number[]): string | undefined {
  if (expected.text !== undefined) {
    return value.kind === 'string' && value.value === expected.text ? undefined : `expected string ${JSON.stringify(expected.text)}, got ${describe(value)}`;
  }
  if (expected.scalar !== undefined) {
    const isEqual = value.kind === 'scalar' && sameNumber(value.value, expected.scalar);
    return isEqual ? undefined : `expected scalar ${expected.scalar}, got ${describe(value)}`;
  }
  if (value.kind === 'vector') return compareVector(value, expected);
  if (value.kind === 'matrix') return compareMatrix(value, expected.series, stepTimesMs);
  return expected.series.length === 0 && value.kind === 'scalar' ? `got scalar ${value.value}` : `expected series, got ${describe(value)}`;
}

function compareVector(value: VectorValue, expected: Expectations): string | undefined {
  const rest = new Map(expected.series.map((line, index) => [labelsKey(line.labels), { line, index }]));
  for (const [index, sample] of value.samples.entries()) {
    const key = labelsKey(sample.labels);
    const found = rest.get(key);
    if (found === undefined) return `unexpected ${formatLabels(sample.labels)} ${describeSample(sample)}`;
    if (expected.ordered && found.index !== index) return `expected ${formatLabels(sample.labels)} at position ${found.index}, got it at ${index}`;
    rest.delete(key);
    if (!samePoint(found.line.points[0], sample)) {
      return `${formatLabels(sample.labels)}: expected ${describePoint(found.line.points[0])}, got ${describeSample(sample)}`;
    }
  }
  for (const { line } of rest.values()) return `missing ${formatLabels(line.labels)} ${describePoint(line.points[0])}`;
  return undefined;
}

function compareMatrix(value: MatrixValue, lines: readonly SeriesLine[], stepTimesMs: readonly number[]): string | undefined {
  const rest = new Map(lines.map((line) => [labelsKey(line.labels), line]));
  for (const series of value.series) {
    const key = labelsKey(series.labels);
    const line = rest.get(key);
    if (line === undefined) return `unexpected series ${formatLabels(series.labels)}`;
    rest.delete(key);
    const got = new Map<number, Sample>();
    for (let i = 0; i < series.timestampsMs.length; i++) {
      if (series.present?.[i] === 0) continue;
      got.set(series.timestampsMs[i]!, { value: series.values[i]!, histogram: series.histograms?.[i] });
    }
    for (const [index, point] of line.points.entries()) {
      const timeMs = stepTimesMs[index];
      if (timeMs === undefined) return `${formatLabels(series.labels)}: more points expected than there are steps`;
      const sample = got.get(timeMs);
      got.delete(timeMs);
      if (point.kind === 'missing' ? sample !== undefined : sample === undefined || !samePoint(point, sample)) {
        return `${formatLabels(series.labels)} at ${timeMs}: expected ${describePoint(point)}, got ${sample === undefined ? 'nothing' : describeSample(sample)}`;
      }
    }
    for (const [timeMs, sample] of got) return `${formatLabels(series.labels)} at ${timeMs}: unexpected ${describeSample(sample)}`;
  }
  for (const line of rest.values()) if (line.points.some(({ kind }) => kind !== 'missing')) return `missing series ${formatLabels(line.labels)}`;
  return undefined;
}

interface Sample {
  readonly value: number;
  readonly histogram: FloatHistogram | undefined;
}

function samePoint(point: Point | undefined, sample: Sample): boolean {
  if (point === undefined) return false;
  if (point.kind === 'float') return sample.histogram === undefined && sameNumber(sample.value, point.value);
  return point.kind === 'histogram' && sample.histogram !== undefined && sameHistogram(point.histogram, sample.histogram, point.namesHint);
}

/** Within a relative tolerance; NaN equals NaN. */
function sameNumber(a: number, b: number): boolean {
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return true;
  const difference = Math.abs(a - b);
  const magnitude = Math.abs(a) + Math.abs(b);
  if (a === 0 || b === 0 || magnitude < Number.MIN_VALUE) return difference < TOLERANCE * 2 ** -1022;
  return difference / Math.min(magnitude, Number.MAX_VALUE) < TOLERANCE;
}

function sameHistogram(expected: FloatHistogram, got: FloatHistogram, comparesHint: boolean): boolean {
  const a = compactHistogram(expected);
  const b = compactHistogram(got);
  return (
    a.schema === b.schema && sameNumber(a.zeroThreshold, b.zeroThreshold) && sameNumber(a.zeroCount, b.zeroCount) && sameNumber(a.count, b.count) &&
    sameNumber(a.sum, b.sum) && sameSpans(a.positiveSpans, b.positiveSpans) && sameSpans(a.negativeSpans, b.negativeSpans) &&
    sameNumbers(a.positiveBuckets, b.positiveBuckets) && sameNumbers(a.negativeBuckets, b.negativeBuckets) &&
    sameNumbers(a.customValues, b.customValues) && (!comparesHint || a.counterResetHint === b.counterResetHint)
  );
}

function sameSpans(a: readonly Span[], b: readonly Span[]): boolean {
  return a.length === b.length && a.every((span, index) => span.offset === b[index]!.offset && span.length === b[index]!.length);
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, index) => sameNumber(value, b[index]!));
}

function describe(value: QueryValue): string {
  return value.kind === 'scalar' || value.kind === 'string' ? `${value.kind} ${value.value}` : value.kind;
}

function describePoint(point: Point | undefined): string {
  if (point === undefined) return 'nothing';
  if (point.kind === 'float') return String(point.value);
  return point.kind === 'histogram' ? describeHistogram(point.histogram) : point.kind;
}

function describeSample(sample: Sample): string {
  return sample.histogram === undefined ? String(sample.value) : describeHistogram(sample.histogram);
}

function describeHistogram(histogram: FloatHistogram): string {
  return `${formatHistogram(histogram)} schema ${histogram.schema} ${histogram.counterResetHint}`;
}
