/** How much of what. */
export interface WriteCounts {
  readonly samples: number;
  readonly histograms: number;
  readonly exemplars: number;
}

export const NOTHING_COUNTED: WriteCounts = { samples: 0, histograms: 0, exemplars: 0 };

export function addCounts(a: WriteCounts, b: WriteCounts): WriteCounts {
  return { samples: a.samples + b.samples, histograms: a.histograms + b.histograms, exemplars: a.exemplars + b.exemplars };
}
