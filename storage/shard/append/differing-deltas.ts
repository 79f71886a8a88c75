import { isSameBytes } from '../../../proto/same-bytes.ts';
import { payloadOf } from '../run/payloads.ts';
import type { BatchSamples } from './append-message.ts';

/**
 * Differences of a batch that cannot be what was sent again: another of the same series and time stands before them in it, and has another value.
 * So it is where two emitters go by one series, such as two scopes that name a metric alike. A batch does not say who its samples are from:
 * the first one counts, and of the others it can only be told that they do not.
 */
export class DifferingDeltas {
  readonly #batch: BatchSamples;
  readonly #seriesRefs: Uint32Array;
  /** By ref, the first position among the batch's series. */
  readonly #first = new Map<number, number>();
  /** By such a position, the first sample of each time: of those that are asked for. */
  readonly #samples = new Map<number, ReadonlyMap<number, number>>();

  constructor(batch: BatchSamples, seriesRefs: Uint32Array) {
    this.#batch = batch;
    this.#seriesRefs = seriesRefs;
    for (let series = batch.seriesCount - 1; series >= 0; series--) this.#first.set(seriesRefs[series]!, series);
  }

  /** Whether a sample of the series at this position is one of them. */
  has(series: number, sample: number): boolean {
    const first = this.#first.get(this.#seriesRefs[series]!)!;
    if (first === series) return false;
    const other = this.#samplesOf(first).get(this.#batch.timestampsMs[sample]!);
    return other !== undefined && !this.#areSame(other, sample);
  }

  #samplesOf(series: number): ReadonlyMap<number, number> {
    const known = this.#samples.get(series);
    if (known !== undefined) return known;
    const { sampleEnd, timestampsMs } = this.#batch;
    const byTime = new Map<number, number>();
    for (let sample = sampleEnd[series]! - 1; sample >= (sampleEnd[series - 1] ?? 0); sample--) byTime.set(timestampsMs[sample]!, sample);
    this.#samples.set(series, byTime);
    return byTime;
  }

  #areSame(a: number, b: number): boolean {
    const { valueBits, payloads } = this.#batch;
    const [ofA, ofB] = [payloadOf(valueBits, a, payloads), payloadOf(valueBits, b, payloads)];
    if (ofA !== undefined && ofB !== undefined) return isSameBytes(ofA, ofB);
    return ofA === ofB && valueBits[a * 2] === valueBits[b * 2] && valueBits[a * 2 + 1] === valueBits[b * 2 + 1];
  }
}
