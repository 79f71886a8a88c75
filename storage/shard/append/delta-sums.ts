import { decodeHistogram, encodeHistogram, isIntegerHistogram } from '../../chunk/index.ts';
import { addHistograms, compactHistogram } from '../../model/histogram-add.ts';
import { withHint } from '../../model/histogram.ts';
import { float64Bits, HISTOGRAM_BITS_HIGH, plainBitsHigh, STALE_BITS_HIGH, STALE_BITS_LOW } from '../../model/sample.ts';
import type { LIMITS } from '../../runtime/limits.ts';
import type { StoredSample } from '../select/read-series.ts';

/** A sample that a difference became: the sum of the series up to it. */
export interface SummedSample {
  readonly bitsLow: number;
  readonly bitsHigh: number;
  readonly payload: Uint8Array | undefined;
  readonly startMs: number;
}

/** The sum of a series at a time. */
export interface Sum extends SummedSample {
  readonly timestampMs: number;
}

/** A difference that came behind newer ones: its own sample, and those that are written anew because of it. */
export interface LateSample extends SummedSample {
  readonly raised: readonly Sum[];
}

/** `known`: it has been added before, or is a marker where a sum is. `refused`: it has not, and can no longer be. */
export type DeltaOutcome = SummedSample | LateSample | 'known' | 'refused';

/** What is committed of a series. */
export interface CommittedSamples {
  /** Nothing that was committed since this object woke up is newer; -Infinity where it is not known. */
  newestMs(ref: number): number;
  /** The newest sample at or before a time. */
  lastAt(ref: number, timeMs: number): StoredSample | undefined;
  /** The first samples from a time on, at most `samplesMax`, rising; before `untilMs` there are no others. */
  from(ref: number, timeMs: number, samplesMax: number): { readonly samples: readonly Sum[]; readonly untilMs: number };
}

/** What was read of a series from a time on, for differences that come behind it. */
interface Later {
  readonly ref: number;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly samples: readonly Sum[];
}

/** Stale markers in a row that are looked behind for the sum before them. */
const STALE_MARKERS_MAX = 16;
/** Samples of a series that are read at once when a difference comes late. */
const LATER_SAMPLES_MAX = 4096;
/** Times that a commit reads a series, and sums of it that it looks through, for differences that come late; what needs more is refused. */
const READS_MAX = 256;
const UNCOMMITTED_SUMS_MAX = 1024;

/**
 * Adds up series whose senders tell differences (OTLP's delta temporality), once each.
 *
 * The sum of a series is its newest stored sample, and nothing besides: a difference becomes a sample and part of the sum with the same
 * commit, so that they cannot part ways in a crash, and a difference that comes again finds its sample there and is left out. What is kept
 * here is only remembered. It must hold every sum that has been taken and not committed, so it is only made smaller behind a commit.
 *
 * A sender that has waited for us sends what it has kept by several connections, a Collector by ten: differences then come behind newer
 * ones. Such a late one gets its sample all the same, by which it is known when it comes again, and is added to all samples behind it, as if
 * it had come in its turn. Where they are too many to be written anew it is added to the newest alone: the sum is right from there on.
 */
export class DeltaSums {
  readonly #committed: CommittedSamples;
  readonly #limits: DeltaLimits;
  readonly #sums = new Map<number, Sum>();
  /** What has been added by series and time, since the last commit. */
  readonly #uncommitted = new Map<number, Map<number, Sum>>();
  /** How often series were read for late differences since the last commit, and what was read last. */
  readonly #reads = new Map<number, number>();
  #later: Later | undefined;
  #raised = 0;

  constructor(committed: CommittedSamples, limits: DeltaLimits) {
    this.#committed = committed;
    this.#limits = limits;
  }

  add(ref: number, timestampMs: number, bitsLow: number, bitsHigh: number, payload: Uint8Array | undefined, startMs: number): DeltaOutcome {
    // A stale marker is no difference; it ends the series where it stands, and the sum goes on behind it. In place of a sum it would take that away.
    if (isMarker({ bitsLow, bitsHigh })) return this.#hasSumAt(ref, timestampMs) ? 'known' : { bitsLow, bitsHigh, payload: undefined, startMs };
    const difference = { timestampMs, bitsLow, bitsHigh, payload, startMs };
    const sum = this.#remembered(ref) ?? this.#stored(ref, Infinity);
    if (sum !== undefined && timestampMs <= sum.timestampMs) return this.#addLate(ref, sum, difference);
    const next = sum === undefined ? difference : (added(sum, difference) ?? difference);
    this.#note(ref, { ...next, timestampMs });
    return next;
  }

