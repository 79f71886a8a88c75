import { DecodeError } from '../../proto/decode-error.ts';
import { histogramPayload, TIMESTAMP_MS_MAX } from '../../storage/chunk/index.ts';
import { formatLabels } from '../../storage/model/labels.ts';
import { STALE_BITS_HIGH, STALE_BITS_LOW } from '../../storage/model/sample.ts';
import type { CacheBudget } from '../../storage/runtime/cache-budget.ts';
import type { Clock } from '../../storage/runtime/clock.ts';
import type { LIMITS } from '../../storage/runtime/limits.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import { exemplarLabels } from '../exemplar-labels.ts';
import type { Rejections } from '../rejections.ts';
import { SampleBatch } from '../sample-batch.ts';
import { SeriesIdColumns } from '../series-id-columns.ts';
import { SeriesRefs } from '../series-refs.ts';
import type { OutgoingBatch } from '../shard-send.ts';
import { TimeBounds } from '../time-bounds.ts';
import { fromWireHistogram } from './histogram-from-wire.ts';
import { WholeRequest } from './whole-request.ts';
import type { WriteMessages } from './write-messages.ts';

/** A part of a request on its way to the shards. */
export interface Turn {
  readonly batches: readonly OutgoingBatch[];
  /** The series to go on with in the next turn; `undefined` when this was the last one. */
  readonly next: number | undefined;
  /** Stale markers of histogram series among the batches' samples. */
  readonly staleHistograms: number;
}

const NO_TIME = 0;

/**
 * From a decoded request to one batch a shard, or several where one would be too large: looks up all ids, checks times, histograms and
 * exemplars, and shares everything out. What is refused is counted and costs nothing else. Synchronous; everything is reused.
 */
export class ShareOut {
  readonly #clock: Clock;
  /** The tenant's, of the turn that is being made. */
  #limits: typeof LIMITS;
  #ids = new SeriesIdColumns();
  #batches: SampleBatch[] = [];
  readonly #whole = new WholeRequest();
  readonly #refs: SeriesRefs;
  // Of the turn that is being made.
  #shards!: TenantShards;
  #outgoing: OutgoingBatch[] = [];
  #outgoingBytes = 0;
  #staleHistograms = 0;
  #times: TimeBounds;
  /** Where the next series' histograms and exemplars begin. */
  #histogram = 0;
  #exemplar = 0;

  constructor(clock: Clock, limits: typeof LIMITS, caches: CacheBudget) {
    this.#clock = clock;
    this.#limits = limits;
    this.#refs = new SeriesRefs(limits.seriesRefsMax, 'remote_write_refs', caches);
    this.#times = new TimeBounds(clock.nowMs(), limits);
  }

