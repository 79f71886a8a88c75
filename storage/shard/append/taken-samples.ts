import { HISTOGRAM_BITS_HIGH } from '../../model/sample.ts';
import type { LogHead } from '../log/log-head.ts';
import { walRowBytesMax, type LogBatch } from '../log/wal.ts';
import { payloadOf, rebasePayloads } from '../run/payloads.ts';
import { hasOneFloatEach, type BatchSamples } from './append-message.ts';
import type { DeltaOutcome, DeltaSums, Sum } from './delta-sums.ts';
import { DifferingDeltas } from './differing-deltas.ts';
import { REFUSED_REF } from './resolve-series.ts';

/** How many of a batch's samples were refused, histograms among them, and how many of these are histograms. */
export interface RefusedCount {
  samples: number;
  histograms: number;
}

/** How many samples of a batch became what. Histograms are samples. */
export interface TakenBatch {
  readonly taken: number;
  /** Of series that were refused. */
  readonly refusedWithSeries: Readonly<RefusedCount>;
  /** Below the floor: nothing that old may be readable again. */
  readonly refusedByAge: Readonly<RefusedCount>;
  /** Differences that came behind newer ones, were not there before, and cannot be added any more. */
  readonly refusedByOrder: Readonly<RefusedCount>;
  /** Differences of which the batch has another for the same series and time (differing-deltas.ts). */
  readonly refusedAsOther: Readonly<RefusedCount>;
  /** Samples of before that are written anew, since differences came behind them. */
  readonly raised: number;
  /** Positions in the batch of the series that the refused samples are of, rising. */
  readonly refusedSeries: readonly number[];
}

const NO_SERIES: readonly number[] = [];
const NONE_REFUSED: Readonly<RefusedCount> = { samples: 0, histograms: 0 };

/** What `take` looks samples up in. */
export interface TakeContext {
  readonly head: LogHead;
  readonly floorMs: number;
  readonly deltas: DeltaSums;
}

/** For whatever reason. */
export function refusedOf({ refusedWithSeries, refusedByAge, refusedByOrder, refusedAsOther }: TakenBatch): RefusedCount {
  const reasons = [refusedWithSeries, refusedByAge, refusedByOrder, refusedAsOther];
  return { samples: sum(reasons, 'samples'), histograms: sum(reasons, 'histograms') };
}

function sum(counts: readonly RefusedCount[], what: keyof RefusedCount): number {
  return counts.reduce((total, count) => total + count[what], 0);
}

/** The samples of batches that are to be stored in one WAL row, refs in place of positions: scratch columns, reused from row to row. */
export class TakenSamples implements LogBatch {
  sampleCount = 0;
  refs = new Uint32Array(4096);
  timestampsMs = new Float64Array(4096);
  valueBits = new Uint32Array(8192);
  payloads: Uint8Array[] = [];
  startsMs: Float64Array | undefined;
  #payloadBytes = 0;

  clear(): void {
    this.sampleCount = 0;
    this.startsMs = undefined;
    if (this.payloads.length > 0) this.payloads = [];
    this.#payloadBytes = 0;
  }

  /** Bytes of the histograms. */
  get payloadBytes(): number {
    return this.#payloadBytes;
  }

