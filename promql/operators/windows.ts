import type { ReferenceTimes } from '../plan/step-grid.ts';

/** The samples of each step's window: indexes `from[step]` up to, not including, `to[step]`. */
export interface Windows {
  readonly from: Int32Array;
  readonly to: Int32Array;
  /** The samples in all windows together, a sample in two windows counted twice. */
  readonly sampleCount: number;
}

/** What the windows of a step take. */
export const WINDOW_BYTES = 8;

/**
 * Finds the window of every step in one pass with two pointers: samples later than reference - range and not later than the reference,
 * so left-open. `beforeMs` and `afterMs` widen the windows on either side.
 *
 * Series that share their timestamps share the windows: the last answer is kept by the identity of the array.
 */
export class WindowFinder {
  readonly #reference: ReferenceTimes;
  readonly #rangeMs: number;
  readonly #beforeMs: number;
  readonly #afterMs: number;
  #lastTimestampsMs: Float64Array | undefined;
  #last: Windows | undefined;

  constructor(reference: ReferenceTimes, rangeMs: number, beforeMs = 0, afterMs = 0) {
    this.#reference = reference;
    this.#rangeMs = rangeMs;
    this.#beforeMs = beforeMs;
    this.#afterMs = afterMs;
  }

  find(timestampsMs: Float64Array): Windows {
    if (this.#last !== undefined && this.#lastTimestampsMs === timestampsMs) return this.#last;
    this.#lastTimestampsMs = timestampsMs;
    this.#last = this.#compute(timestampsMs);
    return this.#last;
  }

  /** Lets go of what it has kept. */
  clear(): void {
    this.#lastTimestampsMs = undefined;
    this.#last = undefined;
  }

  #compute(timestampsMs: Float64Array): Windows {
    const { firstMs, stepMs, count } = this.#reference;
    const length = timestampsMs.length;
    const from = new Int32Array(count);
    const to = new Int32Array(count);
    let first = 0;
    let end = 0;
    let sampleCount = 0;
    for (let step = 0; step < count; step++) {
      const referenceMs = firstMs + step * stepMs;
      const lastMs = referenceMs + this.#afterMs;
      const afterMs = referenceMs - this.#rangeMs - this.#beforeMs;
      while (end < length && timestampsMs[end]! <= lastMs) end++;
      while (first < end && timestampsMs[first]! <= afterMs) first++;
      from[step] = first;
      to[step] = end;
      sampleCount += end - first;
    }
    return { from, to, sampleCount };
  }
}
