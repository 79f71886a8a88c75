import { DecodeError } from '../../proto/decode-error.ts';
import { NO_PAYLOADS, TIMESTAMP_MS_MAX } from '../chunk/index.ts';
import type { BatchSamples } from './append-message.ts';

/**
 * A batch of one float for each series of a list that the shard has (series-lists.ts): one buffer, little-endian.
 *
 * ```
 * u32 version = 3 │ u32 samples │ u32 runs of equal timestamps │ u32 × 3: name of the list
 * f64 × runs: timestamp, ms │ u32 × runs: end of the run's samples (exclusive) │ 8 bytes × samples: value bits
 * ```
 *
 * Timestamps are whole and within ±TIMESTAMP_MS_MAX. Versions 1 and 2 are those of append-message.ts.
 */
const VERSION = 3;
const HEADER_WORDS = 6;
const HEADER_BYTES = HEADER_WORDS * 4;
const NAME_AT = 3;
export const LIST_NAME_WORDS = 3;
const RUN_BYTES = 12;

export interface ListedMessage {
  readonly name: Uint32Array;
  readonly batch: BatchSamples;
}

export function isListedMessage(buffer: ArrayBuffer): boolean {
  return buffer.byteLength >= HEADER_BYTES && new Uint32Array(buffer, 0, 1)[0] === VERSION;
}

/** Columns may be longer than the count. Values are no histograms. */
export function encodeListedMessage(name: Uint32Array, sampleCount: number, timestampsMs: Float64Array, valueBits: Uint32Array): ArrayBuffer {
  let runs = 0;
  for (let i = 0; i < sampleCount; i++) if (i === 0 || timestampsMs[i] !== timestampsMs[i - 1]) runs++;
  const valuesAt = HEADER_BYTES + runs * RUN_BYTES;
  const buffer = new ArrayBuffer(valuesAt + sampleCount * 8);
  const header = new Uint32Array(buffer, 0, HEADER_WORDS);
  header.set([VERSION, sampleCount, runs]);
  header.set(name, NAME_AT);
  const timesMs = new Float64Array(buffer, HEADER_BYTES, runs);
  const ends = new Uint32Array(buffer, HEADER_BYTES + runs * 8, runs);
  for (let i = 0, run = -1; i < sampleCount; i++) {
    if (i === 0 || timestampsMs[i] !== timestampsMs[i - 1]) timesMs[++run] = timestampsMs[i]!;
    ends[run] = i + 1;
  }
  new Uint32Array(buffer, valuesAt, sampleCount * 2).set(valueBits.subarray(0, sampleCount * 2));
  return buffer;
}

/** Throws DecodeError on anything that an encoder of this version would not have made. */
export function decodeListedMessage(buffer: ArrayBuffer): ListedMessage {
  const [, sampleCount, runs] = new Uint32Array(buffer, 0, HEADER_WORDS) as unknown as [number, number, number];
  const valuesAt = HEADER_BYTES + runs * RUN_BYTES;
  if (buffer.byteLength !== valuesAt + sampleCount * 8) throw new DecodeError(`listed message: got ${buffer.byteLength} bytes, want ${valuesAt + sampleCount * 8}`);
  const timesMs = new Float64Array(buffer, HEADER_BYTES, runs);
  const ends = new Uint32Array(buffer, HEADER_BYTES + runs * 8, runs);
  const timestampsMs = new Float64Array(sampleCount);
  let start = 0;
  for (let run = 0; run < runs; run++) {
    const timeMs = timesMs[run]!;
    const end = ends[run]!;
    if (end <= start || end > sampleCount) throw new DecodeError(`listed message: run ${run} of timestamps ends at sample ${end} of ${sampleCount}`);
    if (!(Math.abs(timeMs) <= TIMESTAMP_MS_MAX) || timeMs !== Math.trunc(timeMs)) throw new DecodeError(`listed message: the timestamp ${timeMs} of run ${run} cannot be stored`);
    timestampsMs.fill(timeMs, start, end);
    start = end;
  }
  if (start !== sampleCount) throw new DecodeError(`listed message: the timestamps end at sample ${start} of ${sampleCount}`);
  const valueBits = new Uint32Array(buffer, valuesAt, sampleCount * 2);
  return {
    name: new Uint32Array(buffer, NAME_AT * 4, LIST_NAME_WORDS),
    batch: { seriesCount: sampleCount, sampleCount, sampleEnd: oneEach(sampleCount), timestampsMs, valueBits, payloads: NO_PAYLOADS, startsMs: undefined, isDelta: undefined },
  };
}

/** 1, 2, 3, …, never changed once it is given away. */
let oneToN = Uint32Array.from({ length: 4096 }, (_, i) => i + 1);

function oneEach(count: number): Uint32Array {
  if (count > oneToN.length) oneToN = new Uint32Array(Math.max(count, oneToN.length * 2)).map((_, i) => i + 1);
  return oneToN.subarray(0, count);
}
