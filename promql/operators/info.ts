import type { Labels } from '../../storage/model/labels.ts';
import { describeMatcher } from './describe-selector.ts';
import type { Info } from '../plan/plan-node.ts';
import type { ExecutionContext } from './execution-context.ts';
import { InfoSelector } from './info-selector.ts';
import { InfoLabels, readInfoSeries } from './info-series.ts';
import { mergeSeries } from './merge-series.ts';
import { collect } from './operator.ts';
import type { Explanation, Operator } from './operator.ts';
import { ABSENT, StepColumns } from './step-series.ts';
import type { StepSeries } from './step-series.ts';
import { WholeOperator } from './whole-operator.ts';

/** `info(v, {…})`: adds to each series the labels of the info series that describe the same target at the same time. */
export class InfoOperator extends WholeOperator {
  readonly #node: Info;
  readonly #input: Operator;
  readonly #context: ExecutionContext;

  constructor(node: Info, input: Operator, context: ExecutionContext) {
    super();
    this.#node = node;
    this.#input = input;
    this.#context = context;
  }

  protected async evaluate(): Promise<StepSeries[]> {
    const { matchers, reference, lookbackMs } = this.#node;
    const base = await collect(this.#input, this.#context.budget);
    const selector = new InfoSelector(matchers);
    const described = base.filter((series) => !selector.isInfoSeries(series.labels));
    const infoLabels = await readInfoSeries(selector, described.map(({ labels }) => labels), reference, lookbackMs, this.#context);
    const results = base.flatMap((series) => (selector.isInfoSeries(series.labels) ? [series] : this.#joinOne(series, infoLabels)));
    return mergeSeries(results);
  }

  /** One result for each set of labels that the series has in the course of time. */
  #joinOne(series: StepSeries, infoLabels: InfoLabels): StepSeries[] {
    const results = new Map<Labels, StepColumns>();
    const labelsAt = infoLabels.forSeries(series.labels);
    for (let step = 0; step < series.present.length; step++) {
      if (series.present[step] === ABSENT) continue;
      const labels = labelsAt(step);
      if (labels === undefined) continue;
      let columns = results.get(labels);
      if (columns === undefined) {
        this.#context.budget.hold(series.present.length);
        results.set(labels, (columns = new StepColumns(series.present.length)));
      }
      columns.copyStep(step, series);
    }
    return [...results].map(([labels, columns]) => columns.toSeries(labels, series.dropName));
  }

  explain(): Explanation {
    const matchers = this.#node.matchers?.map(describeMatcher).join(', ') ?? '__name__="target_info"';
    return { text: `info from {${matchers}}`, inputs: [this.#input] };
  }
}
