import { grown } from '../proto/grown.ts';
import { isLargeColumn } from '../proto/write-columns.ts';
import { ColumnWriter } from '../storage/chunk/index.ts';
import type { Labels } from '../storage/model/labels.ts';
import { HISTOGRAM_BITS_HIGH, plainBitsHigh } from '../storage/model/sample.ts';
import type { LIMITS } from '../storage/runtime/limits.ts';
import type { SampleColumns } from '../storage/shard/append/append-message.ts';
import { encodeExemplar } from '../storage/shard/append/batch-exemplars.ts';
import { encodeBatch } from './outgoing-message.ts';
import type { SeriesIdColumns } from './series-id-columns.ts';
import type { ShardRefs } from './series-refs.ts';
import type { OutgoingBatch } from './shard-send.ts';

const INITIAL_SERIES = 4096;
/** A sample with a start timestamp, as it stands in the shard's log. */
const SAMPLE_BYTES_MAX = 28;
/** Memory above this is given back: there is a batch for each shard, and few requests are full of histograms. */
const PAYLOAD_KEEP_BYTES_MAX = 256 * 1024;
/** In front of a histogram's payload. */
const PAYLOAD_LENGTH_BYTES = 4;

/** One float a series, at its position in the request. */
export interface SingleColumns {
  readonly timestampsMs: Float64Array;
  readonly valueBits: Uint32Array;
}

/**
 * The one normalized form of incoming samples, whatever the protocol: parallel columns, reused from request to request, so whoever needs
 * the content across an `await` copies it first (encodeAppendMessage does).
 */
export class SampleBatch implements SampleColumns {
  /** Number of the shard that it is for. */
  shard = 0;
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
  startsMs: Float64Array | undefined;
  isDelta: Uint32Array | undefined;
  histogramCount = 0;
  exemplarCount = 0;
  /** Payloads of histograms, one behind the other, and where each ends. */
  #payloads = new ColumnWriter(1024);
  #payloadEnds = new Uint32Array(256);
  /** Of the open series. */
  #exemplarsBefore = 0;
  readonly #exemplars = new ColumnWriter(1024);