  /** Bytes of the WAL row with one more batch in it, at the most, but for histograms that are sums. */
  rowBytesWith({ sampleCount, payloads, startsMs }: BatchSamples): number {
    const payloadBytes = payloads.reduce((sum, payload) => sum + payload.length, this.#payloadBytes);
    return walRowBytesMax(this.sampleCount + sampleCount, (this.startsMs ?? startsMs) !== undefined, this.payloads.length + payloads.length, payloadBytes);
  }

  /** What has been taken as batches of which each fits a WAL row: one, unless sums of histograms are much larger than what was sent. */
  rows(rowBytesMax: number): LogBatch[] {
    const { sampleCount, payloads } = this;
    if (walRowBytesMax(sampleCount, this.startsMs !== undefined, payloads.length, this.#payloadBytes) <= rowBytesMax) return [this];
    const rows: LogBatch[] = [];
    for (let start = 0, end = 0; start < sampleCount; start = end) {
      let bytes = walRowBytesMax(0, false, 0, 0);
      for (; end < sampleCount && (end === start || bytes < rowBytesMax); end++) {
        bytes += walRowBytesMax(1, true, 1, 0) + (payloadOf(this.valueBits, end, payloads)?.length ?? 0);
      }
      // The one that went over stays, unless it is the only one.
      if (bytes >= rowBytesMax && end > start + 1) end--;
      rows.push(this.#slice(start, end));
    }
    return rows;
  }

  #slice(start: number, end: number): LogBatch {
    const valueBits = this.valueBits.slice(start * 2, end * 2);
    const payloads: Uint8Array[] = [];
    rebasePayloads(valueBits, 0, end - start, this.payloads, payloads);
    return {
      sampleCount: end - start,
      refs: this.refs.subarray(start, end),
      timestampsMs: this.timestampsMs.subarray(start, end),
      valueBits,
      payloads,
      startsMs: this.startsMs?.slice(start, end),
    };
  }

  /** Adds a batch's samples without those that are refused and without what was sent again. */
  take(batch: BatchSamples, seriesRefs: Uint32Array, context: TakeContext): TakenBatch {
    this.#reserve(this.sampleCount + batch.sampleCount);
    if (isAllNewer(batch, seriesRefs, context)) return this.#takeAll(batch, seriesRefs);
    const { head, floorMs } = context;
    const { refs, timestampsMs, valueBits } = this;
    const { payloads, startsMs, isDelta } = batch;
    const before = this.sampleCount;
    let taken = before;
    let sample = 0;
    const refusedWithSeries = { ...NONE_REFUSED };
    const refusedByAge = { ...NONE_REFUSED };
    const refusedByOrder = { ...NONE_REFUSED };
    const refusedAsOther = { ...NONE_REFUSED };
    /** Made when the first difference is found to be known. */
    let differing: DifferingDeltas | undefined;
    /** Made when the first one comes. */
    let refusedSeries: number[] | undefined;
    /** Series that have had a sample taken, made when the first one is found to be sent again. */
    let takenRefs: Set<number> | undefined;
    /** Refs and sums that are written anew, made when the first one is. */
    let raised: [ref: number, sum: Sum][] | undefined;
    for (let i = 0; i < batch.seriesCount; i++) {
      const ref = seriesRefs[i]!;
      const end = batch.sampleEnd[i]!;
      let isCut = false;
      if (ref === REFUSED_REF) {
        (refusedSeries ??= []).push(i);
        for (; sample < end; sample++) countRefused(refusedWithSeries, batch, sample);
        continue;
      }
      for (; sample < end; sample++) {
        const timestampMs = batch.timestampsMs[sample]!;
        if (timestampMs < floorMs) {
          countRefused(refusedByAge, batch, sample);
          isCut = true;
          continue;
        }
        let low = batch.valueBits[sample * 2]!;
        let high = batch.valueBits[sample * 2 + 1]!;
        let payload = payloads.length > 0 && high === HISTOGRAM_BITS_HIGH ? payloads[low] : undefined;
        let startMs = startsMs === undefined ? 0 : startsMs[sample]!;
        if (isDelta !== undefined && isDelta[i] === 1) {
          const outcome: DeltaOutcome = context.deltas.add(ref, timestampMs, low, high, payload, startMs);
          if (outcome === 'refused') {
            countRefused(refusedByOrder, batch, sample);
            isCut = true;
            continue;
          }
          if (outcome === 'known') {
            differing ??= new DifferingDeltas(batch, seriesRefs);
            if (!differing.has(i, sample)) continue;
            countRefused(refusedAsOther, batch, sample);
            isCut = true;
            continue;
          }
          if ('raised' in outcome) for (const sum of outcome.raised) (raised ??= []).push([ref, sum]);
          ({ bitsLow: low, bitsHigh: high, payload, startMs } = outcome);
        } else if (head.endsWith(ref, timestampMs, low, high, payload, startMs)) {
          takenRefs ??= new Set(refs.subarray(0, taken));
          // Behind another sample of its series it must be kept: that one may hold the same timestamp, and the last one counts.
          if (!takenRefs.has(ref)) continue;
        }
        takenRefs?.add(ref);
        refs[taken] = ref;
        timestampsMs[taken] = timestampMs;
        valueBits[taken * 2] = payload === undefined ? low : this.#addPayload(payload);
        valueBits[taken * 2 + 1] = high;
        if (startMs !== 0) this.startsMs ??= new Float64Array(refs.length);
        if (this.startsMs !== undefined) this.startsMs[taken] = startMs;
        taken++;
      }
      if (isCut) (refusedSeries ??= []).push(i);
    }
    this.sampleCount = taken;
    if (raised !== undefined) this.#takeRaised(raised);
    return { taken: taken - before, refusedWithSeries, refusedByAge, refusedByOrder, refusedAsOther, raised: raised?.length ?? 0, refusedSeries: refusedSeries ?? NO_SERIES };
  }

  /** A batch of which nothing is refused or known, as columns. */
  #takeAll({ sampleCount, timestampsMs, valueBits }: BatchSamples, seriesRefs: Uint32Array): TakenBatch {
    const before = this.sampleCount;
    this.refs.set(seriesRefs.subarray(0, sampleCount), before);
    this.timestampsMs.set(timestampsMs.subarray(0, sampleCount), before);
    this.valueBits.set(valueBits.subarray(0, sampleCount * 2), before * 2);
    this.startsMs?.fill(0, before, before + sampleCount);
    this.sampleCount = before + sampleCount;
    return { taken: sampleCount, refusedWithSeries: NONE_REFUSED, refusedByAge: NONE_REFUSED, refusedByOrder: NONE_REFUSED, refusedAsOther: NONE_REFUSED, raised: 0, refusedSeries: NO_SERIES };
  }

  /** Behind the batch, in the order in which they were made: of samples with one timestamp the last one counts. */
  #takeRaised(raised: readonly (readonly [ref: number, sum: Sum])[]): void {
    this.#reserve(this.sampleCount + raised.length);
    for (const [ref, { timestampMs, bitsLow, bitsHigh, payload, startMs }] of raised) {
      const at = this.sampleCount++;
      this.refs[at] = ref;
      this.timestampsMs[at] = timestampMs;
      this.valueBits[at * 2] = payload === undefined ? bitsLow : this.#addPayload(payload);
      this.valueBits[at * 2 + 1] = bitsHigh;
      if (startMs !== 0) this.startsMs ??= new Float64Array(this.refs.length);
      if (this.startsMs !== undefined) this.startsMs[at] = startMs;
    }
  }

  #addPayload(payload: Uint8Array): number {
    this.#payloadBytes += payload.length;
    return this.payloads.push(payload) - 1;
  }