  /** Everything added so far is committed. */
  noteCommitted(): void {
    this.#uncommitted.clear();
    this.#reads.clear();
    this.#later = undefined;
    this.#raised = 0;
    for (const ref of this.#sums.keys()) {
      if (this.#sums.size <= this.#limits.deltaSumsMax) break;
      this.#sums.delete(ref);
    }
  }

  /** Samples have been removed or refs given anew: what is remembered may be wrong. */
  forget(): void {
    this.#sums.clear();
    this.#later = undefined;
  }

  /** Unless a sample that is no difference has been written behind it: then the sum goes on from that one, as it would if this object had slept. */
  #remembered(ref: number): Sum | undefined {
    const sum = this.#sums.get(ref);
    return sum === undefined || this.#uncommitted.has(ref) || this.#committed.newestMs(ref) <= sum.timestampMs ? sum : undefined;
  }

  #addLate(ref: number, newest: Sum, difference: Sum): DeltaOutcome {
    const { timestampMs } = difference;
    const uncommitted = this.#uncommitted.get(ref);
    if (timestampMs === newest.timestampMs || uncommitted?.has(timestampMs) === true) return 'known';
    const later = this.#readFrom(ref, timestampMs);
    if (later === undefined) return 'refused';
    if (later.samples.some((sample) => sample.timestampMs === timestampMs && !isMarker(sample))) return 'known';
    if (this.#raised >= this.#limits.deltaRaisedSamplesMax || (uncommitted?.size ?? 0) > UNCOMMITTED_SUMS_MAX) return 'refused';
    const before = this.#sumBefore(ref, timestampMs, later);
    const sums = this.#sumsAfter(ref, timestampMs, later);
    // Half the room is for those that have many samples behind them.
    if (sums === undefined || this.#raised + sums.length > this.#limits.deltaRaisedSamplesMax / 2) return this.#addToNewest(ref, newest, difference, before);
    const sum = before && added(before, difference);
    const own = sum ?? difference;
    // A series that begins with it has its start.
    const startMs = sum === undefined ? own.startMs : 0;
    const raised: Sum[] = [];
    for (const sample of sums) {
      const higher = added(sample, difference);
      // It began anew there, and what is behind has nothing to do with this.
      if (higher === undefined) break;
      raised.push({ ...higher, timestampMs: sample.timestampMs, startMs: startMs === 0 ? sample.startMs : startMs });
    }
    this.#raise(ref, newest, { ...own, timestampMs }, raised);
    return { ...own, raised };
  }

  /** Its own sample is the sum before it. */
  #addToNewest(ref: number, newest: Sum, difference: Sum, before: Sum | undefined): DeltaOutcome {
    const higher = added(newest, difference);
    if (before === undefined || higher === undefined || added(before, difference) === undefined) return 'refused';
    const raised = [{ ...higher, timestampMs: newest.timestampMs, startMs: newest.startMs }];
    this.#raise(ref, newest, { ...before, timestampMs: difference.timestampMs }, raised);
    return { ...before, raised };
  }

