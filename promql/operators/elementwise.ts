import { unreachable } from '../../storage/runtime/assert.ts';
import { FUNCTIONS } from '../functions/function-table.ts';
import type { FunctionImplementation } from '../functions/function-table.ts';
import type { Elementwise } from '../plan/plan-node.ts';
import type { ExecutionContext } from './execution-context.ts';
import { renamedSeries } from './drop-name.ts';
import { HeldColumns } from './held-columns.ts';
import { collectScalar } from './operator.ts';
import type { Explanation, Operator } from './operator.ts';
import { FLOAT, HISTOGRAM, StepColumns } from './step-series.ts';
import type { StepSeries } from './step-series.ts';

const NO_ARGS: readonly Float64Array[] = [];

/** A function of each sample on its own. Those of floats leave histograms out, and the other way round. */
export class ElementwiseOperator implements Operator {
  readonly #node: Elementwise;
  readonly #input: Operator;
  readonly #scalars: readonly Operator[];
  readonly #context: ExecutionContext;
  readonly #implementation: FunctionImplementation;
  readonly #held: HeldColumns;
  #args: readonly Float64Array[] | undefined;

  constructor(node: Elementwise, input: Operator, scalars: readonly Operator[], context: ExecutionContext) {
    this.#node = node;
    this.#input = input;
    this.#scalars = scalars;
    this.#context = context;
    this.#implementation = FUNCTIONS[node.name];
    this.#held = new HeldColumns(context.budget, node.grid.count, scalars.length * Float64Array.BYTES_PER_ELEMENT);
  }

  async next(): Promise<StepSeries | undefined> {
    this.#held.hold();
    this.#args ??= await Promise.all(this.#scalars.map((scalar) => collectScalar(scalar, this.#node.grid.count)));
    for (let series = await this.#input.next(); series !== undefined; series = await this.#input.next()) {
      this.#context.budget.spend(this.#node.grid.count);
      const columns = new StepColumns(this.#node.grid.count);
      this.#map(series, columns, this.#args);
      if (columns.isEmpty) continue;
      return renamedSeries(columns, series.labels, this.#context.features);
    }
    this.#args = NO_ARGS;
    this.#held.release();
    return undefined;
  }

  #map(series: StepSeries, out: StepColumns, args: readonly Float64Array[]): void {
    const implementation = this.#implementation;
    const { present, values } = series;
    const { grid } = this.#node;
    const argsAtStep: number[] = [];
    for (let step = 0; step < present.length; step++) {
      let value: number | undefined;
      switch (implementation.kind) {
        case 'float':
          for (let i = 0; i < args.length; i++) argsAtStep[i] = args[i]![step]!;
          if (present[step] === FLOAT) value = implementation.apply(values[step]!, argsAtStep);
          break;
        case 'date':
          if (present[step] === FLOAT) value = implementation.apply(values[step]!);
          break;
        case 'histogram':
          if (present[step] === HISTOGRAM) value = implementation.apply(series.histograms![step]!);
          break;
        case 'time':
          if (present[step] !== 0) value = implementation.apply((grid.startMs + step * grid.stepMs) / 1000);
          break;
        case 'window':
        case 'planned':
          throw new Error(`BUG: ${this.#node.name} is no function of single samples`);
        default:
          return unreachable(implementation);
      }
      if (value !== undefined) out.setFloat(step, value);
    }
  }

  explain(): Explanation {
    return { text: this.#node.name, inputs: [this.#input, ...this.#scalars] };
  }
}
