import { scalarBinary } from '../functions/binary-floats.ts';
import type { ArithmeticScalars } from '../plan/plan-node.ts';
import { scalarSeries } from './constant.ts';
import type { ExecutionContext } from './execution-context.ts';
import { HeldColumns } from './held-columns.ts';
import { collectScalar } from './operator.ts';
import type { Explanation, Operator } from './operator.ts';
import type { StepSeries } from './step-series.ts';

/** A binary operator, min_of or max_of between two scalars. */
export class ScalarsOperator implements Operator {
  readonly #node: ArithmeticScalars;
  readonly #lhs: Operator;
  readonly #rhs: Operator;
  readonly #held: HeldColumns;
  #isDone = false;

  constructor(node: ArithmeticScalars, lhs: Operator, rhs: Operator, context: ExecutionContext) {
    this.#node = node;
    this.#lhs = lhs;
    this.#rhs = rhs;
    this.#held = new HeldColumns(context.budget, node.grid.count, 2 * Float64Array.BYTES_PER_ELEMENT);
  }

  async next(): Promise<StepSeries | undefined> {
    const { grid, op } = this.#node;
    if (this.#isDone || grid.count === 0) return undefined;
    this.#isDone = true;
    // Each of a chain of them waits for the one below with its other value in hand.
    this.#held.hold();
    const [lhs, rhs] = await Promise.all([collectScalar(this.#lhs, grid.count), collectScalar(this.#rhs, grid.count)]);
    this.#held.release();
    return scalarSeries(lhs.map((value, step) => scalarBinary(op, value, rhs[step]!)));
  }

  explain(): Explanation {
    return { text: `scalars ${this.#node.op}`, inputs: [this.#lhs, this.#rhs] };
  }
}