  /** Histograms; `valueBits` names them by position. */
  get payloads(): readonly Uint8Array[] {
    const bytes = this.#payloads.written();
    return Array.from({ length: this.histogramCount }, (_, i) => bytes.subarray(i === 0 ? 0 : this.#payloadEnds[i - 1], this.#payloadEnds[i]));
  }

  get exemplarBytes(): Uint8Array {
    return this.#exemplars.written();
  }

  /** Each series has a sample or an exemplar. */
  get #isOneFloatEach(): boolean {
    return this.seriesCount === this.sampleCount && this.histogramCount + this.exemplarCount === 0 && this.startsMs === undefined && this.isDelta === undefined;
  }

  /** Whether it holds as much as one message to a shard may. */
  isFull(limits: Pick<typeof LIMITS, 'batchSamplesMax' | 'batchBytesMax'>): boolean {
    return this.sampleCount >= limits.batchSamplesMax || this.sampleCount * SAMPLE_BYTES_MAX + this.#payloads.length + this.histogramCount * PAYLOAD_LENGTH_BYTES + this.#exemplars.length >= limits.batchBytesMax;
  }

  /** Whether it has become larger than what is kept from request to request. */
  get isLarge(): boolean {
    return isLargeColumn(this.timestampsMs) || isLargeColumn(this.idLow);
  }

  clear(): void {
    this.seriesCount = 0;
    this.sampleCount = 0;
    this.histogramCount = 0;
    this.exemplarCount = 0;
    this.startsMs = undefined;
    this.isDelta = undefined;
    if (this.#payloads.length > PAYLOAD_KEEP_BYTES_MAX) this.#payloads = new ColumnWriter(1024);
    else this.#payloads.clear();
    this.#exemplars.clear();
  }

  /** A copy as it leaves for its shard; with `refs` its series are named as the shard is known to call them. */
  toOutgoing(refs?: ShardRefs): OutgoingBatch {
    return { shard: this.shard, sources: this.source.slice(0, this.seriesCount), ...encodeBatch(this, this.#isOneFloatEach ? refs : undefined) };
  }

  /** Begins a series with the id at `source` of the columns; `source` is its position in the request. Samples follow, then `endSeries`. */
  beginSeries(source: number, ids: SeriesIdColumns): void {
    this.#begin(source, ids.low[source]!, ids.high[source]!, ids.check[source]!);
  }

  /** The same with an id that stands in `words` from `at` on. */
  beginSeriesOf(source: number, words: Uint32Array, at: number): void {
    this.#begin(source, words[at]!, words[at + 1]!, words[at + 2]!);
  }

  /** Ends the series that has been begun and answers the batch as it leaves; the same series is begun in what is an empty batch now. */
  cut(refs?: ShardRefs): OutgoingBatch {
    const index = this.seriesCount;
    const isDelta = this.isDelta?.[index] === 1;
    this.endSeries();
    const outgoing = this.toOutgoing(refs);
    this.clear();
    this.#begin(this.source[index]!, this.idLow[index]!, this.idHigh[index]!, this.idCheck[index]!);
    if (isDelta) this.markDelta();
    return outgoing;
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

  /** A whole series of one float: what `beginSeries`, `addSample` and `endSeries` make of it. Its id stands in `words` from `at` on. */
  addSingle(source: number, words: Uint32Array, at: number, isDelta: boolean, timestampMs: number, bitsLow: number, bitsHigh: number, startMs: number): void {
    const index = this.seriesCount;
    if (index >= this.idLow.length) this.#growSeries();
    this.idLow[index] = words[at]!;
    this.idHigh[index] = words[at + 1]!;
    this.idCheck[index] = words[at + 2]!;
    this.source[index] = source;
    if (this.isDelta !== undefined) this.isDelta[index] = 0;
    if (isDelta) this.markDelta();
    this.#add(timestampMs, bitsLow, plainBitsHigh(bitsHigh), startMs);
    this.sampleEnd[index] = this.sampleCount;
    this.seriesCount = index + 1;
  }

  /** The series at this position of the request is one that `takePlaced` takes. */
  place(source: number): void {
    const index = this.seriesCount++;
    if (index >= this.source.length) this.#growSeries();
    this.source[index] = source;
  }

  /** Takes the series that have been placed, of one float each without a start timestamp, out of their request's columns. There are no others in the batch. */
  takePlaced({ timestampsMs, valueBits }: SingleColumns, { low, high, check }: SeriesIdColumns): void {
    const count = (this.sampleCount = this.seriesCount);
    while (this.timestampsMs.length < count) this.#growSamples();
    const { source, idLow, idHigh, idCheck, sampleEnd, timestampsMs: toTimestampsMs, valueBits: toValueBits } = this;
    for (let i = 0; i < count; i++) {
      const from = source[i]!;
      idLow[i] = low[from]!;
      idHigh[i] = high[from]!;
      idCheck[i] = check[from]!;
      sampleEnd[i] = i + 1;
      toTimestampsMs[i] = timestampsMs[from]!;
      toValueBits[i * 2] = valueBits[from * 2]!;
      toValueBits[i * 2 + 1] = plainBitsHigh(valueBits[from * 2 + 1]!);
    }
  }

  /** `payload` is from histogramPayload; it is copied. */
  addHistogram(timestampMs: number, payload: Uint8Array, startMs = 0): void {
    const index = this.histogramCount++;
    if (index >= this.#payloadEnds.length) this.#payloadEnds = grown(this.#payloadEnds);
    this.#payloads.append(payload);
    this.#payloadEnds[index] = this.#payloads.length;
    this.#add(timestampMs, index, HISTOGRAM_BITS_HIGH, startMs);
  }

  /** Of the series that has been begun. */
  addExemplar(timestampMs: number, bitsLow: number, bitsHigh: number, labels: Labels): void {
    encodeExemplar({ series: this.seriesCount, timestampMs, bitsLow, bitsHigh, labels }, this.#exemplars);
    this.exemplarCount++;
  }

  #begin(source: number, idLow: number, idHigh: number, idCheck: number): void {
    const index = this.seriesCount;
    if (index >= this.idLow.length) this.#growSeries();
    this.idLow[index] = idLow;
    this.idHigh[index] = idHigh;
    this.idCheck[index] = idCheck;
    this.source[index] = source;
    this.#exemplarsBefore = this.exemplarCount;
    if (this.isDelta !== undefined) this.isDelta[index] = 0;
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
