import type { SeriesIndex } from './index/series-index.ts';
import type { LogHead } from './log/log-head.ts';
import type { Segments } from './segment/segments.ts';
import type { CardinalityShardAnswer, SegmentSummary } from './shard-api.ts';

/** How the series of a shard spread over one label: its values, and how many series have each. */
export interface LabelCardinality {
  readonly name: string;
  readonly values: readonly string[];
  readonly seriesCounts: Uint32Array;
}

interface CardinalitySources {
  readonly index: SeriesIndex;
  readonly head: LogHead;
  readonly segments: Segments;
}

/** The labels of the series `refs`, or of all, and the times that the shard holds samples of. At most about `bytesMax` of texts. */
export function readCardinality({ index, head, segments }: CardinalitySources, refs: readonly number[] | undefined, bytesMax: number): CardinalityShardAnswer {
  const labels: LabelCardinality[] = [];
  let bytes = 0;
  for (const name of index.labelNames(refs)) {
    const counts = index.countValues(name, refs);
    for (const value of counts.keys()) bytes += value.length + 8;
    if (bytes > bytesMax) return { status: 'refused', message: `the shard's labels take more than ${bytesMax} bytes, the limit cardinalityBytesMax` };
    labels.push({ name, values: [...counts.keys()], seriesCounts: Uint32Array.from(counts.values()) });
  }
  const { live, floorMs } = segments;
  let minTimeMs = head.minTimestampMs;
  let maxTimeMs = head.newestTimestampMs;
  for (const info of live) {
    minTimeMs = Math.min(minTimeMs, Math.max(info.minTimeMs, floorMs));
    maxTimeMs = Math.max(maxTimeMs, info.maxTimeMs);
  }
  return { status: 'cardinality', seriesCount: refs?.length ?? index.count, minTimeMs, maxTimeMs, segmentCount: live.length, labels };
}

export function summarizeSegments({ live }: Segments): SegmentSummary[] {
  return live.map(({ segment, seal, minTimeMs, maxTimeMs, sampleCount, bytes }) => ({ segment, seal, minTimeMs, maxTimeMs, sampleCount, bytes }));
}
