import type { FloatHistogram } from '../../storage/model/histogram.ts';
import type { Repeat } from '../plan/plan-node.ts';
import type { ExecutionContext } from './execution-context.ts';
import type { Explanation, Operator } from './operator.ts';
import { HISTOGRAM } from './step-series.ts';
import type { StepSeries } from './step-series.ts';

/** What does not depend on the step: evaluated once, the same at every step. */
export class RepeatOperator implements Operator {
  readonly #node: Repeat;
  readonly #input: Operator;
  readonly #context: ExecutionContext;

  constructor(node: Repeat, input: Operator, context: ExecutionContext) {
    this.#node = node;
    this.#input = input;
    this.#context = context;
  }

  async next(): Promise<StepSeries | undefined> {
    const series = await this.#input.next();
    if (series === undefined) return undefined;
    const { count } = this.#node.grid;
    this.#context.budget.spend(count);
    const kind = series.present[0]!;
    return {
      labels: series.labels,
      dropName: series.dropName,
      values: new Float64Array(count).fill(series.values[0]!),
      present: new Uint8Array(count).fill(kind),
      histograms: kind === HISTOGRAM ? new Array<FloatHistogram | undefined>(count).fill(series.histograms![0]) : undefined,
    };
  }

  explain(): Explanation {
    return { text: `repeat at ${this.#node.grid.count} steps`, inputs: [this.#input] };
  }
}
