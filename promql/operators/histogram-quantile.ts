import { formatOpenMetricsFloat } from '../../storage/model/number-text.ts';
import { setLabel } from '../../storage/model/labels.ts';
import { fractionOfNaNs, invalidQuantile, quantileOfNaNs, quantileSkewedByNaNs } from '../annotations.ts';
import { classicFraction, classicQuantile } from '../functions/classic-histogram.ts';
import { nativeFraction, nativeQuantile } from '../functions/histogram-quantile.ts';
import type { Position } from '../parser/ast.ts';
import type { HistogramFraction, HistogramQuantile, HistogramQuantiles } from '../plan/plan-node.ts';
import type { StepGrid } from '../plan/step-grid.ts';
import { renamed, renamedSeries } from './drop-name.ts';
import type { ExecutionContext } from './execution-context.ts';
import { HistogramVector } from './histogram-vector.ts';
import type { HistogramReader } from './histogram-vector.ts';
import { collectParameter } from './operator.ts';
import type { Explanation, Operator } from './operator.ts';
import type { StepSeries } from './step-series.ts';
import { WholeOperator } from './whole-operator.ts';

/** `histogram_quantile(φ, v)`. */
export class HistogramQuantileOperator extends WholeOperator {
  readonly #node: HistogramQuantile;
  readonly #quantile: Operator;
  readonly #input: Operator;
  readonly #context: ExecutionContext;

  constructor(node: HistogramQuantile, quantile: Operator, input: Operator, context: ExecutionContext) {
    super();
    this.#node = node;
    this.#quantile = quantile;
    this.#input = input;
    this.#context = context;
  }

