import type { ReferenceMessage, ReferenceValue } from './reference-otlp.ts';

/** A reference message in the lines of visited-metrics.ts (without strings), where both can be compared. */
export function referenceLines(request: ReferenceMessage): string[] {
  return messages(request['resourceMetrics']).flatMap((resource) => ['resource', ...messages(resource['scopeMetrics']).flatMap(scopeLines), 'end']);
}

const KINDS: readonly (readonly [field: string, kind: string, lineOf: (point: ReferenceMessage) => string])[] = [
  ['gauge', 'gauge', numberLine],
  ['sum', 'sum', numberLine],
  ['histogram', 'histogram', histogramLine],
  ['exponentialHistogram', 'exponential-histogram', exponentialLine],
  ['summary', 'summary', summaryLine],
];

function scopeLines(scope: ReferenceMessage): string[] {
  return ['scope', text(scope, 'schemaUrl'), ...messages(scope['metrics']).flatMap(metricLines)];
}

function metricLines(metric: ReferenceMessage): string[] {
  const found = KINDS.find(([field]) => metric[field] !== undefined);
  if (found === undefined) return [];
  const [field, kind, lineOf] = found;
  const data = messages(metric[field])[0]!;
  const points = messages(data['dataPoints']);
  const isMonotonic = kind === 'sum' && low32(last(data, 'isMonotonic')) !== 0;
  const header = `${kind} ${text(metric, 'name')} ${text(metric, 'description')} ${text(metric, 'unit')} temporality=${low32(last(data, 'aggregationTemporality')) | 0} monotonic=${isMonotonic} points=${points.length}`;
  return [header, ...points.map(lineOf)];
}

function numberLine(point: ReferenceMessage): string {
  const [double, int] = [point['asDouble']?.at(-1) as bigint | undefined, point['asInt']?.at(-1) as bigint | undefined];
  const bits = double ?? (int === undefined ? undefined : bitsOf(Number(BigInt.asIntN(64, int))));
  return pointLine(point, `value=${bits === undefined ? 'none' : `0x${bits.toString(16).padStart(16, '0')}`}`);
}

function histogramLine(point: ReferenceMessage): string {
  return pointLine(point, `count=${Number(last(point, 'count'))} sum=${sumText(point)} counts=${numbers(point['bucketCounts'], Number)} bounds=${numbers(point['explicitBounds'], doubleOf)}`);
}

function exponentialLine(point: ReferenceMessage): string {
  const side = (name: string): string => {
    const buckets = messages(point[name])[0] ?? {};
    return `${zigZag(last(buckets, 'offset'))}:${numbers(buckets['bucketCounts'], Number)}`;
  };
  const rest = `scale=${zigZag(last(point, 'scale'))} zero=${Number(last(point, 'zeroCount'))}@${doubleOf(last(point, 'zeroThreshold'))} positive=${side('positive')} negative=${side('negative')}`;
  return pointLine(point, `count=${Number(last(point, 'count'))} sum=${sumText(point)} ${rest}`);
}

function summaryLine(point: ReferenceMessage): string {
  const values = messages(point['quantileValues']);
  const list = (name: string): string => `[${values.map((value) => doubleOf(last(value, name))).join()}]`;
  return pointLine(point, `count=${Number(last(point, 'count'))} sum=${doubleOf(last(point, 'sum'))} quantiles=${list('quantile')} values=${list('value')}`);
}

function pointLine(point: ReferenceMessage, rest: string): string {
  const ms = (name: string): bigint => last(point, name) / 1_000_000n;
  return `point ${ms('startTimeUnixNano')}-${ms('timeUnixNano')} flags=${low32(last(point, 'flags')) | 0} ${rest} attributes=${messages(point['attributes']).length} exemplars=${messages(point['exemplars']).length}`;
}

function sumText(point: ReferenceMessage): string {
  return point['sum'] === undefined ? 'none' : String(doubleOf(last(point, 'sum')));
}

function numbers(values: readonly ReferenceValue[] = [], numberOf: (value: bigint) => number): string {
  return `[${values.map((value) => numberOf(value as bigint)).join()}]`;
}

function messages(values: readonly ReferenceValue[] = []): ReferenceMessage[] {
  return values as ReferenceMessage[];
}

function last(message: ReferenceMessage, name: string): bigint {
  return (message[name]?.at(-1) as bigint | undefined) ?? 0n;
}

function text(message: ReferenceMessage, name: string): string {
  return (message[name]?.at(-1) as string | undefined) ?? '';
}

function low32(value: bigint): number {
  return Number(value & 0xffffffffn);
}

function zigZag(value: bigint): number {
  const bits = value & 0xffffffffn;
  return Number((bits & 1n) === 1n ? -(bits >> 1n) - 1n : bits >> 1n);
}

function doubleOf(bits: bigint): number {
  return new Float64Array(BigUint64Array.of(bits).buffer)[0]!;
}

function bitsOf(value: number): bigint {
  return new BigUint64Array(Float64Array.of(value).buffer)[0]!;
}