  #reserve(sampleCount: number): void {
    if (sampleCount <= this.refs.length) return;
    sampleCount = Math.max(sampleCount, this.refs.length * 2);
    const refs = new Uint32Array(sampleCount);
    refs.set(this.refs.subarray(0, this.sampleCount));
    const timestampsMs = new Float64Array(sampleCount);
    timestampsMs.set(this.timestampsMs.subarray(0, this.sampleCount));
    const valueBits = new Uint32Array(sampleCount * 2);
    valueBits.set(this.valueBits.subarray(0, this.sampleCount * 2));
    this.refs = refs;
    this.timestampsMs = timestampsMs;
    this.valueBits = valueBits;
    if (this.startsMs === undefined) return;
    const startsMs = new Float64Array(sampleCount);
    startsMs.set(this.startsMs.subarray(0, this.sampleCount));
    this.startsMs = startsMs;
  }
}

/** Whether it is one float for each of its series, none of them refused, and newer than all that there is of it: nearly every batch is. */
function isAllNewer(batch: BatchSamples, seriesRefs: Uint32Array, { head, floorMs }: TakeContext): boolean {
  if (!hasOneFloatEach(batch)) return false;
  const { seriesCount, timestampsMs } = batch;
  for (let i = 0; i < seriesCount; i++) {
    const ref = seriesRefs[i]!;
    const timestampMs = timestampsMs[i]!;
    if (ref === REFUSED_REF || timestampMs < floorMs || !(timestampMs > head.maxTimestampMsOf(ref))) return false;
  }
  return true;
}

function countRefused(count: RefusedCount, { payloads, valueBits }: BatchSamples, sample: number): void {
  count.samples++;
  if (payloads.length > 0 && valueBits[sample * 2 + 1] === HISTOGRAM_BITS_HIGH) count.histograms++;
}
