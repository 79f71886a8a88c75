import { compareLabels } from '../storage/model/labels.ts';
import { VarveError } from '../storage/runtime/errors.ts';
import { findOuterEdges, valueAtLeftEdge, valueAtRightEdge } from './functions/range-edges.ts';
import type { ExecutionContext } from './operators/execution-context.ts';
import { duplicateLabels } from './operators/merge-series.ts';
import { withoutMetadata } from './operators/name-labels.ts';
import type { SampleColumns } from './operators/sample-columns.ts';
import type { WindowSamples } from './operators/window-samples.ts';
import { WindowFinder } from './operators/windows.ts';
import type { RangePlan } from './plan/plan-node.ts';
import { reachOfEdges } from './plan/range-modifiers.ts';
import type { MatrixSeries, MatrixValue } from './query-result.ts';

/** The samples of a range vector themselves, which an instant query may ask for: each series with its own timestamps. */
export async function rangeVectorResult(plan: RangePlan, samples: WindowSamples, context: ExecutionContext): Promise<MatrixValue> {
  const { source, rangeMs, lookbackMs } = plan;
  const { beforeMs, afterMs } = reachOfEdges(source.edges, lookbackMs);
  const finder = new WindowFinder(source.reference, rangeMs, beforeMs, afterMs);
  const series: MatrixSeries[] = [];
  let pointCount = 0;
  for (let columns = await samples.next(); columns !== undefined; columns = await samples.next()) {
    const points = cut(columns, finder);
    const result = points === undefined || source.edges === undefined ? points : extend(points, plan);
    if (result === undefined) continue;
    const labels = columns.dropName ? withoutMetadata(columns.labels) : columns.labels;
    series.push({ labels, present: undefined, ...result });
    pointCount += result.timestampsMs.length;
    context.budget.see(result.timestampsMs.length);
    context.budget.checkOutputPoints(pointCount);
  }
  series.sort((a, b) => compareLabels(a.labels, b.labels));
  for (let i = 1; i < series.length; i++) if (compareLabels(series[i]!.labels, series[i - 1]!.labels) === 0) throw duplicateLabels();
  return { kind: 'matrix', series };
}

type Points = Pick<MatrixSeries, 'timestampsMs' | 'values' | 'histograms'>;

/** The samples inside the window. */
function cut(columns: SampleColumns, finder: WindowFinder): Points | undefined {
  const { floats, histograms } = columns;
  const floatWindow = finder.find(floats.timestampsMs);
  const [floatFrom, floatTo] = [floatWindow.from[0]!, floatWindow.to[0]!];
  const histogramWindow = finder.find(histograms.timestampsMs);
  const [histogramFrom, histogramTo] = [histogramWindow.from[0]!, histogramWindow.to[0]!];
  if (histogramTo <= histogramFrom) {
    if (floatTo <= floatFrom) return undefined;
    return { timestampsMs: floats.timestampsMs.slice(floatFrom, floatTo), values: floats.values.slice(floatFrom, floatTo), histograms: undefined };
  }
  const points = [];
  for (let i = floatFrom; i < floatTo; i++) points.push({ timeMs: floats.timestampsMs[i]!, value: floats.values[i]!, histogram: undefined });
  for (let i = histogramFrom; i < histogramTo; i++) points.push({ timeMs: histograms.timestampsMs[i]!, value: 0, histogram: histograms.histograms[i]! });
  points.sort((a, b) => a.timeMs - b.timeMs);
  return {
    timestampsMs: Float64Array.from(points, ({ timeMs }) => timeMs),
    values: Float64Array.from(points, ({ value }) => value),
    histograms: points.map(({ histogram }) => histogram),
  };
}

/** Anchored and smoothed ranges have points exactly at their edges. */
function extend(points: Points, plan: RangePlan): Points | undefined {
  const { timestampsMs, values, histograms } = points;
  if (histograms !== undefined) throw new VarveError('execution', `${plan.source.edges} modifier is not supported with histograms`);
  const isSmoothed = plan.source.edges === 'smoothed';
  const rangeEndMs = plan.source.reference.firstMs;
  const rangeStartMs = rangeEndMs - plan.rangeMs;
  const edges = findOuterEdges(timestampsMs, 0, timestampsMs.length, rangeStartMs, rangeEndMs, isSmoothed);
  if (edges === undefined) return undefined;
  const floats = { timestampsMs, values, startTimestampsMs: undefined };
  const times = [rangeStartMs];
  const extended = [valueAtLeftEdge(floats, edges.first, rangeStartMs, isSmoothed, false)];
  for (let i = edges.first; i <= edges.last; i++) {
    if (timestampsMs[i]! <= rangeStartMs || timestampsMs[i]! >= rangeEndMs) continue;
    times.push(timestampsMs[i]!);
    extended.push(values[i]!);
  }
  times.push(rangeEndMs);
  extended.push(valueAtRightEdge(floats, edges, rangeEndMs, isSmoothed, false));
  return { timestampsMs: Float64Array.from(times), values: Float64Array.from(extended), histograms: undefined };
}
