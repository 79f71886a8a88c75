import type { AppendMessage } from './append-message.ts';
import type { LogHead } from './log-head.ts';
import { REFUSED_REF } from './resolve-series.ts';
import type { LogBatch } from './wal.ts';

/** How many samples of a batch became what. */
export interface TakenBatch {
  readonly taken: number;
  /** Of series that were refused. */
  readonly refusedWithSeries: number;
  /** Below the floor: nothing that old may be readable again. */
  readonly refusedByAge: number;
}

/** The samples of batches that are to be stored in one WAL row, refs in place of positions: scratch columns, reused from row to row. */
export class TakenSamples implements LogBatch {
  sampleCount = 0;
  refs = new Uint32Array(4096);
  timestampsMs = new Float64Array(4096);
  valueBits = new Uint32Array(8192);

  clear(): void {
    this.sampleCount = 0;
  }

  /** Adds a batch's samples without those that are refused and without what was sent again. */
  take(batch: AppendMessage, seriesRefs: Uint32Array, head: LogHead, floorMs: number): TakenBatch {
    this.#reserve(this.sampleCount + batch.sampleCount);
    const { refs, timestampsMs, valueBits } = this;
    const before = this.sampleCount;
    let taken = before;
    let sample = 0;
    let refusedWithSeries = 0;
    let refusedByAge = 0;
    /** Series that have had a sample taken, made when the first one is found to be sent again. */
    let takenRefs: Set<number> | undefined;
    for (let i = 0; i < batch.seriesCount; i++) {
      const ref = seriesRefs[i]!;
      const end = batch.sampleEnd[i]!;
      if (ref === REFUSED_REF) {
        refusedWithSeries += end - sample;
        sample = end;
        continue;
      }
      for (; sample < end; sample++) {
        const timestampMs = batch.timestampsMs[sample]!;
        if (timestampMs < floorMs) {
          refusedByAge++;
          continue;
        }
        const low = batch.valueBits[sample * 2]!;
        const high = batch.valueBits[sample * 2 + 1]!;
        if (head.endsWith(ref, timestampMs, low, high)) {
          takenRefs ??= new Set(refs.subarray(0, taken));
          // Behind another sample of its series it must be kept: that one may hold the same timestamp, and the last one counts.
          if (!takenRefs.has(ref)) continue;
        }
        takenRefs?.add(ref);
        refs[taken] = ref;
        timestampsMs[taken] = timestampMs;
        valueBits[taken * 2] = low;
        valueBits[taken * 2 + 1] = high;
        taken++;
      }
    }
    this.sampleCount = taken;
    return { taken: taken - before, refusedWithSeries, refusedByAge };
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
  }
}
