import type { Budget } from '../budget.ts';
import type { StepSeries } from './step-series.ts';

/**
 * One step of a plan at work: hands out its series one by one.
 *
 * `next` gives the next series, or undefined when there are no more, and again undefined after that. It is called by one reader at a time,
 * and not again after it threw. Each series and its arrays belong to the reader. The order is the one that the expression defines, which
 * an instant query's answer keeps.
 */
export interface Operator {
  next(): Promise<StepSeries | undefined>;
  /** Takes back the columns of a series that `next` gave, if the operator has a use for them: the reader keeps no hold of them. */
  recycle?(series: StepSeries): void;
  /** What it does, in one line, and what it reads from. */
  explain(): Explanation;
}

export interface Explanation {
  readonly text: string;
  readonly inputs: readonly Operator[];
}

/** An operator tree as text: one operator a line, inputs indented below. */
export function explainTree(operator: Operator, depth = 0): string {
  const { text, inputs } = operator.explain();
  return [`${'  '.repeat(depth)}${text}`, ...inputs.map((input) => explainTree(input, depth + 1))].join('\n');
}

/** All series of an operator, counted in the budget as they come, so that too many fail before they fill memory. */
export async function collect(operator: Operator, budget: Budget): Promise<StepSeries[]> {
  const all: StepSeries[] = [];
  for (let series = await operator.next(); series !== undefined; series = await operator.next()) {
    budget.hold(series.values.length);
    all.push(series);
  }
  return all;
}

/** Both sides of an operator, side by side: where they read the same series, each is kept only until both have had it. */
export async function collectBoth(lhs: Operator, rhs: Operator, budget: Budget): Promise<[StepSeries[], StepSeries[]]> {
  return Promise.all([collect(lhs, budget), collect(rhs, budget)]);
}

/** The values of a parameter that an operator keeps to its end, one for each step, counted in the budget before they are made. */
export async function collectParameter(operator: Operator, stepCount: number, budget: Budget): Promise<Float64Array> {
  // A sample is a value and a time.
  budget.holdWorking(Math.ceil(stepCount / 2));
  return collectScalar(operator, stepCount);
}

/** The values of a scalar operator, one for each step. */
export async function collectScalar(operator: Operator, stepCount: number): Promise<Float64Array> {
  const series = await operator.next();
  return series === undefined ? new Float64Array(stepCount).fill(NaN) : series.values;
}
