import type { MetricHeader, Span } from '../../proto/otlp-metrics.ts';
import type { Point } from '../../proto/otlp-points.ts';
import { SERIES_ID_WORDS } from '../../storage/model/series-id.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import type { LIMITS } from '../../storage/runtime/limits.ts';
import type { Rejections } from '../rejections.ts';
import type { SampleBatch } from '../sample-batch.ts';
import type { ShardBatches } from '../shard-batches.ts';
import type { OutgoingBatch } from '../shard-send.ts';
import type { KnownPoints } from './known-points.ts';
import type { NotedMetrics } from './noted-metrics.ts';
import type { PointExemplar } from './otlp-exemplars.ts';
import type { OtlpLabels } from './otlp-labels.ts';
import type { PointParts } from './otlp-parts.ts';
import type { OtlpSeriesSink } from './otlp-series.ts';
import { NO_POINT, type PointsOfSeries } from './points-of-series.ts';
import { RefusedPoints } from './refused-points.ts';

/** What a request is collected with and into: its own, or empty. */
export interface CollectorParts {
  readonly limits: Pick<typeof LIMITS, 'writeEntriesMax'>;
  readonly labels: OtlpLabels;
  readonly rejections: Rejections;
  readonly points: KnownPoints;
  readonly metrics: NotedMetrics;
  readonly pointsOfSeries: PointsOfSeries;
  readonly batches: ShardBatches;
}

/** The samples of one request. */
export interface CollectedSamples {
  readonly batches: readonly OutgoingBatch[];
  readonly pointCount: number;
  readonly seriesCount: number;
  readonly sampleCount: number;
  readonly points: RefusedPoints;
}

/** Collects the samples of one request into one batch a shard. */
export class OtlpCollector implements OtlpSeriesSink {
  readonly #samplesMax: number;
  readonly #labels: OtlpLabels;
  readonly #rejections: Rejections;
  readonly #points: KnownPoints;
  readonly #metrics: NotedMetrics;
  readonly #series: PointsOfSeries;
  readonly #batches: ShardBatches;
  #sampleCount = 0;
  #pointCount = 0;
  /** Numbers that no series has: those of resources without target_info. */
  #unusedCount = 0;
  /** Number of the point that is read. */
  #pointNumber = -1;
  /** Numbers of the points that have been refused here, when series of theirs may have been taken. */
  readonly #refusedPoints = new Set<number>();
  /** The batch of the open series, `undefined` when the series is refused. */
  #open: SampleBatch | undefined;

  constructor({ limits, labels, rejections, points, metrics, pointsOfSeries, batches }: CollectorParts) {
    this.#samplesMax = limits.writeEntriesMax;
    this.#labels = labels;
    this.#rejections = rejections;
    this.#points = points;
    this.#metrics = metrics;
    this.#series = pointsOfSeries;
    this.#batches = batches;
  }

  get known(): KnownPoints {
    return this.#points;
  }

