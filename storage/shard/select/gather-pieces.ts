import { compareStrings } from '../../model/labels.ts';
import type { SeriesIndex } from '../index/series-index.ts';
import type { Part } from '../run/piece.ts';
import { lowerBound } from '../run/piece.ts';
import { runsHold } from '../run/ref-runs.ts';
import type { SegmentInfo, Segments } from '../segment/segments.ts';

/** Not in the group. */
const NO_POSITION = -1;

/**
 * Finds what segments hold of groups of series. Positions in the group are looked up by ref in an array that is reused from group to
 * group: with a Map this was the larger half of an instant query.
 */
export class PieceGatherer {
  readonly #segments: Segments;
  #positionOf = new Int32Array(1024).fill(NO_POSITION);

  constructor(segments: Segments) {
    this.#segments = segments;
  }

  /** By position in the group: the parts within the range (ms, both inclusive), in the order of precedence. */
  gather(index: SeriesIndex, group: readonly number[], startMs: number, endMs: number): (Part[] | undefined)[] {
    const parts = new Array<Part[] | undefined>(group.length).fill(undefined);
    const metrics = metricRange(index, group);
    if (this.#positionOf.length < index.refLimit) this.#positionOf = new Int32Array(index.refLimit * 2).fill(NO_POSITION);
    for (let i = 0; i < group.length; i++) this.#positionOf[group[i]!] = i;
    try {
      for (const info of this.#segments.live) {
        if (info.maxTimeMs < startMs || info.minTimeMs > endMs) continue;
        if (compareStrings(info.lastMetric, metrics.first) < 0 || compareStrings(info.firstMetric, metrics.last) > 0) continue;
        if (group.some((ref) => runsHold(info.refs, ref))) this.#gatherRow(info, startMs, endMs, parts);
      }
    } finally {
      for (let i = 0; i < group.length; i++) this.#positionOf[group[i]!] = NO_POSITION;
    }
    return parts;
  }

  #gatherRow(info: SegmentInfo, startMs: number, endMs: number, parts: (Part[] | undefined)[]): void {
    const row = this.#segments.columns(info);
    const { refs } = row;
    const positionOf = this.#positionOf;
    let times: Float64Array | undefined;
    let from = 0;
    let to = 0;
    for (let i = 0; i < refs.length; i++) {
      const ref = refs[i]!;
      const position = ref < positionOf.length ? positionOf[ref]! : NO_POSITION;
      if (position === NO_POSITION) continue;
      const timestampsMs = row.timestampsMs(i);
      // Series of one row share their time columns, mostly with the series before.
      if (timestampsMs !== times) {
        times = timestampsMs;
        from = lowerBound(timestampsMs, startMs);
        to = lowerBound(timestampsMs, endMs + 1);
      }
      if (to <= from) continue;
      const { bits, payloads, startsMs, hasStale } = row.piece(i);
      const part = { timestampsMs, bits, payloads, startsMs, from, to, hasStale };
      const known = parts[position];
      if (known === undefined) parts[position] = [part];
      else known.push(part);
    }
  }
}

/** Least and greatest metric name of the series. */
function metricRange(index: SeriesIndex, refs: readonly number[]): { first: string; last: string } {
  let first: string | undefined;
  let last = '';
  let previous: string | undefined;
  for (const ref of refs) {
    const metric = index.metricNameOf(ref);
    if (metric === previous) continue;
    previous = metric;
    if (first === undefined || compareStrings(metric, first) < 0) first = metric;
    if (compareStrings(metric, last) > 0) last = metric;
  }
  return { first: first ?? '', last };
}
