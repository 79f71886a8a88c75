import type { Labels } from '../../storage/model/labels.ts';
import type { Annotation } from '../annotations.ts';
import { SORT_WORK } from '../budget.ts';
import type { Aggregate } from '../plan/plan-node.ts';
import { warnOfQuantiles } from './aggregate-parameters.ts';
import type { ExecutionContext } from './execution-context.ts';
import { createFold } from './folds.ts';
import type { GroupFold } from './folds.ts';
import { LabelGrouping } from './grouping.ts';
import { collectParameter } from './operator.ts';
import type { Explanation, Operator } from './operator.ts';
import { StepColumns } from './step-series.ts';
import type { StepSeries } from './step-series.ts';

interface Group {
  readonly labels: Labels;
  readonly fold: GroupFold;
  dropName: boolean;
  seriesCount: number;
}

/** sum, avg, min and so on: folds each series into its group as it arrives; groups come out in the order in which they first appeared. */
export class AggregateOperator implements Operator {
  readonly #node: Aggregate;
  readonly #input: Operator;
  readonly #param: Operator | undefined;
  readonly #context: ExecutionContext;
  readonly #grouping: LabelGrouping;
  #groups: Iterator<Group> | undefined;
  #groupCount = 0;

  constructor(node: Aggregate, input: Operator, param: Operator | undefined, context: ExecutionContext) {
    this.#node = node;
    this.#input = input;
    this.#param = param;
    this.#context = context;
    this.#grouping = new LabelGrouping(node.grouping);
  }

  async next(): Promise<StepSeries | undefined> {
    const { budget } = this.#context;
    this.#groups ??= (await this.#foldAll()).values();
    for (let result = this.#groups.next(); result.done !== true; result = this.#groups.next()) {
      const { labels, fold, dropName, seriesCount } = result.value;
      const stepCount = this.#node.grid.count;
      const columns = new StepColumns(stepCount);
      // Only quantiles leave most of the work to the end.
      const stepsPerPause = this.#node.op === 'quantile' ? Math.max(1, Math.floor(budget.limits.workPerPause / (seriesCount * SORT_WORK))) : stepCount;
      for (let step = 0; step < stepCount; step += stepsPerPause) {
        if (step > 0) await budget.pause();
        fold.finish(columns, step, Math.min(step + stepsPerPause, stepCount));
      }
      if (this.#node.op === 'quantile') budget.release(seriesCount * stepCount);
      if (!columns.isEmpty) return columns.toSeries(labels, dropName);
    }
    budget.release(this.#groupCount * this.#node.grid.count);
    this.#groupCount = 0;
    return undefined;
  }

  async #foldAll(): Promise<Group[]> {
    const { op, grid, inputPosition } = this.#node;
    const { budget, annotations } = this.#context;
    const param = this.#param === undefined ? undefined : await collectParameter(this.#param, grid.count, budget);
    if (param !== undefined) warnOfQuantiles(param, this.#node.paramPosition, this.#node.position, annotations);
    const groups = new Map<string, Group>();
    const annotate = (annotation: Annotation): void => annotations.add(annotation, inputPosition, this.#node.position);
    const foldContext = { stepCount: grid.count, param, annotate, budget };
    for (let series = await this.#input.next(); series !== undefined; series = await this.#input.next()) {
      // Sorting for quantiles comes later, but what it will cost is known.
      budget.spend(op === 'quantile' ? grid.count * SORT_WORK : grid.count);
      if (budget.isPauseDue) await budget.pause();
      const key = this.#grouping.keyOf(series.labels);
      let group = groups.get(key);
      if (group === undefined) {
        budget.hold(grid.count);
        this.#groupCount++;
        group = { labels: this.#grouping.labelsOf(series.labels), fold: createFold(op, foldContext), dropName: false, seriesCount: 0 };
        groups.set(key, group);
      }
      group.seriesCount++;
      if (series.dropName) group.dropName = true;
      group.fold.add(series);
      if (op !== 'quantile') this.#input.recycle?.(series);
    }
    return [...groups.values()];
  }

  explain(): Explanation {
    const inputs = this.#param === undefined ? [this.#input] : [this.#param, this.#input];
    return { text: `${this.#node.op} ${this.#grouping.toString()}`, inputs };
  }
}
