import { dropLabels, labelsKey, labelValue, type Labels } from '../../storage/model/labels.ts';
import { parseGoFloat } from '../../storage/model/number-text.ts';

const BUCKET_LABEL = 'le';
const BUCKET_LABELS: ReadonlySet<string> = new Set([BUCKET_LABEL]);

export interface ClassicBucketSeries {
  /** Position of the series in the input. */
  readonly series: number;
  readonly upperBound: number;
}

/**
 * Series that may be one histogram: the buckets of a classic one, by ascending bound, and native ones with the same labels. What is there
 * at a step is the reader's to see: a series may hold floats (then it is a bucket) and histograms in turn.
 */
export interface HistogramGroup {
  /** Without `le`, with the metric name. */
  readonly labels: Labels;
  readonly buckets: readonly ClassicBucketSeries[];
  readonly natives: readonly number[];
}

export interface HistogramGroups {
  readonly groups: readonly HistogramGroup[];
  /** Series whose `le` is missing or no number: their floats are no buckets, which the reader warns about where there are any. */
  readonly malformed: readonly number[];
}

interface OpenGroup {
  readonly labels: Labels;
  readonly buckets: ClassicBucketSeries[];
  readonly natives: number[];
}

/** Sorts the series of a vector into the histograms they are part of, in the order in which these first appear. */
export function groupHistogramSeries(series: readonly Labels[]): HistogramGroups {
  const byKey = new Map<string, OpenGroup>();
  const malformed: number[] = [];
  const groupOf = (labels: Labels): OpenGroup => {
    const key = labelsKey(labels);
    let group = byKey.get(key);
    if (group === undefined) byKey.set(key, (group = { labels, buckets: [], natives: [] }));
    return group;
  };
  for (let i = 0; i < series.length; i++) {
    const labels = series[i]!;
    const upperBound = parseGoFloat(labelValue(labels, BUCKET_LABEL));
    if (upperBound === undefined || Number.isNaN(upperBound)) malformed.push(i);
    else groupOf(dropLabels(labels, BUCKET_LABELS)).buckets.push({ series: i, upperBound });
    groupOf(labels).natives.push(i);
  }
  const groups = [...byKey.values()];
  for (const group of groups) group.buckets.sort((a, b) => (a.upperBound < b.upperBound ? -1 : a.upperBound > b.upperBound ? 1 : 0));
  return { groups, malformed };
}