  #raise(ref: number, newest: Sum, own: Sum, raised: readonly Sum[]): void {
    const uncommitted = this.#uncommittedOf(ref);
    uncommitted.set(own.timestampMs, own);
    for (const sum of raised) uncommitted.set(sum.timestampMs, sum);
    this.#raised += raised.length;
    this.#sums.set(ref, raised.at(-1)?.timestampMs === newest.timestampMs ? raised.at(-1)! : newest);
  }

  #note(ref: number, sum: Sum): void {
    this.#uncommittedOf(ref).set(sum.timestampMs, sum);
    // Again last: the series that has not been summed for longest goes first.
    this.#sums.delete(ref);
    this.#sums.set(ref, sum);
  }

  #uncommittedOf(ref: number): Map<number, Sum> {
    let sums = this.#uncommitted.get(ref);
    if (sums === undefined) this.#uncommitted.set(ref, (sums = new Map()));
    return sums;
  }

  /** What is committed from a time on, or from before it; `undefined` when the commit has read the series too often. Rising times share what was read. */
  #readFrom(ref: number, timeMs: number): Later | undefined {
    const last = this.#later;
    if (last?.ref === ref && last.fromMs <= timeMs && timeMs < last.untilMs) return last;
    const reads = (this.#reads.get(ref) ?? 0) + 1;
    if (reads > READS_MAX) return undefined;
    this.#reads.set(ref, reads);
    return (this.#later = { ref, fromMs: timeMs, ...this.#committed.from(ref, timeMs, LATER_SAMPLES_MAX) });
  }

  #hasSumAt(ref: number, timeMs: number): boolean {
    const newest = this.#sums.get(ref);
    if (newest !== undefined && newest.timestampMs <= timeMs) return newest.timestampMs === timeMs;
    if (this.#uncommitted.get(ref)?.has(timeMs) === true) return true;
    const sample = this.#committed.lastAt(ref, timeMs);
    return sample?.timestampMs === timeMs && !isMarker(sample);
  }

  #sumBefore(ref: number, timeMs: number, { samples }: Later): Sum | undefined {
    let best = samples.findLast((sample) => sample.timestampMs < timeMs && !isMarker(sample)) ?? this.#stored(ref, timeMs - 1);
    for (const sum of this.#uncommitted.get(ref)?.values() ?? []) {
      if (sum.timestampMs < timeMs && (best === undefined || sum.timestampMs >= best.timestampMs)) best = sum;
    }
    return best;
  }

  /** All sums behind a time, rising; `undefined` when not all of them have been read. */
  #sumsAfter(ref: number, timeMs: number, { samples, untilMs }: Later): readonly Sum[] | undefined {
    if (untilMs !== Infinity) return undefined;
    const behind = (sum: Sum): boolean => sum.timestampMs > timeMs && !isMarker(sum);
    const byTime = new Map(samples.filter(behind).map((sum) => [sum.timestampMs, sum]));
    for (const sum of this.#uncommitted.get(ref)?.values() ?? []) if (behind(sum)) byTime.set(sum.timestampMs, sum);
    return [...byTime.values()].sort((a, b) => a.timestampMs - b.timestampMs);
  }

  #stored(ref: number, timeMs: number): Sum | undefined {
    for (let markers = 0; markers < STALE_MARKERS_MAX; markers++) {
      const sample = this.#committed.lastAt(ref, timeMs);
      if (sample === undefined) return undefined;
      const { timestampMs, bitsLow, bitsHigh, payload, startMs } = sample;
      if (!isMarker(sample)) return { timestampMs, bitsLow, bitsHigh, payload, startMs };
      timeMs = timestampMs - 1;
    }
    return undefined;
  }
}

export type DeltaLimits = Pick<typeof LIMITS, 'deltaSumsMax' | 'deltaRaisedSamplesMax'>;

function isMarker({ bitsLow, bitsHigh }: Pick<SummedSample, 'bitsLow' | 'bitsHigh'>): boolean {
  return bitsHigh === STALE_BITS_HIGH && bitsLow === STALE_BITS_LOW;
}

/**
 * A sum with a difference added. `undefined` for what cannot be added, with which a series begins anew: a float and a histogram, or buckets
 * that cannot be brought together.
 */
function added(sum: SummedSample, { bitsLow, bitsHigh, payload, startMs }: SummedSample): SummedSample | undefined {
  if ((sum.payload === undefined) !== (payload === undefined)) return undefined;
  const start = sum.startMs === 0 ? startMs : sum.startMs;
  if (sum.payload === undefined || payload === undefined) {
    const total = float64Bits(valueOf(sum.bitsLow, sum.bitsHigh) + valueOf(bitsLow, bitsHigh));
    return { bitsLow: total[0]!, bitsHigh: plainBitsHigh(total[1]!), payload: undefined, startMs: start };
  }
  const result = addHistograms(decodeHistogram(sum.payload), withHint(decodeHistogram(payload), 'unknown'));
  if (result.kind !== 'histogram' || result.boundsReconciled) return undefined;
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
