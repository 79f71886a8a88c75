import { CUSTOM_BUCKETS_SCHEMA, EMPTY_HISTOGRAM } from '../../storage/model/histogram.ts';
import type { FloatHistogram } from '../../storage/model/histogram.ts';
import { compactHistogram } from '../../storage/model/histogram-add.ts';
import { dropLabels, labelsKey, labelValue, METRIC_NAME, setLabel } from '../../storage/model/labels.ts';
import type { Labels } from '../../storage/model/labels.ts';
import { parseGoFloat } from '../../storage/model/number-text.ts';
import type { LoadedSample } from './script-load.ts';

interface ClassicSample {
  readonly buckets: Map<number, number>;
  count: number | undefined;
  sum: number | undefined;
  startTimestampMs: number;
}

interface ClassicSeries {
  readonly labels: Labels;
  readonly samples: Map<number, ClassicSample>;
}

/** For `load_with_nhcb`: the classic histograms among some series as native ones with custom buckets. */
export function customBucketSeries(
  loaded: readonly { readonly labels: Labels; readonly samples: readonly LoadedSample[] }[],
): { labels: Labels; samples: LoadedSample[] }[] {
  const classics = new Map<string, ClassicSeries>();
  for (const { labels, samples } of loaded) {
    const name = /^(.*)_(bucket|count|sum)$/.exec(labelValue(labels, METRIC_NAME));
    const bound = parseGoFloat(labelValue(labels, 'le'));
    if (name === null || (name[2] === 'bucket' && bound === undefined)) continue;
    const baseLabels = setLabel(dropLabels(labels, new Set(['le'])), METRIC_NAME, name[1]!);
    const key = labelsKey(baseLabels);
    const classic = classics.get(key) ?? { labels: baseLabels, samples: new Map<number, ClassicSample>() };
    classics.set(key, classic);
    for (const { timestampMs, point, startTimestampMs } of samples) {
      if (point.kind !== 'float') continue;
      const sample = classic.samples.get(timestampMs) ?? { buckets: new Map<number, number>(), count: undefined, sum: undefined, startTimestampMs };
      classic.samples.set(timestampMs, sample);
      if (name[2] === 'bucket') sample.buckets.set(bound!, point.value);
      else if (name[2] === 'count') sample.count = point.value;
      else sample.sum = point.value;
    }
  }
  return [...classics.values()].flatMap(({ labels, samples }) => {
    const converted = [...samples].flatMap(([timestampMs, classic]): LoadedSample[] => {
      const histogram = toNative(classic);
      if (histogram === undefined) return [];
      return [{ timestampMs, point: { kind: 'histogram', histogram, namesHint: false }, startTimestampMs: classic.startTimestampMs }];
    });
    return converted.length === 0 ? [] : [{ labels, samples: converted }];
  });
}

/** Undefined for what is no histogram: without buckets, or with cumulative counts that fall. */
function toNative(classic: ClassicSample): FloatHistogram | undefined {
  if (classic.buckets.size === 0) return undefined;
  const bounds = [...classic.buckets.keys()].sort((a, b) => a - b);
  const cumulative = bounds.map((bound) => classic.buckets.get(bound)!);
  const counts = cumulative.map((count, index) => count - (cumulative[index - 1] ?? 0));
  const count = classic.count ?? cumulative.at(-1)!;
  if (bounds.at(-1) !== Infinity) {
    bounds.push(Infinity);
    counts.push(count - cumulative.at(-1)!);
  }
  if (counts.some((bucketCount) => bucketCount < 0)) return undefined;
  return compactHistogram({
    ...EMPTY_HISTOGRAM,
    schema: CUSTOM_BUCKETS_SCHEMA,
    count,
    sum: classic.sum ?? 0,
    customValues: bounds.slice(0, -1),
    positiveSpans: [{ offset: 0, length: counts.length }],
    positiveBuckets: counts,
  });
}
