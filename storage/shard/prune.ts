import { lowerBound } from './run/piece.ts';
import type { SegmentInfo, Segments, SegmentState } from './segment/segments.ts';

/**
 * What removing everything older than `beforeMs` leaves: rows that end before it go; rows that straddle it stay as they are, and the floor
 * keeps their older samples from being read.
 */
export function planPrune(segments: Segments, beforeMs: number): SegmentState {
  return { live: segments.live.filter((info) => info.maxTimeMs >= beforeMs), floorMs: beforeMs };
}

/** Stored samples older than `beforeMs` that can be read so far. One that two seals hold under the same timestamp counts twice. */
export function countRemoved(segments: Segments, beforeMs: number): number {
  const { floorMs } = segments;
  let samples = 0;
  for (const info of segments.live) {
    if (info.minTimeMs >= beforeMs || info.maxTimeMs < floorMs) continue;
    const isWhole = info.minTimeMs >= floorMs && info.maxTimeMs < beforeMs;
    samples += isWhole ? info.sampleCount : samplesBetween(segments, info, floorMs, beforeMs);
  }
  return samples;
}

function samplesBetween(segments: Segments, info: SegmentInfo, startMs: number, endMs: number): number {
  const reader = segments.open(info, false);
  let samples = 0;
  for (let position = 0; position < reader.refs.length; position++) {
    const times = reader.timestampsMs(position);
    samples += lowerBound(times, endMs) - lowerBound(times, startMs);
  }
  return samples;
}
