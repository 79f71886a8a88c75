import type { ReferenceTimes } from '../plan/step-grid.ts';
import type { RawSeries } from '../series-source.ts';

export const NO_SAMPLE = -1;
/** What the answer for a step takes. */
export const NEWEST_BYTES = 4;

/**
 * For each step the index of the newest sample not after its reference time and inside the left-open look-back; a stale marker is none.
 * Series that share their timestamps share the answer: the last one is kept by the identity of the arrays.
 */
export class NewestSamples {
  readonly #reference: ReferenceTimes;
  readonly #lookbackMs: number;
  #lastSeries: RawSeries | undefined;
  #last: Int32Array | undefined;
  #foundCount = 0;

  constructor(reference: ReferenceTimes, lookbackMs: number) {
    this.#reference = reference;
    this.#lookbackMs = lookbackMs;
  }

  /** How many steps of the last answer have a sample. */
  get foundCount(): number {
    return this.#foundCount;
  }

  find(raw: RawSeries): Int32Array {
    const isSame = this.#lastSeries?.timestampsMs === raw.timestampsMs && this.#lastSeries.isStale === raw.isStale;
    if (this.#last === undefined || !isSame) this.#last = this.#compute(raw);
    this.#lastSeries = raw;
    return this.#last;
  }

  /** Lets go of what it has kept. */
  clear(): void {
    this.#lastSeries = undefined;
    this.#last = undefined;
  }

  #compute(raw: RawSeries): Int32Array {
    const { timestampsMs, isStale } = raw;
    const { firstMs, stepMs, count } = this.#reference;
    const newest = new Int32Array(count);
    let end = 0;
    let foundCount = 0;
    for (let step = 0; step < count; step++) {
      const referenceMs = firstMs + step * stepMs;
      while (end < timestampsMs.length && timestampsMs[end]! <= referenceMs) end++;
      const index = end - 1;
      const isFound = index >= 0 && timestampsMs[index]! > referenceMs - this.#lookbackMs && isStale?.[index] !== 1;
      newest[step] = isFound ? index : NO_SAMPLE;
      if (isFound) foundCount++;
    }
    this.#foundCount = foundCount;
    return newest;
  }
}
