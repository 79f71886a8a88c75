import { grown } from '../proto/grown.ts';
import { ColumnWriter } from '../storage/chunk/index.ts';
import type { Labels } from '../storage/model/labels.ts';
import { HISTOGRAM_BITS_HIGH, plainBitsHigh } from '../storage/model/sample.ts';
import type { LIMITS } from '../storage/runtime/limits.ts';
import type { SampleColumns } from '../storage/shard/append-message.ts';
import { encodeExemplar } from '../storage/shard/batch-exemplars.ts';
import type { SeriesIdColumns } from './series-id-cache.ts';

const INITIAL_SERIES = 4096;
/** A sample with a start timestamp, as it stands in the shard's log. */
const SAMPLE_BYTES_MAX = 28;

/**
 * The one normalized form of incoming samples, whatever the protocol: parallel columns, reused from request to request, so whoever needs
 * the content across an `await` copies it first (encodeAppendMessage does).
 */
export class SampleBatch implements SampleColumns {
  seriesCount = 0;
  sampleCount = 0;
  idLow = new Uint32Array(INITIAL_SERIES);
  idHigh = new Uint32Array(INITIAL_SERIES);
  idCheck = new Uint32Array(INITIAL_SERIES);
  sampleEnd = new Uint32Array(INITIAL_SERIES);
  timestampsMs = new Float64Array(INITIAL_SERIES);
  valueBits = new Uint32Array(INITIAL_SERIES * 2);
  /** Position in the request of each series, to find its labels again. */
  source = new Uint32Array(INITIAL_SERIES);
  /** Histograms; `valueBits` names them by position. */
  payloads: Uint8Array[] = [];
  startsMs: Float64Array | undefined;
  isDelta: Uint32Array | undefined;
  histogramCount = 0;
  exemplarCount = 0;
  #payloadBytes = 0;
  /** Of the open series. */
  #exemplarsBefore = 0;
  readonly #exemplars = new ColumnWriter(1024);

  get exemplarBytes(): Uint8Array {
    return this.#exemplars.written();
  }

  /** Whether it holds as much as one message to a shard may. */
  isFull(limits: Pick<typeof LIMITS, 'batchSamplesMax' | 'batchBytesMax'>): boolean {
    return this.sampleCount >= limits.batchSamplesMax || this.sampleCount * SAMPLE_BYTES_MAX + this.#payloadBytes + this.#exemplars.length >= limits.batchBytesMax;
  }

  clear(): void {
    this.seriesCount = 0;
    this.sampleCount = 0;
    this.histogramCount = 0;
    this.exemplarCount = 0;
    this.startsMs = undefined;
    this.isDelta = undefined;
    if (this.payloads.length > 0) this.payloads = [];
    this.#payloadBytes = 0;
    this.#exemplars.clear();
  }

  /** Begins a series with the id at `source` of the columns; `source` is its position in the request. Samples follow, then `endSeries`. */
  beginSeries(source: number, ids: SeriesIdColumns): void {
    const index = this.seriesCount;
    if (index >= this.idLow.length) this.#growSeries();
    this.idLow[index] = ids.low[source]!;
    this.idHigh[index] = ids.high[source]!;
    this.idCheck[index] = ids.check[source]!;
    this.source[index] = source;
    this.#exemplarsBefore = this.exemplarCount;
    if (this.isDelta !== undefined) this.isDelta[index] = 0;
  }

  /** The samples of the series that has been begun are differences: its shard adds them up, once each. */
  markDelta(): void {
    this.isDelta ??= new Uint32Array(this.idLow.length);
    this.isDelta[this.seriesCount] = 1;
  }

  /** A series that got no sample and no exemplar, since all were refused or none came, leaves no trace. */
  endSeries(): void {
    const start = this.seriesCount === 0 ? 0 : this.sampleEnd[this.seriesCount - 1]!;
    if (this.sampleCount > start || this.exemplarCount > this.#exemplarsBefore) this.sampleEnd[this.seriesCount++] = this.sampleCount;
  }

  /** `startMs` is the sample's start timestamp, 0 when unknown. */
  addSample(timestampMs: number, bitsLow: number, bitsHigh: number, startMs = 0): void {
    this.#add(timestampMs, bitsLow, plainBitsHigh(bitsHigh), startMs);
  }

  /** `payload` is from encodeHistogram, and the batch's from now on. */
  addHistogram(timestampMs: number, payload: Uint8Array, startMs = 0): void {
    this.#add(timestampMs, this.payloads.push(payload) - 1, HISTOGRAM_BITS_HIGH, startMs);
    this.#payloadBytes += payload.length + 4;
    this.histogramCount++;
  }

  /** Of the series that has been begun. */
  addExemplar(timestampMs: number, bitsLow: number, bitsHigh: number, labels: Labels): void {
    encodeExemplar({ series: this.seriesCount, timestampMs, bitsLow, bitsHigh, labels }, this.#exemplars);
    this.exemplarCount++;
  }

  #add(timestampMs: number, bitsLow: number, bitsHigh: number, startMs: number): void {
    const index = this.sampleCount++;
    if (index >= this.timestampsMs.length) this.#growSamples();
    this.timestampsMs[index] = timestampMs;
    this.valueBits[index * 2] = bitsLow;
    this.valueBits[index * 2 + 1] = bitsHigh;
    if (startMs !== 0) this.startsMs ??= new Float64Array(this.timestampsMs.length);
    if (this.startsMs !== undefined) this.startsMs[index] = startMs;
  }

  #growSeries(): void {
    this.idLow = grown(this.idLow);
    this.idHigh = grown(this.idHigh);
    this.idCheck = grown(this.idCheck);
    this.sampleEnd = grown(this.sampleEnd);
    this.source = grown(this.source);
    if (this.isDelta !== undefined) this.isDelta = grown(this.isDelta);
  }

  #growSamples(): void {
    this.timestampsMs = grown(this.timestampsMs);
    this.valueBits = grown(this.valueBits);
    if (this.startsMs !== undefined) this.startsMs = grown(this.startsMs);
  }
}
