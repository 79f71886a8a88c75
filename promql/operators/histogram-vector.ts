import { labelValue, METRIC_NAME } from '../../storage/model/labels.ts';
import type { Labels } from '../../storage/model/labels.ts';
import type { FloatHistogram } from '../../storage/model/histogram.ts';
import { badBucketLabel, mixedClassicNativeHistograms } from '../annotations.ts';
import { groupHistogramSeries } from '../functions/histogram-groups.ts';
import type { HistogramGroup } from '../functions/histogram-groups.ts';
import type { ClassicBuckets } from '../functions/classic-histogram.ts';
import type { Position } from '../parser/ast.ts';
import type { ExecutionContext } from './execution-context.ts';
import { collect } from './operator.ts';
import type { Operator } from './operator.ts';
import { FLOAT, HISTOGRAM, StepColumns } from './step-series.ts';
import type { StepSeries } from './step-series.ts';

/** What to make of each kind of histogram at a step. */
export interface HistogramReader {
  readonly ofNative: (histogram: FloatHistogram, step: number, metricName: string) => number;
  readonly ofClassic: (buckets: ClassicBuckets, step: number, metricName: string) => number;
}

/** A vector seen as histograms, native ones and classic ones put together from their buckets. */
export class HistogramVector {
  readonly #series: readonly StepSeries[];
  readonly #groups: readonly HistogramGroup[];
  readonly #context: ExecutionContext;
  readonly #position: Position;
  readonly #stepCount: number;

  private constructor(series: readonly StepSeries[], stepCount: number, context: ExecutionContext, position: Position) {
    const { groups, malformed } = groupHistogramSeries(series.map(({ labels }) => labels));
    this.#series = series;
    this.#groups = groups;
    this.#context = context;
    this.#position = position;
    this.#stepCount = stepCount;
    for (const index of malformed) {
      const { labels, present } = series[index]!;
      if (present.includes(FLOAT)) context.annotations.add(badBucketLabel(labelValue(labels, METRIC_NAME), labelValue(labels, 'le')), position);
    }
  }

  /** `position` is the vector argument's. */
  static async read(input: Operator, stepCount: number, context: ExecutionContext, position: Position): Promise<HistogramVector> {
    const series = await collect(input, context.budget);
    return new HistogramVector(series, stepCount, context, position);
  }

  /** The results of all histograms, with the histograms' labels (without `le`). */
  async map(reader: HistogramReader): Promise<{ readonly labels: Labels; readonly columns: StepColumns }[]> {
    const { budget } = this.#context;
    const results: { readonly labels: Labels; readonly columns: StepColumns }[] = [];
    for (const group of this.#groups) {
      budget.spend(this.#stepCount * (group.buckets.length + 1));
      if (budget.isPauseDue) await budget.pause();
      const columns = new StepColumns(this.#stepCount);
      this.#mapGroup(group, reader, columns);
      if (!columns.isEmpty) results.push({ labels: group.labels, columns });
    }
    return results;
  }

  #mapGroup(group: HistogramGroup, reader: HistogramReader, out: StepColumns): void {
    const metricName = this.#metricName(group.labels);
    const upperBounds = new Float64Array(group.buckets.length);
    const counts = new Float64Array(group.buckets.length);
    for (let step = 0; step < this.#stepCount; step++) {
      let bucketCount = 0;
      for (const { series, upperBound } of group.buckets) {
        if (this.#series[series]!.present[step] !== FLOAT) continue;
        upperBounds[bucketCount] = upperBound;
        counts[bucketCount++] = this.#series[series]!.values[step]!;
      }
      const native = group.natives.find((series) => this.#series[series]!.present[step] === HISTOGRAM);
      if (native !== undefined && bucketCount > 0) {
        this.#context.annotations.add(mixedClassicNativeHistograms(labelValue(group.labels, METRIC_NAME)), this.#position);
      } else if (native !== undefined) {
        out.setFloat(step, reader.ofNative(this.#series[native]!.histograms![step]!, step, metricName));
      } else if (bucketCount > 0) {
        const buckets = { upperBounds: upperBounds.subarray(0, bucketCount), counts: counts.subarray(0, bucketCount) };
        out.setFloat(step, reader.ofClassic(buckets, step, metricName));
      }
    }
  }

  /** Only when names are removed late is there still one to tell. */
  #metricName(labels: Labels): string {
    return this.#context.features.delayedNameRemoval ? labelValue(labels, METRIC_NAME) : '';
  }
}
