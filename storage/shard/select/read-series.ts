import type { CommittedSamples } from '../append/delta-sums.ts';
import type { LogHead } from '../log/log-head.ts';
import { NO_ENTRY } from '../log/log-head.ts';
import { readLog } from '../log/read-log.ts';
import { payloadOf } from '../run/payloads.ts';
import { appendInRange, lowerBound, type Piece } from '../run/piece.ts';
import { runsHold } from '../run/ref-runs.ts';
import { SampleRun } from '../run/sample-run.ts';
import type { SegmentReader } from '../segment/segment-reader.ts';
import type { SegmentInfo, Segments } from '../segment/segments.ts';

/** One sample of one series. A stale marker is a NaN whose bits tell it from others. */
export interface StoredSample {
  readonly timestampMs: number;
  readonly value: number;
  readonly bitsLow: number;
  readonly bitsHigh: number;
  /** The histogram, when the sample is one: `value` then means nothing. */
  readonly payload: Uint8Array | undefined;
  /** Start timestamp, Unix ms, 0 when unknown. */
  readonly startMs: number;
}

/** Some samples of one series, timestamps rising, each once. The arrays are the caller's. */
export interface SeriesPage {
  readonly timestampsMs: Float64Array;
  readonly values: Float64Array;
  /** The same bytes as `values`: two words a value, the low one first. */
  readonly valueBits: Uint32Array;
  /** Histograms that values stand for. */
  readonly payloads: readonly Uint8Array[];
  /** Start timestamps, 0 where unknown; `undefined` when none is known. */
  readonly startsMs: Float64Array | undefined;
  /** Where the next page begins; `undefined` behind the last one. */
  readonly nextStartMs: number | undefined;
}

interface ReadSources {
  readonly segments: Segments;
  readonly head: LogHead;
}

interface PageRequest {
  readonly ref: number;
  readonly fromMs: number;
  readonly samplesMax: number;
}

interface RankedPiece {
  readonly rank: number;
  readonly piece: Piece;
}

/**
 * The first samples of a series within a range (ms, both inclusive), at most `samplesMax`. Rows are taken in the order of their beginnings,
 * and only until the page is full: what lies before the beginning of the next row is complete.
 */
export function readSeries({ segments, head }: ReadSources, ref: number, startMs: number, endMs: number, samplesMax: number): SeriesPage {
  const fromMs = Math.max(startMs, segments.floorMs);
  const rows = segments.live
    .map((info, rank) => ({ info, rank }))
    .filter(({ info }) => info.maxTimeMs >= fromMs && info.minTimeMs <= endMs && runsHold(info.refs, ref))
    .sort((a, b) => a.info.minTimeMs - b.info.minTimeMs);
  const pieces: RankedPiece[] = [];
  /** Everything that segments hold before this has been taken. */
  let horizonMs = Infinity;
  let rowHorizonMs = Infinity;
  for (let i = 0; i < rows.length; i++) {
    const { info, rank } = rows[i]!;
    const row = piecesOf(segments, info, { ref, fromMs, samplesMax });
    for (const piece of row.pieces) pieces.push({ rank, piece });
    rowHorizonMs = Math.min(rowHorizonMs, row.horizonMs);
    horizonMs = Math.min(rowHorizonMs, rows[i + 1]?.info.minTimeMs ?? Infinity);
    if (samplesBetween(pieces, fromMs, horizonMs) >= samplesMax) break;
  }
  const run = new SampleRun();
  const lastMs = Math.min(endMs, horizonMs - 1);
  pieces.sort((a, b) => a.rank - b.rank);
  for (const { piece } of pieces) appendInRange(piece, fromMs, lastMs, run);
  readLog(head, ref, startMs, lastMs, run);
  run.settle();
  const length = Math.min(run.length, samplesMax);
  const valueBits = run.bits.slice(0, length * 2);
  const isLast = length === run.length && lastMs >= endMs;
  const nextStartMs = length < run.length ? run.timestampsMs[length]! : lastMs + 1;
  return {
    timestampsMs: run.timestampsMs.slice(0, length),
    values: new Float64Array(valueBits.buffer),
    valueBits,
    payloads: run.payloads,
    startsMs: run.startsMs?.slice(0, length),
    nextStartMs: isLast ? undefined : nextStartMs,
  };
}

/** A row's pieces of a series that end at or behind `fromMs`, as many as fill a page, and the time before which these are all. */
function piecesOf(segments: Segments, info: SegmentInfo, { ref, fromMs, samplesMax }: PageRequest): { readonly pieces: readonly Piece[]; readonly horizonMs: number } {
  const reader = segments.open(info, true);
  const pieces: Piece[] = [];
  const first = reader.refs.indexOf(ref);
  if (first < 0) return { pieces, horizonMs: Infinity };
  let samples = 0;
  for (let position = first; position < reader.refs.length && reader.refs[position] === ref; position++) {
    const times = reader.timestampsMs(position);
    if (times[times.length - 1]! < fromMs) continue;
    // Pieces of a row are in the order of time: what comes behind begins here or later.
    if (samples >= samplesMax) return { pieces, horizonMs: times[0]! };
    pieces.push(segments.piece(info, reader, position));
    samples += times.length - lowerBound(times, fromMs);
  }
  return { pieces, horizonMs: Infinity };
}