  /** When the message has been walked. */
  finish(): CollectedSamples {
    return {
      batches: this.#batches.finish(),
      pointCount: this.#pointCount,
      seriesCount: this.#series.count - this.#unusedCount,
      sampleCount: this.#sampleCount,
      points: new RefusedPoints(this.#series.toColumn(), this.#refusedPoints),
    };
  }

  beginResource(resource: Span): void {
    this.#points.beginResource(resource);
  }

  beginScope(scope: Span, schemaUrl: Span): void {
    this.#points.beginScope(scope, schemaUrl);
  }

  beginMetric(metric: MetricHeader): void {
    this.#points.beginMetric(metric);
    this.#pointCount += metric.pointCount;
    this.#metrics.note(this.#points.metric);
  }

  point(point: Point, field: number, parts: PointParts): void {
    this.#pointNumber++;
    this.#points.findPoint(point, field, parts);
  }

  begin(part: number, isDelta: boolean): void {
    const refusal = this.#points.refusal(part);
    if (refusal !== undefined) {
      this.#refuseSeries(refusal);
      return;
    }
    const batch = this.#openSeries(this.#pointNumber, part);
    if (isDelta) batch.markDelta();
  }

  floats(part: number, count: number, isDelta: boolean, timestampMs: number, valueBits: Uint32Array, startMs: number): void {
    if (!this.#points.isPointWhole) {
      for (let i = part; i < part + count; i++) {
        this.begin(i, isDelta);
        this.float(timestampMs, valueBits[i * 2]!, valueBits[i * 2 + 1]!, startMs);
        this.end();
      }
      return;
    }
    const { idWords, idAt } = this.#points;
    const batches = this.#batches;
    let at = idAt + part * SERIES_ID_WORDS;
    this.#countSamples(count);
    // Most points are one series.
    if (count === 1) {
      const batch = batches.of(idWords[at + 1]!);
      batch.addSingle(this.#series.add(this.#pointNumber), idWords, at, isDelta, timestampMs, valueBits[part * 2]!, valueBits[part * 2 + 1]!, startMs);
      batches.sendWhenFull(batch);
      return;
    }
    let source = this.#series.addAll(this.#pointNumber, count);
    for (let i = part; i < part + count; i++, source++, at += SERIES_ID_WORDS) {
      const batch = batches.of(idWords[at + 1]!);
      batch.addSingle(source, idWords, at, isDelta, timestampMs, valueBits[i * 2]!, valueBits[i * 2 + 1]!, startMs);
      batches.sendWhenFull(batch);
    }
  }

  beginTargetInfo(): void {
    const found = this.#points.findTargetInfo();
    if (found === 'found') {
      this.#openSeries(NO_POINT, 0);
      return;
    }
    if (found !== 'none') this.warn(0, () => `target_info was left out: ${found.invalid}`);
    // Who walks the request again for labels counts it, too.
    this.#series.add(NO_POINT);
    this.#unusedCount++;
  }

  float(timestampMs: number, bitsLow: number, bitsHigh: number, startMs: number): void {
    if (this.#open === undefined) return;
    this.#countSamples(1);
    this.#open.addSample(timestampMs, bitsLow, bitsHigh, startMs);
    this.#batches.cutWhenFull(this.#open);
  }

  histogram(timestampMs: number, payload: Uint8Array, startMs: number): void {
    if (this.#open === undefined) return;
    this.#countSamples(1);
    this.#open.addHistogram(timestampMs, payload, startMs);
    this.#batches.cutWhenFull(this.#open);
  }

  exemplar({ timestampMs, bitsLow, bitsHigh, labels }: PointExemplar): void {
    if (this.#open === undefined) return;
    this.#open.addExemplar(timestampMs, bitsLow, bitsHigh, labels);
    this.#batches.cutWhenFull(this.#open);
  }

  end(): void {
    this.#open?.endSeries();
    this.#open = undefined;
  }

  refuse(_point: Point, reason: () => string): void {
    this.#rejections.add('bad-data', 1, reason);
  }

  warn(exemplars: number, reason: () => string): void {
    this.#rejections.add('bad-data', { exemplars }, reason);
  }

  /** Opens the next series, whose id is that of a part of what has been found. */
  #openSeries(point: number, part: number): SampleBatch {
    const { idWords, idAt } = this.#points;
    const at = idAt + part * SERIES_ID_WORDS;
    const batch = this.#batches.of(idWords[at + 1]!);
    batch.beginSeriesOf(this.#series.add(point), idWords, at);
    this.#open = batch;
    return batch;
  }

  /** The point is refused once, whatever the number of its series. */
  #refuseSeries(reason: string): void {
    this.#series.add(this.#pointNumber);
    if (!this.#refusedPoints.has(this.#pointNumber)) this.#rejections.add('bad-data', 1, () => `metric ${this.#labels.sentName()}: ${reason}`);
    this.#refusedPoints.add(this.#pointNumber);
  }

  #countSamples(count: number): void {
    this.#sampleCount += count;
    if (this.#sampleCount > this.#samplesMax) {
      throw new VarveError('too-large', `the request makes more samples than the limit writeEntriesMax of ${this.#samplesMax}; send smaller requests`);
    }
  }
}
