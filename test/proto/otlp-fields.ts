import { bytesField, doubleField, tag, varintField } from './protobuf-fields.ts';

/** OTLP messages by hand. Every function answers with the content of a message, to be put into a field of its parent. */
type Bytes = readonly number[];

export function fixed64Field(field: number, value: bigint | number): number[] {
  return tag(field, 1).concat(Array.from(new Uint8Array(BigUint64Array.of(BigInt.asUintN(64, BigInt(value))).buffer)));
}

function sint32Field(field: number, value: number): number[] {
  return varintField(field, value < 0 ? -2 * value - 1 : 2 * value);
}

function packedFixed64(field: number, values: readonly (bigint | number)[]): number[] {
  return bytesField(field, values.flatMap((value) => fixed64Field(1, value).slice(1)));
}

function packedDoubles(field: number, values: readonly number[]): number[] {
  return bytesField(field, values.flatMap((value) => doubleField(1, value).slice(1)));
}

export type AttributeValue = string | boolean | bigint | number | Uint8Array | readonly AttributeValue[] | { readonly [key: string]: AttributeValue };

export function anyValue(value: AttributeValue): number[] {
  if (typeof value === 'string') return bytesField(1, value);
  if (typeof value === 'boolean') return varintField(2, value ? 1 : 0);
  if (typeof value === 'bigint') return varintField(3, value);
  if (typeof value === 'number') return doubleField(4, value);
  if (value instanceof Uint8Array) return bytesField(7, [...value]);
  if (Array.isArray(value)) return bytesField(5, (value as readonly AttributeValue[]).flatMap((item) => bytesField(1, anyValue(item))));
  return bytesField(6, Object.entries(value as { readonly [key: string]: AttributeValue }).flatMap(([key, item]) => bytesField(1, keyValue(key, item))));
}

export function keyValue(key: string, value: AttributeValue): number[] {
  return [...bytesField(1, key), ...bytesField(2, anyValue(value))];
}

export function attributes(field: number, values: Readonly<Record<string, AttributeValue>>): number[] {
  return Object.entries(values).flatMap(([key, value]) => bytesField(field, keyValue(key, value)));
}

export interface Times {
  readonly timeMs: number;
  readonly startMs?: number;
  readonly flags?: number;
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
  readonly exemplars?: readonly Bytes[];
}

function times({ timeMs, startMs }: Times): number[] {
  return [...(startMs === undefined ? [] : fixed64Field(2, BigInt(startMs) * 1_000_000n)), ...fixed64Field(3, BigInt(timeMs) * 1_000_000n)];
}

function fieldsOf(field: number, messages: readonly Bytes[] = []): number[] {
  return messages.flatMap((message) => bytesField(field, message));
}

export function numberPoint(point: Times & { readonly value?: number | bigint }): number[] {
  const { value } = point;
  const encoded = value === undefined ? [] : typeof value === 'bigint' ? fixed64Field(6, value) : doubleField(4, value);
  const flags = point.flags === undefined ? [] : varintField(8, point.flags);
  return [...times(point), ...encoded, ...fieldsOf(5, point.exemplars), ...attributes(7, point.attributes ?? {}), ...flags];
}

export function histogramPoint(point: Times & { readonly count: number; readonly sum?: number; readonly counts: readonly number[]; readonly bounds: readonly number[] }): number[] {
  return [
    ...times(point),
    ...fixed64Field(4, point.count),
    ...(point.sum === undefined ? [] : doubleField(5, point.sum)),
    ...packedFixed64(6, point.counts),
    ...packedDoubles(7, point.bounds),
    ...fieldsOf(8, point.exemplars),
    ...attributes(9, point.attributes ?? {}),
    ...(point.flags === undefined ? [] : varintField(10, point.flags)),
  ];
}

export interface Side {
  readonly offset: number;
  readonly counts: readonly number[];
}

export interface ExponentialContent extends Times {
  readonly count: number;
  readonly sum?: number;
  readonly scale: number;
  readonly zeroCount?: number;
  readonly zeroThreshold?: number;
  readonly positive?: Side;
  readonly negative?: Side;
}

