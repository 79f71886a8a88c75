import { DecodeError } from '../../proto/decode-error.ts';
import { histogramPayload, TIMESTAMP_MS_MAX } from '../../storage/chunk/index.ts';
import { formatLabels } from '../../storage/model/labels.ts';
import { STALE_BITS_HIGH, STALE_BITS_LOW } from '../../storage/model/sample.ts';
import type { LIMITS } from '../../storage/runtime/limits.ts';
import type { TenantShards } from '../../storage/shard-router.ts';
import { exemplarLabels } from '../exemplar-labels.ts';
import type { MapPass } from '../map-passes.ts';
import type { Rejections } from '../rejections.ts';
import type { SampleBatch } from '../sample-batch.ts';
import type { SeriesIdColumns } from '../series-id-columns.ts';
import type { ShardBatches } from '../shard-batches.ts';
import type { OutgoingBatch } from '../shard-send.ts';
import type { TimeBounds } from '../time-bounds.ts';
import { fromWireHistogram } from './histogram-from-wire.ts';
import type { WriteMessages } from './write-messages.ts';

/** A decoded request: what holds for all turns of it. */
export interface SharedRequest {
  readonly messages: WriteMessages;
  readonly shards: TenantShards;
  /** The tenant's. */
  readonly limits: typeof LIMITS;
  readonly rejections: Rejections;
}

/** Where a turn begins: with which series of which pass. */
export interface TurnStart {
  readonly pass: MapPass;
  readonly series: number;
}

/** A part of a request on its way to the shards. */
export interface Turn {
  readonly batches: readonly OutgoingBatch[];
  /** Where the next turn begins; `undefined` when this was the last one. */
  readonly next: TurnStart | undefined;
  /** Stale markers of histogram series among the batches' samples. */
  readonly staleHistograms: number;
}

const NO_TIME = 0;

/** Shares out series of a request, as many as one turn takes: good for that turn, while the request's columns are what they are. */
export class ShareTurn {
  readonly #messages: WriteMessages;
  readonly #limits: typeof LIMITS;
  readonly #rejections: Rejections;
  readonly #ids: SeriesIdColumns;
  readonly #times: TimeBounds;
  /** What is refused without its time being known is told of in the first pass. */
  readonly #isFirstPass: boolean;
  readonly #batches: ShardBatches;
  #staleHistograms = 0;
  /** Where the next series' histograms and exemplars begin. */
  #histogram = 0;
  #exemplar = 0;

  /** `ids` has those of all series of the request. */
  constructor({ messages, limits, rejections }: SharedRequest, ids: SeriesIdColumns, { times, isFirst }: MapPass, batches: ShardBatches) {
    this.#messages = messages;
    this.#limits = limits;
    this.#rejections = rejections;
    this.#ids = ids;
    this.#times = times;
    this.#isFirstPass = isFirst;
    this.#batches = batches;
  }

