import type { Explanation, Operator } from './operator.ts';
import type { StepSeries } from './step-series.ts';

/** An operator that can hand out nothing before it has all of its result. */
export abstract class WholeOperator implements Operator {
  #results: Iterator<StepSeries> | undefined;

  /** All series of the result, in their order. Called once, by the first `next`. */
  protected abstract evaluate(): Promise<readonly StepSeries[]>;

  abstract explain(): Explanation;

  async next(): Promise<StepSeries | undefined> {
    this.#results ??= (await this.evaluate()).values();
    return this.#results.next().value;
  }
}
