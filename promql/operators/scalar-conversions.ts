import type { ScalarOfVector, VectorOfScalar } from '../plan/plan-node.ts';
import { scalarSeries } from './constant.ts';
import type { Explanation, Operator } from './operator.ts';
import { FLOAT } from './step-series.ts';
import type { StepSeries } from './step-series.ts';

/** `scalar(v)`: the value of the only float at each step, NaN where there is none or more than one. Histograms do not count. */
export class ScalarOfVectorOperator implements Operator {
  readonly #node: ScalarOfVector;
  readonly #input: Operator;
  #isDone = false;

  constructor(node: ScalarOfVector, input: Operator) {
    this.#node = node;
    this.#input = input;
  }

  async next(): Promise<StepSeries | undefined> {
    const stepCount = this.#node.grid.count;
    if (this.#isDone || stepCount === 0) return undefined;
    this.#isDone = true;
    let series = await this.#input.next();
    // Only now: those below have made theirs.
    const values = new Float64Array(stepCount).fill(NaN);
    const seen = new Uint8Array(stepCount);
    for (; series !== undefined; series = await this.#input.next()) {
      for (let step = 0; step < stepCount; step++) {
        if (series.present[step] !== FLOAT) continue;
        values[step] = seen[step] === 0 ? series.values[step]! : NaN;
        seen[step] = 1;
      }
    }
    return scalarSeries(values);
  }

  explain(): Explanation {
    return { text: 'scalar', inputs: [this.#input] };
  }
}

/** `vector(s)`: a scalar as a vector of one series without labels, which it is already. */
export class VectorOfScalarOperator implements Operator {
  readonly #node: VectorOfScalar;
  readonly #input: Operator;

  constructor(node: VectorOfScalar, input: Operator) {
    this.#node = node;
    this.#input = input;
  }

  next(): Promise<StepSeries | undefined> {
    return this.#input.next();
  }

  explain(): Explanation {
    return { text: `vector at ${this.#node.grid.count} steps`, inputs: [this.#input] };
  }
}
