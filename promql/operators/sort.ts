import { compareLabels, labelValue } from '../../storage/model/labels.ts';
import { unreachable } from '../../storage/runtime/assert.ts';
import { sortInRangeQuery } from '../annotations.ts';
import { goSort } from '../go-sort.ts';
import type { Sort, SortOrder } from '../plan/plan-node.ts';
import { isInRange } from '../plan/step-grid.ts';
import type { ExecutionContext } from './execution-context.ts';
import { isNaturallyBefore } from './natural-order.ts';
import { collect } from './operator.ts';
import type { Explanation, Operator } from './operator.ts';
import { FLOAT } from './step-series.ts';
import type { StepSeries } from './step-series.ts';
import { WholeOperator } from './whole-operator.ts';

/**
 * sort, sort_desc, sort_by_label, sort_by_label_desc. Only a single step has an order. The warning is for a range of time, also one with a single
 * step at its beginning, as a subquery's may be.
 */
export class SortOperator extends WholeOperator {
  readonly #node: Sort;
  readonly #input: Operator;
  readonly #context: ExecutionContext;

  constructor(node: Sort, input: Operator, context: ExecutionContext) {
    super();
    this.#node = node;
    this.#input = input;
    this.#context = context;
  }

  protected async evaluate(): Promise<StepSeries[]> {
    const { order, grid } = this.#node;
    if (isInRange(grid)) this.#context.annotations.add(sortInRangeQuery(), this.#node.position);
    const all = await collect(this.#input, this.#context.budget);
    if (order.by === 'value') {
      const floats = all.map(withoutHistograms).filter((series) => series.present.includes(FLOAT));
      return grid.count === 1 ? goSort(floats, (a, b) => isValueBefore(a.values[0]!, b.values[0]!, order.descending)) : floats;
    }
    return grid.count === 1 ? goSort(all, (a, b) => isBeforeByLabels(a, b, order)) : all;
  }

  explain(): Explanation {
    const { order } = this.#node;
    const by = order.by === 'value' ? 'value' : order.by === 'labels' ? `labels ${order.names.join(', ')}` : unreachable(order);
    return { text: `sort by ${by}${order.descending ? ' descending' : ''}`, inputs: [this.#input] };
  }
}

function withoutHistograms(series: StepSeries): StepSeries {
  if (series.histograms === undefined) return series;
  return { ...series, histograms: undefined, present: series.present.map((kind) => (kind === FLOAT ? FLOAT : 0)) };
}

/** NaN comes last either way; of two NaNs each is before the other, as in Prometheus, whose order of them shows that. */
function isValueBefore(a: number, b: number, descending: boolean): boolean {
  return Number.isNaN(b) || (descending ? a > b : a < b);
}

function isBeforeByLabels(a: StepSeries, b: StepSeries, order: Extract<SortOrder, { by: 'labels' }>): boolean {
  for (const name of order.names) {
    const [valueA, valueB] = [labelValue(a.labels, name), labelValue(b.labels, name)];
    if (valueA !== valueB) return isNaturallyBefore(valueA, valueB) !== order.descending;
  }
  const byAllLabels = compareLabels(a.labels, b.labels);
  return order.descending ? byAllLabels > 0 : byAllLabels < 0;
}
