import { NO_PAYLOADS, type SampleColumnSource } from '../../chunk/index.ts';
import { rebasePayloads } from './payloads.ts';

/** Columns of samples that a run can take from; `bits`, `payloads` and `startsMs` as in SampleColumn. */
export interface RunSource {
  readonly timestampsMs: Float64Array;
  readonly bits: Uint32Array;
  readonly payloads: readonly Uint8Array[];
  readonly startsMs: Float64Array | undefined;
}

/** One series' samples on their way out of the log or out of segments: growing columns, reused from series to series. */
export class SampleRun implements SampleColumnSource {
  length = 0;
  timestampsMs: Float64Array;
  /** Two views of the same bytes; bits are what is copied, so that stale markers survive. */
  values: Float64Array;
  bits: Uint32Array;
  /** Histograms that values stand for. */
  payloads: Uint8Array[] = [];
  /** Start timestamps, 0 where unknown; `undefined` as long as none is known. */
  startsMs: Float64Array | undefined;

  /** Room for so many samples; it grows. */
  constructor(capacity = 1024) {
    this.timestampsMs = new Float64Array(capacity);
    this.values = new Float64Array(capacity);
    this.bits = new Uint32Array(this.values.buffer);
  }

  clear(): void {
    this.length = 0;
    this.startsMs = undefined;
    if (this.payloads.length > 0) this.payloads = [];
  }

  reserve(length: number): void {
    if (length <= this.timestampsMs.length) return;
    const capacity = Math.max(length, this.timestampsMs.length * 2);
    const timestampsMs = new Float64Array(capacity);
    timestampsMs.set(this.timestampsMs.subarray(0, this.length));
    const bits = new Uint32Array(capacity * 2);
    bits.set(this.bits.subarray(0, this.length * 2));
    this.timestampsMs = timestampsMs;
    this.bits = bits;
    this.values = new Float64Array(bits.buffer);
    if (this.startsMs === undefined) return;
    const startsMs = new Float64Array(capacity);
    startsMs.set(this.startsMs.subarray(0, this.length));
    this.startsMs = startsMs;
  }

  /** Appends samples `from` to `to` of a source. */
  append({ timestampsMs, bits, payloads, startsMs }: RunSource, from: number, to: number): void {
    const start = this.length;
    const end = start + to - from;
    this.reserve(end);
    this.timestampsMs.set(timestampsMs.subarray(from, to), start);
    this.bits.set(bits.subarray(from * 2, to * 2), start * 2);
    this.length = end;
    if (payloads.length > 0) rebasePayloads(this.bits, start, end, payloads, this.payloads);
    if (startsMs !== undefined) this.withStarts().set(startsMs.subarray(from, to), start);
    else this.startsMs?.fill(0, start, end);
  }

  /** Makes room for one float in front of a position; whoever calls writes it. */
  insert(at: number): void {
    this.reserve(this.length + 1);
    this.timestampsMs.copyWithin(at + 1, at, this.length);
    this.bits.copyWithin((at + 1) * 2, at * 2, this.length * 2);
    this.startsMs?.copyWithin(at + 1, at, this.length).fill(0, at, at + 1);
    this.length++;
  }

  /** Forgets the first samples, and the histograms that only they stood for. */
  dropFirst(count: number): void {
    const { length, payloads } = this;
    this.timestampsMs.copyWithin(0, count, length);
    this.bits.copyWithin(0, count * 2, length * 2);
    this.startsMs?.copyWithin(0, count, length);
    this.length = length - count;
    if (payloads.length === 0) return;
    this.payloads = [];
    rebasePayloads(this.bits, 0, this.length, payloads, this.payloads);
  }

  /** The start timestamps, to be written to. */
  withStarts(): Float64Array {
    return (this.startsMs ??= new Float64Array(this.timestampsMs.length));
  }

  /**
   * Puts the samples in order of time, one for each timestamp. Of several with the same timestamp the one accepted last stays: samples
   * are appended in the order of acceptance, and the sort is stable.
   */
  settle(): void {
    const { timestampsMs, length, startsMs } = this;
    let isRising = true;
    for (let i = 1; i < length && isRising; i++) isRising = timestampsMs[i]! > timestampsMs[i - 1]!;
    if (isRising) return;
    const order = Array.from({ length }, (_, i) => i).sort((a, b) => timestampsMs[a]! - timestampsMs[b]! || a - b);
    const kept = order.filter((entry, i) => i + 1 === length || timestampsMs[order[i + 1]!] !== timestampsMs[entry]);
    const sortedTimes = Float64Array.from(kept, (entry) => timestampsMs[entry]!);
    const sortedBits = new Uint32Array(kept.length * 2);
    kept.forEach((entry, i) => {
      sortedBits[i * 2] = this.bits[entry * 2]!;
      sortedBits[i * 2 + 1] = this.bits[entry * 2 + 1]!;
    });
    timestampsMs.set(sortedTimes);
    this.bits.set(sortedBits);
    startsMs?.set(kept.map((entry) => startsMs[entry]!));
    this.length = kept.length;
  }
}

/** What code that has floats alone is a source of. */
export function floatSource(timestampsMs: Float64Array, bits: Uint32Array): RunSource {
  return { timestampsMs, bits, payloads: NO_PAYLOADS, startsMs: undefined };
}
