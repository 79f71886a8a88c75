import type { KnownAttributes, Point } from '../../proto/otlp-points.ts';
import type { PointParts } from './otlp-parts.ts';
import type { OtlpSeriesSink } from './otlp-series.ts';

/** Takes nothing: what those sinks build on that want only some of a request. */
export class OtlpIdleSink implements OtlpSeriesSink {
  readonly known: KnownAttributes = { attributesFrom: () => 0 };

  beginResource(): void {}
  beginScope(): void {}
  beginMetric(): void {}
  point(_point: Point, _field: number, _parts: PointParts): void {}
  begin(_part: number): void {}
  floats(_part: number, _count: number): void {}
  beginTargetInfo(): void {}
  float(): void {}
  histogram(): void {}
  exemplar(): void {}
  end(): void {}
  refuse(): void {}
  warn(): void {}
}
