import { scalarBinary } from '../functions/binary-floats.ts';
import type { ArithmeticScalars } from '../plan/plan-node.ts';
import { scalarSeries } from './constant.ts';
import { collectScalar } from './operator.ts';
import type { Explanation, Operator } from './operator.ts';
import type { StepSeries } from './step-series.ts';

/** A binary operator, min_of or max_of between two scalars. */
export class ScalarsOperator implements Operator {
  readonly #node: ArithmeticScalars;
  readonly #lhs: Operator;
  readonly #rhs: Operator;
  #isDone = false;

  constructor(node: ArithmeticScalars, lhs: Operator, rhs: Operator) {
    this.#node = node;
    this.#lhs = lhs;
    this.#rhs = rhs;
  }

  async next(): Promise<StepSeries | undefined> {
    const { grid, op } = this.#node;
    if (this.#isDone || grid.count === 0) return undefined;
    this.#isDone = true;
    const [lhs, rhs] = await Promise.all([collectScalar(this.#lhs, grid.count), collectScalar(this.#rhs, grid.count)]);
    return scalarSeries(lhs.map((value, step) => scalarBinary(op, value, rhs[step]!)));
  }

  explain(): Explanation {
    return { text: `scalars ${this.#node.op}`, inputs: [this.#lhs, this.#rhs] };
  }

  toString(): string {
    return this.explain().text;
  }
}
