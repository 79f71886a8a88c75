import type { AppendMessage } from './append-message.ts';
import type { LogHead } from './log-head.ts';
import { REFUSED_REF } from './resolve-series.ts';
import type { LogBatch } from './wal.ts';

/** The samples of a batch that are to be stored, refs in place of positions: scratch columns, reused from batch to batch. */
export class TakenSamples implements LogBatch {
  sampleCount = 0;
  refs = new Uint32Array(4096);
  timestampsMs = new Float64Array(4096);
  valueBits = new Uint32Array(8192);
  /** Samples of series that were refused. */
  refusedWithSeries = 0;
  /** Samples below the floor: nothing that old may be readable again. */
  refusedByAge = 0;

  /** Takes a batch's samples without those that are refused and without what was sent again. */
  take(batch: AppendMessage, seriesRefs: Uint32Array, head: LogHead, floorMs: number): void {
    this.#reserve(batch.sampleCount);
    const { refs, timestampsMs, valueBits } = this;
    let taken = 0;
    let sample = 0;
    this.refusedWithSeries = 0;
    this.refusedByAge = 0;
    /** Series that have had a sample taken, made when the first one is found to be sent again. */
    let takenRefs: Set<number> | undefined;
    for (let i = 0; i < batch.seriesCount; i++) {
      const ref = seriesRefs[i]!;
      const end = batch.sampleEnd[i]!;
      if (ref === REFUSED_REF) {
        this.refusedWithSeries += end - sample;
        sample = end;
        continue;
      }
      for (; sample < end; sample++) {
        const timestampMs = batch.timestampsMs[sample]!;
        if (timestampMs < floorMs) {
          this.refusedByAge++;
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
  }

  #reserve(sampleCount: number): void {
    if (sampleCount <= this.refs.length) return;
    this.refs = new Uint32Array(sampleCount);
    this.timestampsMs = new Float64Array(sampleCount);
    this.valueBits = new Uint32Array(sampleCount * 2);
  }
}