function samplesBetween(pieces: readonly RankedPiece[], startMs: number, endMs: number): number {
  let samples = 0;
  for (const { piece } of pieces) samples += Math.max(0, lowerBound(piece.timestampsMs, endMs) - lowerBound(piece.timestampsMs, startMs));
  return samples;
}

/** The newest sample of a series at or before a time. */
export function lastSampleAt({ segments, head }: ReadSources, ref: number, timeMs: number): StoredSample | undefined {
  const inLog = lastInLog(head, ref, timeMs);
  let best = inLog;
  let bestRank = Infinity;
  const rows = segments.live
    .map((info, rank) => ({ info, rank, reachMs: Math.min(info.maxTimeMs, timeMs) }))
    .filter(({ info, reachMs }) => info.minTimeMs <= timeMs && reachMs >= segments.floorMs && runsHold(info.refs, ref))
    .sort((a, b) => b.reachMs - a.reachMs || b.rank - a.rank);
  for (const { info, rank, reachMs } of rows) {
    if (best !== undefined && (reachMs < best.timestampMs || (reachMs === best.timestampMs && rank < bestRank))) {
      if (reachMs < best.timestampMs) break;
      continue;
    }
    const found = lastInRow(segments, info, ref, timeMs);
    if (found === undefined || found.timestampMs < segments.floorMs) continue;
    if (best === undefined || found.timestampMs > best.timestampMs || (found.timestampMs === best.timestampMs && rank > bestRank)) {
      best = found;
      bestRank = rank;
    }
  }
  return best;
}

/** What sums of differences are made from. */
export function committedSamples(sources: ReadSources): CommittedSamples {
  return {
    newestMs: (ref) => sources.head.maxTimestampMsOf(ref),
    lastAt: (ref, timeMs) => lastSampleAt(sources, ref, timeMs),
    from: (ref, timeMs, samplesMax) => {
      const { timestampsMs, valueBits, payloads, startsMs, nextStartMs = Infinity } = readSeries(sources, ref, timeMs, Infinity, samplesMax);
      return { samples: Array.from(timestampsMs, (_, i) => sample(timestampsMs[i]!, valueBits, i, payloads, startsMs)), untilMs: nextStartMs };
    },
  };
}

function lastInLog(head: LogHead, ref: number, timeMs: number): StoredSample | undefined {
  const { times, valueBits, previous } = head;
  // Nothing is newer than this: in the usual order of arrival the walk ends where it begins.
  const reachMs = Math.min(timeMs, head.maxTimestampMsOf(ref));
  let best = NO_ENTRY;
  let bestMs = -Infinity;
  for (let entry = head.lastEntryOf(ref); entry !== NO_ENTRY; entry = previous[entry]!) {
    const timestampMs = times.at(entry);
    if (timestampMs > timeMs || timestampMs <= bestMs) continue;
    best = entry;
    bestMs = timestampMs;
    if (timestampMs >= reachMs) break;
  }
  return best === NO_ENTRY ? undefined : sample(bestMs, valueBits, best, head.payloads, head.startsMs);
}

function lastInRow(segments: Segments, info: SegmentInfo, ref: number, timeMs: number): StoredSample | undefined {
  const reader = segments.open(info, true);
  const first = reader.refs.indexOf(ref);
  if (first < 0) return undefined;
  const position = lastPieceBeginningBy(reader, first, ref, timeMs);
  if (position < 0) return undefined;
  const piece = segments.piece(info, reader, position);
  const at = lowerBound(piece.timestampsMs, timeMs + 1) - 1;
  return sample(piece.timestampsMs[at]!, piece.bits, at, piece.payloads, piece.startsMs);
}

/** Of the pieces of a series that begin at position `first`: the last one that begins at or before the time; -1 when none does. */
function lastPieceBeginningBy(reader: SegmentReader, first: number, ref: number, timeMs: number): number {
  const { refs } = reader;
  let low = first;
  let high = refs.lastIndexOf(ref) + 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (reader.timestampsMs(middle)[0]! <= timeMs) low = middle + 1;
    else high = middle;
  }
  return low === first ? -1 : low - 1;
}

function sample(timestampMs: number, bits: Uint32Array, index: number, payloads: readonly Uint8Array[], startsMs: Float64Array | undefined): StoredSample {
  const own = bits.slice(index * 2, index * 2 + 2);
  return { timestampMs, value: new Float64Array(own.buffer)[0]!, bitsLow: own[0]!, bitsHigh: own[1]!, payload: payloadOf(own, 0, payloads), startMs: startsMs?.[index] ?? 0 };
}