  /** The series from `from` on; `stoppedAt` is the one to go on with in the same pass, `undefined` when the pass has been over all. */
  share(from: number): Omit<Turn, 'next'> & { readonly stoppedAt: number | undefined } {
    const { histograms, exemplars } = this.#messages.columns;
    while (this.#histogram < histograms.count && histograms.series[this.#histogram]! < from) this.#histogram++;
    while (this.#exemplar < exemplars.count && exemplars.series[this.#exemplar]! < from) this.#exemplar++;
    const stoppedAt = this.#shareSeries(from);
    return { batches: this.#batches.finish(), stoppedAt, staleHistograms: this.#staleHistograms };
  }

  /** The hot loop. Answers where it stopped because the turn is large enough. */
  #shareSeries(from: number): number | undefined {
    const messages = this.#messages;
    const { seriesCount, sampleStart, timestampsMs, valueBits, histograms, exemplars } = messages.columns;
    const ids = this.#ids;
    const batches = this.#batches;
    for (let series = from; series < seriesCount; series++) {
      const hasHistograms = this.#histogram < histograms.count && histograms.series[this.#histogram] === series;
      const hasExemplars = this.#exemplar < exemplars.count && exemplars.series[this.#exemplar] === series;
      if (ids.isRefused[series] === 1) {
        if (hasHistograms || hasExemplars) this.#passOver(series);
        continue;
      }
      if (batches.fullBytes >= this.#limits.writeTurnBytesTarget) return series;
      const batch = batches.of(ids.high[series]!);
      batch.beginSeries(series, ids);
      for (let sample = sampleStart[series]!; sample < sampleStart[series + 1]!; sample++) {
        const timestampMs = timestampsMs[sample]!;
        if (this.#times.isOutside(timestampMs)) {
          this.#passOverTime(series, timestampMs, { samples: 1 });
          continue;
        }
        batch.addSample(timestampMs, valueBits[sample * 2]!, valueBits[sample * 2 + 1]!, usableStartMs(messages.startMs(series, sample), timestampMs));
        batches.cutWhenFull(batch);
      }
      let lastMs = sampleStart[series + 1]! > sampleStart[series]! ? timestampsMs[sampleStart[series + 1]! - 1]! : NO_TIME;
      if (hasHistograms) lastMs = this.#addHistograms(series, batch);
      if (hasExemplars) this.#addExemplars(series, lastMs, batch);
      batch.endSeries();
    }
    return undefined;
  }

  /** Counts what belongs to a refused series. */
  #passOver(series: number): void {
    const { histograms, exemplars } = this.#messages.columns;
    const [histogramsBefore, exemplarsBefore] = [this.#histogram, this.#exemplar];
    while (this.#histogram < histograms.count && histograms.series[this.#histogram] === series) this.#histogram++;
    while (this.#exemplar < exemplars.count && exemplars.series[this.#exemplar] === series) this.#exemplar++;
    if (this.#isFirstPass) this.#rejections.count('bad-data', { histograms: this.#histogram - histogramsBefore, exemplars: this.#exemplar - exemplarsBefore });
  }

  /** Answers the time of the last histogram. */
  #addHistograms(series: number, batch: SampleBatch): number {
    const { histograms } = this.#messages.columns;
    let lastMs = NO_TIME;
    for (; this.#histogram < histograms.count && histograms.series[this.#histogram] === series; this.#histogram++) {
      const timestampMs = this.#addHistogram(series, batch);
      if (timestampMs !== NO_TIME) lastMs = timestampMs;
      this.#batches.cutWhenFull(batch);
    }
    return lastMs;
  }

  /** The next one; answers its time, NO_TIME where it is refused. */
  #addHistogram(series: number, batch: SampleBatch): number {
    const index = this.#histogram;
    const { start, end } = this.#messages.columns.histograms;
    const refuse = (reason: string): number => {
      this.#rejections.add('bad-data', { histograms: 1 }, () => `${this.#nameOf(series)}: ${reason}`);
      return NO_TIME;
    };
    const refuseOnce = (reason: string): number => (this.#once(reason) === undefined ? NO_TIME : refuse(reason));
    const { histogramBytesMax } = this.#limits;
    const wireBytes = end[index]! - start[index]!;
    if (wireBytes > histogramBytesMax) return refuseOnce(`a histogram of ${wireBytes} bytes, the limit histogramBytesMax is ${histogramBytesMax}`);
    try {
      const wire = this.#messages.histogram(index);
      const { timestampMs } = wire;
      if (this.#times.isOutside(timestampMs)) {
        this.#passOverTime(series, timestampMs, { histograms: 1 });
        return this.#times.whole.isOutside(timestampMs) ? NO_TIME : timestampMs;
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
      if (error instanceof DecodeError) return refuseOnce(error.message);
      throw error;
    }
  }

  /** An exemplar without a time of its own has that of the series' last sample or histogram, `lastMs`. */
  #addExemplars(series: number, lastMs: number, batch: SampleBatch): void {
    const { exemplars } = this.#messages.columns;
    for (; this.#exemplar < exemplars.count && exemplars.series[this.#exemplar] === series; this.#exemplar++) {
      const invalid = this.#addExemplar(series, lastMs, batch);
      if (invalid !== undefined) this.#rejections.add('bad-data', { exemplars: 1 }, () => `${this.#nameOf(series)}: ${invalid}`);
      this.#batches.cutWhenFull(batch);
    }
  }

  /** What is wrong with the next exemplar, if anything that has not been said yet. */
  #addExemplar(series: number, lastMs: number, batch: SampleBatch): string | undefined {
    const { start, end } = this.#messages.columns.exemplars;
    const wireBytes = end[this.#exemplar]! - start[this.#exemplar]!;
    const { exemplarBytesMax } = this.#limits;
    if (wireBytes > exemplarBytesMax) return this.#once(`an exemplar of ${wireBytes} bytes, the limit exemplarBytesMax is ${exemplarBytesMax}`);
    try {
      const sent = this.#messages.exemplar(this.#exemplar);
      const timestampMs = sent.timestampMs === NO_TIME ? lastMs : sent.timestampMs;
      if (timestampMs === NO_TIME) return this.#once('an exemplar without a timestamp');
      if (this.#times.isOutside(timestampMs)) {
        this.#passOverTime(series, timestampMs, { exemplars: 1 });
        return undefined;
      }
      const labels = exemplarLabels(sent.labels, this.#limits);
      if ('invalid' in labels) return labels.invalid;
      batch.addExemplar(timestampMs, sent.bitsLow, sent.bitsHigh, labels);
      return undefined;
    } catch (error) {
      if (error instanceof DecodeError) return this.#once(error.message);
      throw error;
    }
  }

  #once(reason: string): string | undefined {
    return this.#isFirstPass ? reason : undefined;
  }

  /** What is out of bounds for this pass is refused, unless another one takes it. */
  #passOverTime(series: number, timestampMs: number, counts: Parameters<Rejections['add']>[1]): void {
    if (this.#times.passesOver(timestampMs)) return;
    this.#rejections.add('bad-data', counts, () => `${this.#nameOf(series)}: ${this.#times.refusal(timestampMs)}`);
  }

  #nameOf(series: number): string {
    const labels = this.#messages.labels(series);
    return 'invalid' in labels ? `series ${series}` : formatLabels(labels);
  }
}

/** A start behind its sample, or one that cannot be stored, says nothing: the sample counts without it, as in Prometheus. */
function usableStartMs(startMs: number, timestampMs: number): number {
  return startMs <= timestampMs && startMs >= -TIMESTAMP_MS_MAX ? startMs : 0;
}
