import type { CollectedRequest } from '../../../ingest/otlp/otlp-batches.ts';
import type { PointExemplar } from '../../../ingest/otlp/otlp-exemplars.ts';
import type { OtlpLabels } from '../../../ingest/otlp/otlp-labels.ts';
import { WHOLE_POINT, type PointParts } from '../../../ingest/otlp/otlp-parts.ts';
import type { OtlpSeriesSink } from '../../../ingest/otlp/otlp-series.ts';
import type { Rejections } from '../../../ingest/rejections.ts';
import type { Point } from '../../../proto/otlp-points.ts';
import type { Labels } from '../../../storage/model/labels.ts';
import { HISTOGRAM_BITS_HIGH, plainBitsHigh } from '../../../storage/model/sample.ts';
import type { SeriesHasher } from '../../../storage/model/series-id.ts';
import { decodeAppendMessage } from '../../../storage/shard/append/append-message.ts';

/** A request as text: a line for each series that leaves for a shard. */
export interface RequestText {
  readonly lines: readonly string[];
  readonly seriesCount: number;
  /** Points of which something was taken and nothing refused. */
  readonly wholePoints: number;
}

/** What OtlpBatches should make of a request, with nothing remembered: the labels of each series, and their hash. */
export class OtlpModel implements OtlpSeriesSink {
  readonly known = { attributesFrom: () => 0 };
  readonly #labels: OtlpLabels;
  readonly #hasher: SeriesHasher;
  readonly #rejections: Rejections;
  readonly #lines: string[] = [];
  readonly #points: number[] = [];
  readonly #refusedPoints = new Set<number>();
  #source = 0;
  /** Numbers of resources without target_info, which is no series then. */
  #sourcesUnused = 0;
  #pointNumber = -1;
  #point = { start: 0, end: 0, field: 0 };
  #parts: PointParts = WHOLE_POINT;
  #open: string[] | undefined;

  constructor(labels: OtlpLabels, hasher: SeriesHasher, rejections: Rejections) {
    this.#labels = labels;
    this.#hasher = hasher;
    this.#rejections = rejections;
  }

  /** Numbers that series have been given. */
  get sourceCount(): number {
    return this.#source;
  }

  text(): RequestText {
    const whole = new Set(this.#points.filter((point) => point >= 0 && !this.#refusedPoints.has(point)));
    return { lines: this.#lines, seriesCount: this.#source - this.#sourcesUnused, wholePoints: whole.size };
  }

  beginResource(): void {}
  beginScope(): void {}
  beginMetric(): void {}

  point(point: Point, field: number, parts: PointParts): void {
    this.#point = { start: point.attributesStart, end: point.attributesEnd, field };
    this.#parts = parts;
    this.#pointNumber++;
  }

  begin(part: number, isDelta: boolean): void {
    this.#points.push(this.#pointNumber);
    const { start, end, field } = this.#point;
    const labels = this.#labels.ofSeries(start, end, field, this.#parts.naming(part));
    if ('invalid' in labels) {
      this.#source++;
      if (!this.#refusedPoints.has(this.#pointNumber)) this.#rejections.add('bad-data', 1, () => `metric ${this.#labels.sentName()}: ${labels.invalid}`);
      this.#refusedPoints.add(this.#pointNumber);
    } else this.#openSeries(labels, isDelta);
  }

  floats(part: number, count: number, isDelta: boolean, timestampMs: number, valueBits: Uint32Array, startMs: number): void {
    for (let i = part; i < part + count; i++) {
      this.begin(i, isDelta);
      this.float(timestampMs, valueBits[i * 2]!, valueBits[i * 2 + 1]!, startMs);
      this.end();
    }
  }

  beginTargetInfo(): void {
    this.#points.push(-1);
    const labels = this.#labels.ofTargetInfo();
    if (labels !== undefined && !('invalid' in labels)) {
      this.#openSeries(labels, false);
      return;
    }
    this.#source++;
    this.#sourcesUnused++;
    if (labels !== undefined) this.warn(0, () => `target_info was left out: ${labels.invalid}`);
  }

  float(timestampMs: number, bitsLow: number, bitsHigh: number, startMs: number): void {
    this.#open?.push(`${startMs}-${timestampMs}=${bitsLow},${plainBitsHigh(bitsHigh)}`);
  }

  histogram(timestampMs: number, payload: Uint8Array, startMs: number): void {
    this.#open?.push(`${startMs}-${timestampMs}=${Buffer.from(payload).toString('hex')}`);
  }

  exemplar({ timestampMs, value, labels }: PointExemplar): void {
    this.#open?.push(`exemplar ${timestampMs} ${value} ${labels.join()}`);
  }

  end(): void {
    if (this.#open !== undefined && this.#open.length > 1) this.#lines.push(this.#open.join(' '));
    this.#open = undefined;
  }

  refuse(_point: Point, reason: () => string): void {
    this.#rejections.add('bad-data', 1, reason);
  }

  warn(exemplars: number, reason: () => string): void {
    this.#rejections.add('bad-data', { exemplars }, reason);
  }

  #openSeries(labels: Labels, isDelta: boolean): void {
    this.#hasher.hashLabels(labels);
    this.#open = [seriesText(this.#source++, this.#hasher.words, isDelta)];
  }
}

/** What OtlpBatches has made of a request whose series have numbers below `sourceCount`. */
export function textOf({ batches, seriesCount, points }: CollectedRequest, sourceCount: number): RequestText {
  const lines = new Map<number, string>();
  for (const { message, sources, shard } of batches) {
    const { seriesCount: count, idLow, idHigh, idCheck, sampleEnd, timestampsMs, valueBits, startsMs, isDelta, payloads, exemplars } = decodeAppendMessage(message);
    for (let i = 0, sample = 0; i < count; i++) {
      if (shard !== idHigh[i]! % SHARD_COUNT) throw new Error(`series ${sources[i]} went to shard ${shard}`);
      // A series that does not fit goes on in the next batch.
      const parts = [lines.get(sources[i]!) ?? seriesText(sources[i]!, Uint32Array.of(idLow[i]!, idHigh[i]!, idCheck[i]!), isDelta?.[i] === 1)];
      for (; sample < sampleEnd[i]!; sample++) {
        const [low, high] = [valueBits[sample * 2]!, valueBits[sample * 2 + 1]!];
        const value = high === HISTOGRAM_BITS_HIGH ? Buffer.from(payloads[low]!).toString('hex') : `${low},${high}`;
        parts.push(`${startsMs?.[sample] ?? 0}-${timestampsMs[sample]}=${value}`);
      }
      for (const { series, timestampMs, bitsLow, bitsHigh, labels } of exemplars) {
        if (series === i) parts.push(`exemplar ${timestampMs} ${new Float64Array(Uint32Array.of(bitsLow, bitsHigh).buffer)[0]} ${labels.join()}`);
      }
      lines.set(sources[i]!, parts.join(' '));
    }
  }
  points.add(Uint32Array.from({ length: sourceCount }, (_, i) => i));
  return { lines: [...lines].sort(([a], [b]) => a - b).map(([, line]) => line), seriesCount, wholePoints: points.count };
}

/** Of the tenants that these tests have. */
export const SHARD_COUNT = 3;

function seriesText(source: number, id: Uint32Array, isDelta: boolean): string {
  return `${source} ${id.join()}${isDelta ? ' delta' : ''}`;
}
