import { compareLabels, labelsKey } from '../storage/model/labels.ts';
import type { ExecutionContext } from './operators/execution-context.ts';
import { duplicateLabels, mergeSorted } from './operators/merge-series.ts';
import { withoutMetadata } from './operators/name-labels.ts';
import type { Operator } from './operators/operator.ts';
import { ABSENT, HISTOGRAM, withLabels } from './operators/step-series.ts';
import type { StepSeries } from './operators/step-series.ts';
import { gridTimesMs } from './plan/step-grid.ts';
import type { StepGrid } from './plan/step-grid.ts';
import type { MatrixValue, ScalarValue, VectorSample, VectorValue } from './query-result.ts';

/** The value of a scalar at its one step (ms); NaN where there is none. */
export async function scalarResult(operator: Operator, timeMs: number): Promise<ScalarValue> {
  const series = await operator.next();
  return { kind: 'scalar', timestampMs: timeMs, value: series === undefined ? NaN : series.values[0]! };
}

/** The series of one step, as points. */
export async function vectorResult(operator: Operator, timeMs: number, context: ExecutionContext): Promise<VectorValue> {
  const samples: VectorSample[] = [];
  // As selectors have them: then none is there twice.
  let isRising = true;
  for (let series = await operator.next(); series !== undefined; series = await operator.next()) {
    const kind = series.present[0];
    if (kind === ABSENT) continue;
    const { labels } = withoutDroppedName(series);
    isRising &&= samples.length === 0 || compareLabels(samples[samples.length - 1]!.labels, labels) < 0;
    samples.push({ labels, value: series.values[0]!, histogram: kind === HISTOGRAM ? series.histograms![0] : undefined });
    context.budget.checkOutputPoints(samples.length);
  }
  if (!isRising && new Set(samples.map(({ labels }) => labelsKey(labels))).size < samples.length) throw duplicateLabels();
  return { kind: 'vector', timestampMs: timeMs, samples };
}

/** The series of several steps, sorted by labels. */
export async function matrixResult(operator: Operator, grid: StepGrid, context: ExecutionContext): Promise<MatrixValue> {
  const all: StepSeries[] = [];
  for (let series = await operator.next(); series !== undefined; series = await operator.next()) {
    all.push(withoutDroppedName(series));
    context.budget.checkOutputPoints(all.length * grid.count);
  }
  const timestampsMs = gridTimesMs(grid);
  return {
    kind: 'matrix',
    series: mergeSorted(all).map(({ labels, values, present, histograms }) => ({
      labels, timestampsMs, values, histograms, present: present.includes(ABSENT) ? present : undefined,
    })),
  };
}

function withoutDroppedName(series: StepSeries): StepSeries {
  return series.dropName ? withLabels(series, withoutMetadata(series.labels), false) : series;
}
