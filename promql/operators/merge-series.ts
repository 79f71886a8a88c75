import { compareLabels, labelsKey } from '../../storage/model/labels.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import type { Budget } from '../budget.ts';
import { collect } from './operator.ts';
import type { Explanation, Operator } from './operator.ts';
import { ABSENT, StepColumns } from './step-series.ts';
import type { StepSeries } from './step-series.ts';
import { WholeOperator } from './whole-operator.ts';

export function duplicateLabels(): VarveError {
  return new VarveError('execution', 'vector cannot contain metrics with the same labelset');
}

/** Series with equal labels become one, as long as no step has two of them. In the order of their first appearance. */
export function mergeSeries(all: readonly StepSeries[]): StepSeries[] {
  const indexByLabels = new Map<string, number>();
  const merged: StepSeries[] = [];
  for (const series of all) {
    const key = labelsKey(series.labels);
    const index = indexByLabels.get(key);
    if (index === undefined) indexByLabels.set(key, merged.push(series) - 1);
    else merged[index] = mergeTwo(merged[index]!, series);
  }
  return merged;
}

/** The same in the order of labels, which is where equal ones stand side by side: nothing is looked up. The array given is sorted. */
export function mergeSorted(all: StepSeries[]): StepSeries[] {
  all.sort((a, b) => compareLabels(a.labels, b.labels));
  const merged: StepSeries[] = [];
  let last: StepSeries | undefined;
  for (const series of all) {
    if (last !== undefined && compareLabels(last.labels, series.labels) === 0) merged[merged.length - 1] = last = mergeTwo(last, series);
    else merged.push((last = series));
  }
  return merged;
}

/** Whether the name goes is decided by the first sample of all, as in Prometheus. */
function mergeTwo(first: StepSeries, second: StepSeries): StepSeries {
  const columns = new StepColumns(first.present.length);
  for (let step = 0; step < first.present.length; step++) {
    if (first.present[step] !== ABSENT && second.present[step] !== ABSENT) throw duplicateLabels();
    columns.copyStep(step, first);
    columns.copyStep(step, second);
  }
  return columns.toSeries(first.labels, isEarlier(first, second) ? first.dropName : second.dropName);
}

function isEarlier(first: StepSeries, second: StepSeries): boolean {
  const isThere = (mark: number): boolean => mark !== ABSENT;
  return first.present.findIndex(isThere) < second.present.findIndex(isThere);
}

/** Brings together the series that an operator below may have given equal labels. */
export class MergeSeries extends WholeOperator {
  readonly #input: Operator;
  readonly #budget: Budget;

  constructor(input: Operator, budget: Budget) {
    super();
    this.#input = input;
    this.#budget = budget;
  }

  protected async evaluate(): Promise<StepSeries[]> {
    return mergeSeries(await collect(this.#input, this.#budget));
  }

  explain(): Explanation {
    return { text: 'merge series with equal labels', inputs: [this.#input] };
  }
}