export function exponentialPoint(point: ExponentialContent): number[] {
  const side = (field: number, content: Side | undefined): number[] =>
    content === undefined ? [] : bytesField(field, [...sint32Field(1, content.offset), ...bytesField(2, content.counts.flatMap((count) => varintField(1, count).slice(1)))]);
  return [
    ...attributes(1, point.attributes ?? {}),
    ...times(point),
    ...fixed64Field(4, point.count),
    ...(point.sum === undefined ? [] : doubleField(5, point.sum)),
    ...sint32Field(6, point.scale),
    ...fixed64Field(7, point.zeroCount ?? 0),
    ...side(8, point.positive),
    ...side(9, point.negative),
    ...(point.flags === undefined ? [] : varintField(10, point.flags)),
    ...fieldsOf(11, point.exemplars),
    ...(point.zeroThreshold === undefined ? [] : doubleField(14, point.zeroThreshold)),
  ];
}

export function summaryPoint(point: Times & { readonly count: number; readonly sum: number; readonly quantiles: readonly (readonly [number, number])[] }): number[] {
  return [
    ...times(point),
    ...fixed64Field(4, point.count),
    ...doubleField(5, point.sum),
    ...point.quantiles.flatMap(([quantile, value]) => bytesField(6, [...doubleField(1, quantile), ...doubleField(2, value)])),
    ...attributes(7, point.attributes ?? {}),
    ...(point.flags === undefined ? [] : varintField(8, point.flags)),
  ];
}

export function exemplar(content: { readonly value: number; readonly timeMs?: number; readonly traceId?: string; readonly spanId?: string; readonly attributes?: Record<string, AttributeValue> }): number[] {
  return [
    ...(content.timeMs === undefined ? [] : fixed64Field(2, BigInt(content.timeMs) * 1_000_000n)),
    ...doubleField(3, content.value),
    ...(content.spanId === undefined ? [] : bytesField(4, [...Buffer.from(content.spanId, 'hex')])),
    ...(content.traceId === undefined ? [] : bytesField(5, [...Buffer.from(content.traceId, 'hex')])),
    ...attributes(7, content.attributes ?? {}),
  ];
}

export const DELTA = 1;
export const CUMULATIVE = 2;

export interface MetricTexts {
  readonly unit?: string;
  readonly description?: string;
}

function metric(name: string, { unit = '', description = '' }: MetricTexts, field: number, data: Bytes): number[] {
  return [...bytesField(1, name), ...bytesField(2, description), ...bytesField(3, unit), ...bytesField(field, data)];
}

export function gauge(name: string, points: readonly Bytes[], texts: MetricTexts = {}): number[] {
  return metric(name, texts, 5, fieldsOf(1, points));
}

export function sum(name: string, points: readonly Bytes[], { temporality = CUMULATIVE, isMonotonic = true, ...texts }: MetricTexts & { readonly temporality?: number; readonly isMonotonic?: boolean } = {}): number[] {
  return metric(name, texts, 7, [...fieldsOf(1, points), ...varintField(2, temporality), ...(isMonotonic ? varintField(3, 1) : [])]);
}

export function histogram(name: string, points: readonly Bytes[], { temporality = CUMULATIVE, ...texts }: MetricTexts & { readonly temporality?: number } = {}): number[] {
  return metric(name, texts, 9, [...fieldsOf(1, points), ...varintField(2, temporality)]);
}

export function exponentialHistogram(name: string, points: readonly Bytes[], { temporality = CUMULATIVE, ...texts }: MetricTexts & { readonly temporality?: number } = {}): number[] {
  return metric(name, texts, 10, [...fieldsOf(1, points), ...varintField(2, temporality)]);
}

export function summary(name: string, points: readonly Bytes[], texts: MetricTexts = {}): number[] {
  return metric(name, texts, 11, fieldsOf(1, points));
}

export interface Scope {
  readonly name?: string;
  readonly version?: string;
  readonly attributes?: Record<string, AttributeValue>;
  readonly schemaUrl?: string;
}

/** A field of the request: one resource with its metrics, in one scope. */
export function resourceMetrics(resource: Readonly<Record<string, AttributeValue>>, metrics: readonly Bytes[], scope: Scope = {}): number[] {
  const scopeMessage = [...bytesField(1, scope.name ?? ''), ...bytesField(2, scope.version ?? ''), ...attributes(3, scope.attributes ?? {})];
  const scopeMetrics = [...bytesField(1, scopeMessage), ...fieldsOf(2, metrics), ...bytesField(3, scope.schemaUrl ?? '')];
  return bytesField(1, [...bytesField(1, attributes(1, resource)), ...bytesField(2, scopeMetrics)]);
}

export function metricsRequest(...resources: readonly Bytes[]): Uint8Array {
  return Uint8Array.from(resources.flat());
}
