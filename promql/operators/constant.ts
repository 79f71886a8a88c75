import type { Constant, Time } from '../plan/plan-node.ts';
import { gridTimesMs } from '../plan/step-grid.ts';
import type { Explanation, Operator } from './operator.ts';
import { FLOAT } from './step-series.ts';
import type { StepSeries } from './step-series.ts';

/** A scalar: one series without labels, present at every step. */
export function scalarSeries(values: Float64Array): StepSeries {
  return { labels: [], dropName: false, values, present: new Uint8Array(values.length).fill(FLOAT), histograms: undefined };
}

/** A number, or `time()`. */
export class ConstantOperator implements Operator {
  readonly #node: Constant | Time;
  #isDone = false;

  constructor(node: Constant | Time) {
    this.#node = node;
  }

  async next(): Promise<StepSeries | undefined> {
    if (this.#isDone || this.#node.grid.count === 0) return undefined;
    this.#isDone = true;
    if (this.#node.kind === 'constant') return scalarSeries(new Float64Array(this.#node.grid.count).fill(this.#node.value));
    return scalarSeries(gridTimesMs(this.#node.grid).map((timeMs) => timeMs / 1000));
  }

  explain(): Explanation {
    return { text: this.#node.kind === 'constant' ? `constant ${this.#node.value}` : 'time', inputs: [] };
  }
}
