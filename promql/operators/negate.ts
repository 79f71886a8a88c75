import { negateHistogram } from '../../storage/model/histogram-scale.ts';
import type { Negate } from '../plan/plan-node.ts';
import type { ExecutionContext } from './execution-context.ts';
import { renamed } from './drop-name.ts';
import type { Explanation, Operator } from './operator.ts';
import type { StepSeries } from './step-series.ts';

/** Unary minus. */
export class NegateOperator implements Operator {
  readonly #node: Negate;
  readonly #input: Operator;
  readonly #context: ExecutionContext;

  constructor(node: Negate, input: Operator, context: ExecutionContext) {
    this.#node = node;
    this.#input = input;
    this.#context = context;
  }

  async next(): Promise<StepSeries | undefined> {
    const series = await this.#input.next();
    if (series === undefined) return undefined;
    const { values } = series;
    for (let step = 0; step < values.length; step++) values[step] = -values[step]!;
    const histograms = series.histograms?.map((histogram) => histogram && negateHistogram(histogram));
    return { ...renamed(series.labels, this.#context.features), values, present: series.present, histograms };
  }

  explain(): Explanation {
    return { text: `negate at ${this.#node.grid.count} steps`, inputs: [this.#input] };
  }
}
