import { assert } from '../../storage/runtime/assert.ts';
import { FUNCTIONS } from '../functions/function-table.ts';
import type { DateOfTime } from '../plan/plan-node.ts';
import { scalarSeries } from './constant.ts';
import type { Explanation, Operator } from './operator.ts';
import type { StepSeries } from './step-series.ts';

/** `hour()` and the like without an argument: of the step. */
export class DateOfTimeOperator implements Operator {
  readonly #node: DateOfTime;
  #isDone = false;

  constructor(node: DateOfTime) {
    this.#node = node;
  }

  async next(): Promise<StepSeries | undefined> {
    const { grid, name } = this.#node;
    if (this.#isDone || grid.count === 0) return undefined;
    this.#isDone = true;
    const implementation = FUNCTIONS[name];
    assert(implementation.kind === 'date', `${name} needs an argument`);
    const values = new Float64Array(grid.count);
    for (let step = 0; step < grid.count; step++) values[step] = implementation.apply((grid.startMs + step * grid.stepMs) / 1000);
    return scalarSeries(values);
  }

  explain(): Explanation {
    return { text: `${this.#node.name} of the step`, inputs: [] };
  }
}
