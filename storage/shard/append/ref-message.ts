import { DecodeError } from '../../../proto/decode-error.ts';
import { NO_PAYLOADS, TIMESTAMP_MS_MAX } from '../../chunk/index.ts';
import { REF_SPACE_WORDS } from '../index/ref-space.ts';
import type { BatchSamples } from './append-message.ts';
import { BatchColumns } from './batch-columns.ts';

/**
 * A batch of one float a series, whose series are named by their refs as far as the sender has been told them: one buffer, little-endian.
 *
 * ```
 * u32 version = 4 │ u32 samples │ u32 runs of series │ u32 series by id │ u32 runs of equal timestamps
 * u32 × 3: the ref space that the refs are of (ref-space.ts) │ u32 mix of the ids of the series by ref (mixedWith, there) │ u32 0
 * f64 × runs of timestamps: timestamp, ms
 * u32 × 2 × runs of series: the first one's ref, which rises by one from series to series, or BY_ID; how many series
 * u32 × runs of timestamps: end of the run's samples (exclusive)
 * u32 × series by id: id low │ the same: id high │ the same: check word
 * (4 bytes of padding when needed, so that what follows lies at a multiple of 8)
 * 8 bytes × samples: value bits
 * ```
 *
 * Timestamps are whole and within ±TIMESTAMP_MS_MAX. Versions 1 and 2 are those of append-message.ts; 3, which named lists of series, is
 * refused.
 */
const VERSION = 4;
const HEADER_WORDS = 10;
const HEADER_BYTES = HEADER_WORDS * 4;
const SPACE_AT = 5;
const TIME_RUN_BYTES = 12;
const SERIES_RUN_BYTES = 8;
const ID_BYTES = 12;
/** In place of a run's first ref. */
export const BY_ID = 0xffffffff;

/** How a batch's series are named. */
export interface SeriesNames {
  readonly space: Uint32Array;
  /** Two words a run: first ref or BY_ID, and how many series. */
  readonly runs: Uint32Array;
  readonly mix: number;
}

export interface RefBatch extends BatchSamples, SeriesNames {
  /** Of the series by id, in their order. */
  readonly idLow: Uint32Array;
  readonly idHigh: Uint32Array;
  readonly idCheck: Uint32Array;
}

/** Of a batch's series and samples, one each; arrays may be longer than the count. Values are no histograms. */
export interface OneFloatEach {
  readonly sampleCount: number;
  readonly idLow: Uint32Array;
  readonly idHigh: Uint32Array;
  readonly idCheck: Uint32Array;
  readonly timestampsMs: Float64Array;
  readonly valueBits: Uint32Array;
}

export function isRefMessage(buffer: ArrayBuffer): boolean {
  return buffer.byteLength >= HEADER_BYTES && new Uint32Array(buffer, 0, 1)[0] === VERSION;
}

export function encodeRefMessage({ space, runs, mix }: SeriesNames, { sampleCount, idLow, idHigh, idCheck, timestampsMs, valueBits }: OneFloatEach): ArrayBuffer {
  const timeRuns = findTimeRuns(timestampsMs, sampleCount);
  let byId = 0;
  for (let word = 0; word < runs.length; word += 2) if (runs[word] === BY_ID) byId += runs[word + 1]!;
  const { runsAt, endsAt, idsAt, valuesAt } = layout(timeRuns, runs.length / 2, byId);
  const buffer = new ArrayBuffer(valuesAt + sampleCount * 8);
  const header = new Uint32Array(buffer, 0, HEADER_WORDS);
  header.set([VERSION, sampleCount, runs.length / 2, byId, timeRuns]);
  header.set(space, SPACE_AT);
  header[SPACE_AT + REF_SPACE_WORDS] = mix;
  const timesMs = new Float64Array(buffer, HEADER_BYTES, timeRuns);
  const ends = new Uint32Array(buffer, endsAt, timeRuns);
  ends.set(runEnds.subarray(0, timeRuns));
  for (let run = 0; run < timeRuns; run++) timesMs[run] = timestampsMs[runEnds[run]! - 1]!;
  new Uint32Array(buffer, runsAt, runs.length).set(runs);
  const ids = new Uint32Array(buffer, idsAt, byId * 3);
  for (let word = 0, series = 0, at = 0; word < runs.length && at < byId; word += 2) {
    const end = series + runs[word + 1]!;
    if (runs[word] === BY_ID) {
      ids.set(idLow.subarray(series, end), at);
      ids.set(idHigh.subarray(series, end), byId + at);
      ids.set(idCheck.subarray(series, end), byId * 2 + at);
      at += end - series;
    }
    series = end;
  }
  new Uint32Array(buffer, valuesAt, sampleCount * 2).set(valueBits.subarray(0, sampleCount * 2));
  return buffer;
}

/** Ends of the runs of timestamps of the batch that is being encoded. */
let runEnds = new Uint32Array(4096);

