import { labelsKey, type Labels } from '../model/labels.ts';
import { VarveError } from '../runtime/errors.ts';
import { LIMITS } from '../runtime/limits.ts';
import type { LocalSeries } from '../shard/append/local-batch.ts';
import type { BatchChange, SeriesChange } from '../shard/feed/change-feed.ts';
import { LateBatchWriter, type LateSeries } from '../shard/late/late-batch.ts';
import { groupedByDays } from '../shard/late/late-days.ts';
import type { LateQueue } from '../shard/late/late-queue.ts';
import { lowerBound, type Part } from '../shard/run/piece.ts';
import { floatSource, SampleRun } from '../shard/run/sample-run.ts';
import type { StoredSample } from '../shard/select/read-series.ts';
import { documentId } from './documents.ts';
import { roleOf } from './keys.ts';

/** So many samples that come at once are put in their place one by one; more are sorted with the others. */
const ONE_BY_ONE_MAX = 16;
/** Of the batches that may wait these are for roll-ups: without them nothing could move when it is full. */
const ROLLUP_BATCHES = 4096;
const BATCHES_MAX = LIMITS.lateRowsMax - ROLLUP_BATCHES;
/** Samples that a series has room for at first: most have few. */
const RUN_CAPACITY = 4;

/**
 * What came when its window had moved, until it moves too: batches of the engine's late queue, in which it is durable, and in memory its
 * samples by series, since everything is readable at once. Of equal timestamps of a series these count more than all that has moved, and than
 * what the hot tier still has of a window that is closed: they came behind that.
 */
export class LateValues {
  readonly #queue: LateQueue;
  /** By series, samples in order of time; `undefined` until somebody asks. */
  #runs: Map<string, SampleRun> | undefined;
  /** What the queue was when they were read. */
  #runsOf = '';
  /** Those of keys themselves, which roll-ups are not. */
  #keyCount = 0;

  constructor(queue: LateQueue) {
    this.#queue = queue;
  }

  /** Samples that wait; one that was overwritten counts as well. */
  get sampleCount(): number {
    return this.#queue.sampleCount;
  }

  /** How much of the room for them is taken, as far as it is known: all of it from 1 on. */
  get fullness(): number {
    const { sampleCount, batchCount } = this.#queue;
    const keys = this.#isRead ? this.#keyCount : 0;
    return Math.max(sampleCount / LIMITS.storeLateSamplesMax, batchCount / BATCHES_MAX, keys / LIMITS.storeLateKeysMax);
  }

