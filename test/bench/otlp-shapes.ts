import { JsonMetricsSerializer, ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import { AggregationTemporality, DataPointType, type ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { OtlpEncoding } from '../../ingest/otlp/otlp-door.ts';

/** Requests of one sender, each a minute's export of another instance, with up to POINTS_PER_REQUEST data points. */
interface Shape {
  readonly requests: readonly Uint8Array[];
  readonly encoding: OtlpEncoding;
}

const POINTS_PER_METRIC = 20;
const METRICS_PER_REQUEST = 40;
const POINTS_PER_REQUEST = POINTS_PER_METRIC * METRICS_PER_REQUEST;
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

type Kind = 'numbers' | 'histograms' | 'exponential' | 'full-exponential';

/** As many buckets as SDKs let a point have, of latencies around a middle one. */
const FULL_COUNTS = Array.from({ length: 160 }, (_, b) => Math.round(5_000 * Math.exp(-(((b - 80) / 30) ** 2))));

/** What the OpenTelemetry SDK's own serializers make of it. */
function instance(nowMs: number, index: number, metricCount: number, kind: Kind): ResourceMetrics {
  const time: [number, number] = [nowMs / 1000, 0];
  const dataPoint = (i: number): object => ({
    startTime: [nowMs / 1000 - 3600, 0],
    endTime: time,
    attributes: { 'http.request.method': i % 2 === 0 ? 'GET' : 'POST', 'http.route': `/api/v1/items/${i}`, 'http.response.status_code': 200 + i, 'server.address': 'shop.example.com' },
    value: valueOf(kind, i),
  });
  const metric = (m: number): object => ({
    descriptor: { name: `http.server.metric_${m}`, description: `What the server does, number ${m}.`, unit: kind === 'numbers' ? 'By' : 's', valueType: 1, advice: {} },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: kind === 'numbers' ? (m % 2 === 0 ? DataPointType.SUM : DataPointType.GAUGE) : kind === 'histograms' ? DataPointType.HISTOGRAM : DataPointType.EXPONENTIAL_HISTOGRAM,
    isMonotonic: true,
    dataPoints: Array.from({ length: POINTS_PER_METRIC }, (_, i) => dataPoint(i)),
  });
  return {
    resource: {
      attributes: { 'service.name': 'shop', 'service.namespace': 'eu', 'service.instance.id': `instance-${index}`, 'host.name': `host-${index}`, 'telemetry.sdk.language': 'nodejs' },
    },
    scopeMetrics: [{ scope: { name: '@opentelemetry/instrumentation-http', version: '0.200.0' }, metrics: Array.from({ length: metricCount }, (_, m) => metric(m)) }],
  } as unknown as ResourceMetrics;
}

function valueOf(kind: Kind, i: number): unknown {
  if (kind === 'numbers') return i * 1.5;
  if (kind === 'histograms') return { buckets: { boundaries: BOUNDS, counts: [...BOUNDS.map((_, b) => b + i), 1] }, sum: 12.5, count: BOUNDS.reduce((sum, _, b) => sum + b + i, 1), min: 0, max: 1 };
  const bucketCounts = kind === 'exponential' ? Array.from({ length: 40 }, () => 1) : FULL_COUNTS;
  return { count: bucketCounts.reduce((sum, count) => sum + count), sum: 12.5, scale: 3, zeroCount: 0, positive: { offset: -20, bucketCounts }, negative: { offset: 0, bucketCounts: [] }, min: 0, max: 1 };
}

function shape(kind: Kind, encoding: OtlpEncoding): (nowMs: number, pointCount: number) => Shape {
  const serializer = encoding === 'json' ? JsonMetricsSerializer : ProtobufMetricsSerializer;
  return (nowMs, pointCount) => {
    const requests = Array.from({ length: Math.ceil(pointCount / POINTS_PER_REQUEST) }, (_, i) => {
      const points = Math.min(POINTS_PER_REQUEST, pointCount - i * POINTS_PER_REQUEST);
      return serializer.serializeRequest(instance(nowMs, i, points / POINTS_PER_METRIC, kind))!;
    });
    return { encoding, requests };
  };
}

/** Each makes the requests of `pointCount` data points, a multiple of POINTS_PER_METRIC, that come again and again. */
export const OTLP_SHAPES: Readonly<Record<string, (nowMs: number, pointCount: number) => Shape>> = {
  'sums and gauges, protobuf': shape('numbers', 'protobuf'),
  'histograms of 12 buckets, protobuf': shape('histograms', 'protobuf'),
  'exponential histograms of 40 buckets, protobuf': shape('exponential', 'protobuf'),
  'exponential histograms of 160 buckets, protobuf': shape('full-exponential', 'protobuf'),
  'sums and gauges, JSON': shape('numbers', 'json'),
};