/** Into `runEnds`, and how many. */
function findTimeRuns(timestampsMs: Float64Array, sampleCount: number): number {
  if (runEnds.length < sampleCount) runEnds = new Uint32Array(sampleCount * 2);
  let runs = 0;
  for (let i = 0; i < sampleCount; ) {
    const timestampMs = timestampsMs[i]!;
    do i++;
    while (i < sampleCount && timestampsMs[i] === timestampMs);
    runEnds[runs++] = i;
  }
  return runs;
}

/** Views into the message, and timestamps of the columns; throws DecodeError on anything that an encoder of this version would not have made. Whether there are such refs is for `resolveRefs`. */
export function decodeRefMessage(buffer: ArrayBuffer, columns = new BatchColumns()): RefBatch {
  const header = new Uint32Array(buffer, 0, HEADER_WORDS);
  const [, sampleCount, runCount, byId, timeRuns] = header as unknown as [number, number, number, number, number];
  const { runsAt, endsAt, idsAt, valuesAt } = layout(timeRuns, runCount, byId);
  if (buffer.byteLength !== valuesAt + sampleCount * 8) throw new DecodeError(`ref message: got ${buffer.byteLength} bytes, want ${valuesAt + sampleCount * 8}`);
  if (header[HEADER_WORDS - 1] !== 0) throw new DecodeError('ref message: the reserved word is not zero');
  const runs = new Uint32Array(buffer, runsAt, runCount * 2);
  checkRuns(runs, sampleCount, byId);
  const ids = (column: number): Uint32Array => new Uint32Array(buffer, idsAt + column * byId * 4, byId);
  return {
    space: header.subarray(SPACE_AT, SPACE_AT + REF_SPACE_WORDS),
    runs,
    mix: header[SPACE_AT + REF_SPACE_WORDS]!,
    idLow: ids(0),
    idHigh: ids(1),
    idCheck: ids(2),
    seriesCount: sampleCount,
    sampleCount,
    sampleEnd: oneEach(sampleCount),
    timestampsMs: readTimes(new Float64Array(buffer, HEADER_BYTES, timeRuns), new Uint32Array(buffer, endsAt, timeRuns), columns.timestampsMs(sampleCount)),
    valueBits: new Uint32Array(buffer, valuesAt, sampleCount * 2),
    payloads: NO_PAYLOADS,
    startsMs: undefined,
    isDelta: undefined,
  };
}

function layout(timeRuns: number, seriesRuns: number, byId: number): { runsAt: number; endsAt: number; idsAt: number; valuesAt: number } {
  const runsAt = HEADER_BYTES + timeRuns * (TIME_RUN_BYTES - 4);
  const endsAt = runsAt + seriesRuns * SERIES_RUN_BYTES;
  const idsAt = endsAt + timeRuns * 4;
  return { runsAt, endsAt, idsAt, valuesAt: Math.ceil((idsAt + byId * ID_BYTES) / 8) * 8 };
}

function checkRuns(runs: Uint32Array, sampleCount: number, byId: number): void {
  let series = 0;
  let ids = 0;
  for (let word = 0; word < runs.length; word += 2) {
    const count = runs[word + 1]!;
    if (count === 0) throw new DecodeError(`ref message: run ${word / 2} of series is empty`);
    series += count;
    if (runs[word] === BY_ID) ids += count;
  }
  if (series !== sampleCount) throw new DecodeError(`ref message: the runs have ${series} series for ${sampleCount} samples`);
  if (ids !== byId) throw new DecodeError(`ref message: the runs have ${ids} series by id, of which there are ${byId}`);
}

/** Into `timestampsMs`, which has as many as there are samples. */
function readTimes(timesMs: Float64Array, ends: Uint32Array, timestampsMs: Float64Array): Float64Array {
  const sampleCount = timestampsMs.length;
  let start = 0;
  for (let run = 0; run < ends.length; run++) {
    const timeMs = timesMs[run]!;
    const end = ends[run]!;
    if (end <= start || end > sampleCount) throw new DecodeError(`ref message: run ${run} of timestamps ends at sample ${end} of ${sampleCount}`);
    if (!(Math.abs(timeMs) <= TIMESTAMP_MS_MAX) || timeMs !== Math.trunc(timeMs)) throw new DecodeError(`ref message: the timestamp ${timeMs} of run ${run} cannot be stored`);
    timestampsMs.fill(timeMs, start, end);
    start = end;
  }
  if (start !== sampleCount) throw new DecodeError(`ref message: the timestamps end at sample ${start} of ${sampleCount}`);
  return timestampsMs;
}

/** 1, 2, 3, …, never changed once it is given away. */
let oneToN = Uint32Array.from({ length: 4096 }, (_, i) => i + 1);

function oneEach(count: number): Uint32Array {
  if (count > oneToN.length) oneToN = new Uint32Array(Math.max(count, oneToN.length * 2)).map((_, i) => i + 1);
  return oneToN.subarray(0, count);
}