  /** Whether there is room for so many more, of these keys' series. */
  hasRoomFor(sampleCount: number, series: readonly Labels[]): boolean {
    const batches = Math.ceil(sampleCount / LIMITS.lateSeriesSamplesMax) + 1;
    if (this.#queue.sampleCount + sampleCount > LIMITS.storeLateSamplesMax || this.#queue.batchCount + batches > BATCHES_MAX) return false;
    const runs = this.#read();
    const newKeys = series.filter((labels) => !runs.has(labelsKey(labels))).length;
    return this.#keyCount + newKeys <= LIMITS.storeLateKeysMax;
  }

  /** Of the newest batch that ever came; 0 before the first. */
  get lastSequence(): number {
    return this.#queue.lastSequence;
  }

  /** Takes samples, inside the caller's transaction. */
  put(series: readonly LocalSeries[]): void {
    const isRead = this.#isRead;
    const writer = new LateBatchWriter();
    const send = (): void => {
      // Commit point of late values: the caller's transaction, with the batch's row in it.
      const answer = this.#queue.append(writer.finish(), { isNew: true });
      // There was room for so many, unless their keys are very long.
      if (answer.status === 'refused') throw new VarveError('overloaded', answer.message);
    };
    const stretches = series.flatMap(({ labels, timestampsMs, values }) =>
      Array.from({ length: Math.ceil(timestampsMs.length / LIMITS.lateSeriesSamplesMax) }, (_, k): LateSeries => {
        const from = k * LIMITS.lateSeriesSamplesMax;
        const to = Math.min(timestampsMs.length, from + LIMITS.lateSeriesSamplesMax);
        const times = Float64Array.from({ length: to - from }, (_time, i) => timestampsMs[from + i]!);
        return { labels, timestampsMs: times, valueBits: bitsOf(values, from, to), startsMs: new Float64Array(times.length) };
      }),
    );
    for (const group of groupedByDays(stretches, LIMITS.archiveLateDaysMax)) {
      for (const one of group) {
        writer.add(one);
        if (writer.plainBytes >= LIMITS.lateBatchBytesTarget) send();
      }
      if (writer.sampleCount > 0) send();
    }
    if (isRead) for (const { labels, timestampsMs, valueBits } of stretches) this.#add(labels, timestampsMs, valueBits);
    if (isRead) this.#runsOf = this.#state;
  }

  /** A series' samples between two times (Unix ms, both inclusive), copied; `undefined` when there are none. */
  within(labels: Labels, startMs: number, endMs: number): Part | undefined {
    const run = this.#runOf(labels);
    if (run === undefined) return undefined;
    const from = lowerBound(run.timestampsMs, startMs, run.length);
    const to = lowerBound(run.timestampsMs, endMs + 1, run.length);
    if (from >= to) return undefined;
    return { ...floatSource(run.timestampsMs.slice(from, to), run.bits.slice(from * 2, to * 2)), from: 0, to: to - from, hasStale: false };
  }

  /** A series' newest sample between two times (Unix ms, both inclusive). */
  lastWithin(labels: Labels, startMs: number, endMs: number): StoredSample | undefined {
    const run = this.#runOf(labels);
    if (run === undefined) return undefined;
    const at = lowerBound(run.timestampsMs, endMs + 1, run.length) - 1;
    const timestampMs = run.timestampsMs[at];
    if (timestampMs === undefined || timestampMs < startMs) return undefined;
    return { timestampMs, value: run.values[at]!, bitsLow: run.bits[at * 2]!, bitsHigh: run.bits[at * 2 + 1]!, payload: undefined, startMs: 0 };
  }

  /** The oldest batch behind a sequence that waits. */
  changeBehind(sequence: number): BatchChange | undefined {
    const next = this.#queue.nextSequence(sequence);
    if (next === undefined) return undefined;
    const series: SeriesChange[] = [];
    this.#queue.read(next, ({ labels, timestampsMs, valueBits }) => series.push({ labels, timestampsMs, valueBits }));
    return { sequence: next, series };
  }

  /** Forgets what came behind a sequence, inside the caller's transaction. */
  dropBehind(sequence: number): void {
    for (let next = this.#queue.nextSequence(sequence); next !== undefined; next = this.#queue.nextSequence(next)) this.#queue.drop(next);
  }

  /** Id of the first document that waits. Those of later batches are greater. */
  firstDocument(): number | undefined {
    for (let change = this.changeBehind(0); change !== undefined; change = this.changeBehind(change.sequence)) {
      let first: number | undefined;
      for (const { valueBits } of change.series) {
        for (let word = 0; word < valueBits.length; word += 2) {
          const id = documentId(valueBits[word]!, valueBits[word + 1]!);
          if (id !== undefined && !(first !== undefined && first < id)) first = id;
        }
      }
      if (first !== undefined) return first;
    }
    return undefined;
  }

  get #state(): string {
    return `${this.#queue.lastSequence}/${this.#queue.sampleCount}`;
  }

  get #isRead(): boolean {
    return this.#runs !== undefined && this.#runsOf === this.#state;
  }

  #runOf(labels: Labels): SampleRun | undefined {
    return this.#queue.sampleCount === 0 ? undefined : this.#read().get(labelsKey(labels));
  }

  #read(): ReadonlyMap<string, SampleRun> {
    if (this.#isRead) return this.#runs!;
    this.#runs = new Map();
    this.#keyCount = 0;
    for (let change = this.changeBehind(0); change !== undefined; change = this.changeBehind(change.sequence)) {
      for (const { labels, timestampsMs, valueBits } of change.series) this.#runFor(labels).append(floatSource(timestampsMs, valueBits), 0, timestampsMs.length);
    }
    for (const run of this.#runs.values()) run.settle();
    this.#runsOf = this.#state;
    return this.#runs;
  }

  #runFor(labels: Labels): SampleRun {
    const key = labelsKey(labels);
    let run = this.#runs!.get(key);
    if (run !== undefined) return run;
    this.#runs!.set(key, (run = new SampleRun(RUN_CAPACITY)));
    if (roleOf(labels).rollup === undefined) this.#keyCount++;
    return run;
  }

  #add(labels: Labels, timestampsMs: Float64Array, bits: Uint32Array): void {
    const run = this.#runFor(labels);
    if (timestampsMs.length > ONE_BY_ONE_MAX) {
      run.append(floatSource(timestampsMs, bits), 0, timestampsMs.length);
      run.settle();
      return;
    }
    for (let i = 0; i < timestampsMs.length; i++) {
      const at = lowerBound(run.timestampsMs, timestampsMs[i]!, run.length);
      if (at === run.length || run.timestampsMs[at] !== timestampsMs[i]) run.insert(at);
      run.timestampsMs[at] = timestampsMs[i]!;
      run.bits.set(bits.subarray(i * 2, i * 2 + 2), at * 2);
    }
  }
}

function bitsOf(values: ArrayLike<number>, from: number, to: number): Uint32Array {
  // A Float64Array is copied bit by bit: a document is the payload of a NaN.
  const copy = values instanceof Float64Array ? values.slice(from, to) : Float64Array.from({ length: to - from }, (_, i) => values[from + i]!);
  return new Uint32Array(copy.buffer);
}
