import { decodeHistogram, encodeHistogram, isIntegerHistogram } from '../chunk/index.ts';
import { addHistograms, compactHistogram } from '../model/histogram-add.ts';
import { withHint } from '../model/histogram.ts';
import { float64Bits, HISTOGRAM_BITS_HIGH, plainBitsHigh, STALE_BITS_HIGH, STALE_BITS_LOW } from '../model/sample.ts';
import type { StoredSample } from './read-series.ts';

/** A sample that a difference became: the sum of the series up to it. */
export interface SummedSample {
  readonly bitsLow: number;
  readonly bitsHigh: number;
  readonly payload: Uint8Array | undefined;
  readonly startMs: number;
}

/** `known`: it has been added before. `late`: it has not, and newer ones have, so that it can no longer be. */
export type DeltaOutcome = SummedSample | 'known' | 'late';

/** The newest sum of a series, as far as it has been taken. */
interface Sum extends SummedSample {
  readonly timestampMs: number;
}

/** Stale markers in a row that are looked behind for the sum before them. */
const STALE_MARKERS_MAX = 16;

/**
 * Adds up series whose senders tell differences (OTLP's delta temporality), once each.
 *
 * The sum of a series is its newest stored sample, and nothing besides: a difference becomes a sample and part of the sum with the same
 * commit, so that they cannot part ways in a crash, and a difference that comes again finds its sample there and is left out. What is kept
 * here is only remembered. It must hold every
 * sum that has been taken and not committed, so it is only made smaller behind a commit.
 */
export class DeltaSums {
  readonly #lastSampleAt: (ref: number, timeMs: number) => StoredSample | undefined;
  readonly #sumsMax: number;
  readonly #sums = new Map<number, Sum>();
  /** Times of what has been added by series, since the last commit. */
  readonly #uncommitted = new Map<number, number[]>();

  /** `lastSampleAt` reads what is committed: a series' newest sample at or before a time. */
  constructor(lastSampleAt: (ref: number, timeMs: number) => StoredSample | undefined, sumsMax: number) {
    this.#lastSampleAt = lastSampleAt;
    this.#sumsMax = sumsMax;
  }

  add(ref: number, timestampMs: number, bitsLow: number, bitsHigh: number, payload: Uint8Array | undefined, startMs: number): DeltaOutcome {
    const isMarker = bitsHigh === STALE_BITS_HIGH && bitsLow === STALE_BITS_LOW;
    // A stale marker is no difference; it ends the series where it stands, and the sum goes on behind it.
    if (isMarker) return { bitsLow, bitsHigh, payload: undefined, startMs };
    const sum = this.#sums.get(ref) ?? this.#stored(ref, Infinity);
    if (sum !== undefined && timestampMs <= sum.timestampMs) {
      const isKnown = timestampMs === sum.timestampMs || this.#uncommitted.get(ref)?.includes(timestampMs) === true;
      return isKnown || this.#lastSampleAt(ref, timestampMs)?.timestampMs === timestampMs ? 'known' : 'late';
    }
    const times = this.#uncommitted.get(ref);
    if (times === undefined) this.#uncommitted.set(ref, [timestampMs]);
    else times.push(timestampMs);
    const next = { timestampMs, ...summed(sum, bitsLow, bitsHigh, payload, startMs) };
    // Again last: the series that has not been summed for longest goes first.
    this.#sums.delete(ref);
    this.#sums.set(ref, next);
    return next;
  }

  /** Everything added so far is committed. */
  noteCommitted(): void {
    this.#uncommitted.clear();
    for (const ref of this.#sums.keys()) {
      if (this.#sums.size <= this.#sumsMax) break;
      this.#sums.delete(ref);
    }
  }

  /** Samples have been removed or refs given anew: what is remembered may be wrong. */
  forget(): void {
    this.#sums.clear();
  }

  #stored(ref: number, timeMs: number): Sum | undefined {
    for (let markers = 0; markers < STALE_MARKERS_MAX; markers++) {
      const sample = this.#lastSampleAt(ref, timeMs);
      if (sample === undefined) return undefined;
      const { timestampMs, bitsLow, bitsHigh, payload, startMs } = sample;
      if (bitsHigh !== STALE_BITS_HIGH || bitsLow !== STALE_BITS_LOW) return { timestampMs, bitsLow, bitsHigh, payload, startMs };
      timeMs = timestampMs - 1;
    }
    return undefined;
  }
}

/** A series that changes between floats and histograms, or to buckets that cannot be brought together with those before, begins anew. */
function summed(sum: Sum | undefined, bitsLow: number, bitsHigh: number, payload: Uint8Array | undefined, startMs: number): SummedSample {
  const first = { bitsLow, bitsHigh, payload, startMs };
  if (sum === undefined || (sum.payload === undefined) !== (payload === undefined)) return first;
  const start = sum.startMs === 0 ? startMs : sum.startMs;
  if (sum.payload === undefined || payload === undefined) {
    const total = float64Bits(valueOf(sum.bitsLow, sum.bitsHigh) + valueOf(bitsLow, bitsHigh));
    return { bitsLow: total[0]!, bitsHigh: plainBitsHigh(total[1]!), payload: undefined, startMs: start };
  }
  const result = addHistograms(decodeHistogram(sum.payload), withHint(decodeHistogram(payload), 'unknown'));
  if (result.kind !== 'histogram' || result.boundsReconciled) return first;
  const isInteger = isIntegerHistogram(sum.payload) && isIntegerHistogram(payload);
  return { bitsLow: 0, bitsHigh: HISTOGRAM_BITS_HIGH, payload: encodeHistogram(withHint(compactHistogram(result.histogram), 'unknown'), isInteger), startMs: start };
}

function valueOf(bitsLow: number, bitsHigh: number): number {
  words[0] = bitsLow;
  words[1] = bitsHigh;
  return number[0]!;
}

const words = new Uint32Array(2);
const number = new Float64Array(words.buffer);
