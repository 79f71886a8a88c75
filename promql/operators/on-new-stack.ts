import type { Explanation, Operator } from './operator.ts';
import type { StepSeries } from './step-series.ts';

/**
 * Lets the call stack unwind before the operator is asked the first time. Operators ask those below them, so that without it a chain of a
 * thousand would be as many frames on the stack at once; the answers come back from promise to promise, one frame each.
 */
export class OnNewStack implements Operator {
  readonly #operator: Operator;
  #isAsked = false;

  constructor(operator: Operator) {
    this.#operator = operator;
  }

  async next(): Promise<StepSeries | undefined> {
    if (!this.#isAsked) {
      this.#isAsked = true;
      await undefined;
    }
    return this.#operator.next();
  }

  recycle(series: StepSeries): void {
    this.#operator.recycle?.(series);
  }

  explain(): Explanation {
    return this.#operator.explain();
  }
}