  protected async evaluate(): Promise<StepSeries[]> {
    const { grid, inputPosition, quantilePosition, position } = this.#node;
    const quantiles = await collectParameter(this.#quantile, grid.count, this.#context.budget);
    warnOfInvalid(quantiles, quantilePosition, position, this.#context);
    const vector = await HistogramVector.read(this.#input, grid.count, this.#context, inputPosition);
    const reader = quantileReader(quantiles, grid, inputPosition, this.#context);
    return (await vector.map(reader)).map(({ labels, columns }) => renamedSeries(columns, labels, this.#context.features));
  }

  explain(): Explanation {
    return { text: 'histogram_quantile', inputs: [this.#quantile, this.#input] };
  }
}

/** `histogram_quantiles(v, "label", φ…)`: the same for several φ, told apart by a label. */
export class HistogramQuantilesOperator extends WholeOperator {
  readonly #node: HistogramQuantiles;
  readonly #input: Operator;
  readonly #quantiles: readonly Operator[];
  readonly #context: ExecutionContext;

  constructor(node: HistogramQuantiles, input: Operator, quantiles: readonly Operator[], context: ExecutionContext) {
    super();
    this.#node = node;
    this.#input = input;
    this.#quantiles = quantiles;
    this.#context = context;
  }

  protected async evaluate(): Promise<StepSeries[]> {
    const { grid, inputPosition, label, quantiles: quantileNodes, position } = this.#node;
    const { budget } = this.#context;
    const quantiles = await Promise.all(this.#quantiles.map((quantile) => collectParameter(quantile, grid.count, this.#context.budget)));
    quantiles.forEach((values, index) => warnOfInvalid(values, quantileNodes[index]!.position, position, this.#context));
    const vector = await HistogramVector.read(this.#input, grid.count, this.#context, inputPosition);
    const results: StepSeries[] = [];
    for (const [index, values] of quantiles.entries()) {
      // The first quantile that looks at the buckets repairs them for all.
      const findsRepaired = (step: number): boolean => quantiles.slice(0, index).some((earlier) => isValid(earlier[step]!));
      const reader = quantileReader(values, grid, inputPosition, this.#context, findsRepaired);
      for (const { labels, columns } of await vector.map(reader)) {
        // A quantile that varies by step gives a series for each of its values, of which -0 is none of its own.
        for (const quantile of new Set(values)) {
          const result = renamed(setLabel(labels, label, formatOpenMetricsFloat(quantile)), this.#context.features);
          budget.spend(grid.count);
          if (budget.isPauseDue) await budget.pause();
          const present = columns.present.map((kind, step) => (values[step] === quantile || Object.is(values[step], quantile) ? kind : 0));
          if (!present.some((kind) => kind !== 0)) continue;
          budget.hold(grid.count);
          results.push({ ...result, values: columns.values, present, histograms: undefined });
        }
      }
    }
    return results;
  }

  explain(): Explanation {
    return { text: `histogram_quantiles as ${this.#node.label}`, inputs: [this.#input, ...this.#quantiles] };
  }
}

/** `histogram_fraction(lower, upper, v)`. */
export class HistogramFractionOperator extends WholeOperator {
  readonly #node: HistogramFraction;
  readonly #lower: Operator;
  readonly #upper: Operator;
  readonly #input: Operator;
  readonly #context: ExecutionContext;

  constructor(node: HistogramFraction, lower: Operator, upper: Operator, input: Operator, context: ExecutionContext) {
    super();
    this.#node = node;
    this.#lower = lower;
    this.#upper = upper;
    this.#input = input;
    this.#context = context;
  }

  protected async evaluate(): Promise<StepSeries[]> {
    const { grid, inputPosition } = this.#node;
    const lower = await collectParameter(this.#lower, grid.count, this.#context.budget);
    const upper = await collectParameter(this.#upper, grid.count, this.#context.budget);
    const vector = await HistogramVector.read(this.#input, grid.count, this.#context, inputPosition);
    const results = await vector.map({
      ofNative: (histogram, step, metricName) => {
        const { value, nanEffect } = nativeFraction(lower[step]!, upper[step]!, histogram);
        if (nanEffect !== 'none') this.#context.annotations.add(fractionOfNaNs(metricName), inputPosition);
        return value;
      },
      ofClassic: (buckets, step) => classicFraction(lower[step]!, upper[step]!, buckets),
    });
    return results.map(({ labels, columns }) => renamedSeries(columns, labels, this.#context.features));
  }

  explain(): Explanation {
    return { text: 'histogram_fraction', inputs: [this.#lower, this.#upper, this.#input] };
  }
}

/** `position` is the vector argument's. Where `findsRepaired`, buckets that had to be repaired have been told of already. */
function quantileReader(
  quantiles: Float64Array, grid: StepGrid, position: Position, context: ExecutionContext, findsRepaired: (step: number) => boolean = () => false,
): HistogramReader {
  const { annotations } = context;
  return {
    ofNative: (histogram, step, metricName) => {
      const { value, nanEffect } = nativeQuantile(quantiles[step]!, histogram);
      if (nanEffect === 'result-is-nan') annotations.add(quantileOfNaNs(metricName), position);
      if (nanEffect === 'skewed') annotations.add(quantileSkewedByNaNs(metricName), position);
      return value;
    },
    ofClassic: (buckets, step, metricName) => {
      const { value, lifted } = classicQuantile(quantiles[step]!, buckets);
      if (lifted !== undefined && !findsRepaired(step)) {
        const { minBound, maxBound, maxDifference } = lifted;
        const timestampMs = grid.startMs + step * grid.stepMs;
        annotations.addMonotonicityRepair(metricName, position, { timestampMs, minBucket: minBound, maxBucket: maxBound, maxDifference });
      }
      return value;
    },
  };
}

function warnOfInvalid(quantiles: Float64Array, position: Position, node: Position, context: ExecutionContext): void {
  for (const quantile of quantiles) if (!isValid(quantile)) context.annotations.add(invalidQuantile(quantile), position, node);
}

function isValid(quantile: number): boolean {
  return quantile >= 0 && quantile <= 1;
}