  /** Shares out the series from `from` on. Refused series are only told of in the first turn. */
  share(messages: WriteMessages, shards: TenantShards, from: number, limits: typeof LIMITS, rejections: Rejections): Turn {
    this.#limits = limits;
    const { seriesCount, sampleStart } = messages.columns;
    this.#ids.reserve(seriesCount);
    let isAllAccepted = true;
    messages.lookUpIds(shards.hasher, this.#ids, (series, reason) => {
      isAllAccepted = false;
      const samples = sampleStart[series + 1]! - sampleStart[series]!;
      if (from === 0) rejections.add('bad-data', { samples }, () => `series ${series}: ${reason()}`);
    });
    this.#times = new TimeBounds(this.#clock.nowMs(), limits);
    const whole = isAllAccepted && from === 0 && shards.shardCount === 1 ? this.#whole.toOutgoing(messages, this.#ids, this.#times, limits, this.#refs.of(shards, 0)) : undefined;
    if (whole !== undefined) return { batches: [whole], next: undefined, staleHistograms: 0 };
    this.#begin(shards, messages, from);
    const next = this.#shareSeries(messages, shards.shardCount, from, rejections);
    this.#batches.forEach((batch, shard) => {
      if (batch.seriesCount > 0) this.#outgoing.push(this.#toOutgoing(batch, shard));
    });
    const turn = { batches: this.#outgoing, next, staleHistograms: this.#staleHistograms };
    this.#outgoing = [];
    return turn;
  }

  /** The turn is made: gives back what a large request took. */
  rest(): void {
    if (this.#ids.isLarge) this.#ids = new SeriesIdColumns();
    if (this.#batches.some(({ isLarge }) => isLarge)) this.#batches = [];
  }

  #begin(shards: TenantShards, { columns }: WriteMessages, from: number): void {
    this.#shards = shards;
    while (this.#batches.length < shards.shardCount) this.#batches.push(new SampleBatch());
    for (const batch of this.#batches) batch.clear();
    this.#outgoingBytes = 0;
    this.#staleHistograms = 0;
    const before = ({ count, series }: typeof columns.histograms): number => {
      let index = 0;
      while (index < count && series[index]! < from) index++;
      return index;
    };
    this.#histogram = before(columns.histograms);
    this.#exemplar = before(columns.exemplars);
  }

  /** The hot loop. Answers where it stopped because the turn is large enough. */
  #shareSeries(messages: WriteMessages, shardCount: number, from: number, rejections: Rejections): number | undefined {
    const { seriesCount, sampleStart, timestampsMs, valueBits, histograms, exemplars } = messages.columns;
    const ids = this.#ids;
    for (let series = from; series < seriesCount; series++) {
      const hasHistograms = this.#histogram < histograms.count && histograms.series[this.#histogram] === series;
      const hasExemplars = this.#exemplar < exemplars.count && exemplars.series[this.#exemplar] === series;
      if (ids.isRefused[series] === 1) {
        if (hasHistograms || hasExemplars) this.#passOver(messages, series, rejections);
        continue;
      }
      if (this.#outgoingBytes >= this.#limits.writeTurnBytesTarget) return series;
      const shard = shardCount === 1 ? 0 : ids.high[series]! % shardCount;
      const batch = this.#batches[shard]!;
      batch.beginSeries(series, ids);
      for (let sample = sampleStart[series]!; sample < sampleStart[series + 1]!; sample++) {
        const timestampMs = timestampsMs[sample]!;
        if (this.#times.isOutside(timestampMs)) {
          this.#rejectTime(messages, series, timestampMs, { samples: 1 }, rejections);
          continue;
        }
        batch.addSample(timestampMs, valueBits[sample * 2]!, valueBits[sample * 2 + 1]!, usableStartMs(messages.startMs(series, sample), timestampMs));
        this.#cutWhenFull(batch, shard, series);
      }
      let lastMs = sampleStart[series + 1]! > sampleStart[series]! ? timestampsMs[sampleStart[series + 1]! - 1]! : NO_TIME;
      if (hasHistograms) lastMs = this.#addHistograms(messages, series, batch, shard, rejections);
      if (hasExemplars) this.#addExemplars(messages, series, lastMs, batch, shard, rejections);
      batch.endSeries();
    }
    return undefined;
  }

  #toOutgoing(batch: SampleBatch, shard: number): OutgoingBatch {
    return batch.toOutgoing(shard, this.#refs.of(this.#shards, shard));
  }

  /** A series may be longer than a batch: the rest goes on as the same series in the next one. */
  #cutWhenFull(batch: SampleBatch, shard: number, series: number): void {
    if (!batch.isFull(this.#limits)) return;
    batch.endSeries();
    const outgoing = this.#toOutgoing(batch, shard);
    this.#outgoing.push(outgoing);
    this.#outgoingBytes += outgoing.message.byteLength;
    batch.clear();
    batch.beginSeries(series, this.#ids);
  }

  /** Counts what belongs to a refused series. */
  #passOver({ columns }: WriteMessages, series: number, rejections: Rejections): void {
    const { histograms, exemplars } = columns;
    const [histogramsBefore, exemplarsBefore] = [this.#histogram, this.#exemplar];
    while (this.#histogram < histograms.count && histograms.series[this.#histogram] === series) this.#histogram++;
    while (this.#exemplar < exemplars.count && exemplars.series[this.#exemplar] === series) this.#exemplar++;
    rejections.count('bad-data', { histograms: this.#histogram - histogramsBefore, exemplars: this.#exemplar - exemplarsBefore });
  }

  /** Answers the time of the last histogram. */
  #addHistograms(messages: WriteMessages, series: number, batch: SampleBatch, shard: number, rejections: Rejections): number {
    const { histograms } = messages.columns;
    let lastMs = NO_TIME;
    for (; this.#histogram < histograms.count && histograms.series[this.#histogram] === series; this.#histogram++) {
      const timestampMs = this.#addHistogram(messages, series, this.#histogram, batch, rejections);
      if (timestampMs !== NO_TIME) lastMs = timestampMs;
      this.#cutWhenFull(batch, shard, series);
    }
    return lastMs;
  }

  #addHistogram(messages: WriteMessages, series: number, index: number, batch: SampleBatch, rejections: Rejections): number {
    const { start, end } = messages.columns.histograms;
    const refuse = (reason: string): number => {
      rejections.add('bad-data', { histograms: 1 }, () => `${this.#nameOf(messages, series)}: ${reason}`);
      return NO_TIME;
    };
    const { histogramBytesMax } = this.#limits;
    const wireBytes = end[index]! - start[index]!;
    if (wireBytes > histogramBytesMax) return refuse(`a histogram of ${wireBytes} bytes, the limit histogramBytesMax is ${histogramBytesMax}`);
    try {
      const wire = messages.histogram(index);
      const { timestampMs } = wire;
      if (this.#times.isOutside(timestampMs)) {
        this.#rejectTime(messages, series, timestampMs, { histograms: 1 }, rejections);
        return NO_TIME;
      }
      const sent = fromWireHistogram(wire);
      if ('invalid' in sent) return refuse(sent.invalid);
      const startMs = usableStartMs(wire.startMs, timestampMs);
      if (sent.isStale) {
        batch.addSample(timestampMs, STALE_BITS_LOW, STALE_BITS_HIGH, startMs);
        this.#staleHistograms++;
        return timestampMs;
      }
      const payload = histogramPayload(sent.histogram, sent.isInteger);
      if (payload.length > histogramBytesMax) return refuse(`a histogram of ${payload.length} bytes, the limit histogramBytesMax is ${histogramBytesMax}`);
      batch.addHistogram(timestampMs, payload, startMs);
      return timestampMs;
    } catch (error) {
      if (error instanceof DecodeError) return refuse(error.message);
      throw error;
    }
  }

  /** An exemplar without a time of its own has that of the series' last sample or histogram, `lastMs`. */
  #addExemplars(messages: WriteMessages, series: number, lastMs: number, batch: SampleBatch, shard: number, rejections: Rejections): void {
    const { exemplars } = messages.columns;
    for (; this.#exemplar < exemplars.count && exemplars.series[this.#exemplar] === series; this.#exemplar++) {
      const invalid = this.#addExemplar(messages, series, lastMs, batch, rejections);
      if (invalid !== undefined) rejections.add('bad-data', { exemplars: 1 }, () => `${this.#nameOf(messages, series)}: ${invalid}`);
      this.#cutWhenFull(batch, shard, series);
    }
  }

  /** What is wrong with the exemplar, if anything that has not been said yet. */
  #addExemplar(messages: WriteMessages, series: number, lastMs: number, batch: SampleBatch, rejections: Rejections): string | undefined {
    const { start, end } = messages.columns.exemplars;
    const wireBytes = end[this.#exemplar]! - start[this.#exemplar]!;
    const { exemplarBytesMax } = this.#limits;
    if (wireBytes > exemplarBytesMax) return `an exemplar of ${wireBytes} bytes, the limit exemplarBytesMax is ${exemplarBytesMax}`;
    try {
      const sent = messages.exemplar(this.#exemplar);
      const timestampMs = sent.timestampMs === NO_TIME ? lastMs : sent.timestampMs;
      if (timestampMs === NO_TIME) return 'an exemplar without a timestamp';
      if (this.#times.isOutside(timestampMs)) {
        this.#rejectTime(messages, series, timestampMs, { exemplars: 1 }, rejections);
        return undefined;
      }
      const labels = exemplarLabels(sent.labels, this.#limits);
      if ('invalid' in labels) return labels.invalid;
      batch.addExemplar(timestampMs, sent.bitsLow, sent.bitsHigh, labels);
      return undefined;
    } catch (error) {
      if (error instanceof DecodeError) return error.message;
      throw error;
    }
  }

  #rejectTime(messages: WriteMessages, series: number, timestampMs: number, counts: Parameters<Rejections['add']>[1], rejections: Rejections): void {
    rejections.add('bad-data', counts, () => `${this.#nameOf(messages, series)}: ${this.#times.refusal(timestampMs)}`);
  }

  #nameOf(messages: WriteMessages, series: number): string {
    const labels = messages.labels(series);
    return 'invalid' in labels ? `series ${series}` : formatLabels(labels);
  }
}

/** A start behind its sample, or one that cannot be stored, says nothing: the sample counts without it, as in Prometheus. */
function usableStartMs(startMs: number, timestampMs: number): number {
  return startMs <= timestampMs && startMs >= -TIMESTAMP_MS_MAX ? startMs : 0;
}
