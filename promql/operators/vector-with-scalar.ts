import { keepsMetric } from '../parser/operators.ts';
import type { VectorWithScalar } from '../plan/plan-node.ts';
import { scalarSeries } from './constant.ts';
import { renamedSeries } from './drop-name.ts';
import { elementOperator } from './element-operator.ts';
import type { ElementOperator } from './element-operator.ts';
import type { ExecutionContext } from './execution-context.ts';
import { HeldColumns } from './held-columns.ts';
import { collectScalar } from './operator.ts';
import type { Explanation, Operator } from './operator.ts';
import { ABSENT, SpareColumns, STEP_BYTES } from './step-series.ts';
import type { StepSeries } from './step-series.ts';

/** A binary operator between a vector and a scalar, in either order. A filter passes on the vector's samples. */
export class VectorWithScalarOperator implements Operator {
  readonly #node: VectorWithScalar;
  readonly #vector: Operator;
  readonly #scalar: Operator;
  readonly #context: ExecutionContext;
  readonly #apply: ElementOperator;
  readonly #spare = new SpareColumns();
  readonly #held: HeldColumns;
  #scalarSeries: StepSeries | undefined;
  #isDone = false;

  constructor(node: VectorWithScalar, vector: Operator, scalar: Operator, context: ExecutionContext) {
    this.#node = node;
    this.#vector = vector;
    this.#scalar = scalar;
    this.#context = context;
    this.#held = new HeldColumns(context.budget, node.grid.count, STEP_BYTES + SpareColumns.bytesPerStep(node.grid.count));
    const result = { returnBool: node.returnBool, keeps: node.scalarIsLeft ? 'right' : 'left' } as const;
    this.#apply = elementOperator(node.op, result, (annotation) => context.annotations.add(annotation, node.position));
  }

  async next(): Promise<StepSeries | undefined> {
    const { grid, scalarIsLeft, op, returnBool } = this.#node;
    if (this.#isDone) return undefined;
    this.#held.hold();
    const scalar = (this.#scalarSeries ??= scalarSeries(await collectScalar(this.#scalar, grid.count)));
    for (let series = await this.#vector.next(); series !== undefined; series = await this.#vector.next()) {
      this.#context.budget.spend(grid.count);
      const columns = this.#spare.take(grid.count);
      const [lhs, rhs] = scalarIsLeft ? [scalar, series] : [series, scalar];
      for (let step = 0; step < grid.count; step++) if (series.present[step] !== ABSENT) this.#apply(step, lhs, rhs, columns);
      this.#vector.recycle?.(series);
      if (columns.isEmpty) {
        this.#spare.put(columns);
        continue;
      }
      if (keepsMetric(op) && !returnBool) return columns.toSeries(series.labels, series.dropName);
      return renamedSeries(columns, series.labels, this.#context.features);
    }
    this.#isDone = true;
    this.#scalarSeries = undefined;
    this.#spare.clear();
    this.#held.release();
    return undefined;
  }

  recycle(series: StepSeries): void {
    this.#spare.put(series);
  }

  explain(): Explanation {
    const { op, scalarIsLeft, returnBool } = this.#node;
    const inputs = scalarIsLeft ? [this.#scalar, this.#vector] : [this.#vector, this.#scalar];
    return { text: `${scalarIsLeft ? 'scalar' : 'vector'} ${op}${returnBool ? ' bool' : ''} ${scalarIsLeft ? 'vector' : 'scalar'}`, inputs };
  }
}
