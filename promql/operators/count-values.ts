import { formatHistogram } from '../../storage/model/histogram-text.ts';
import { labelsKey, setLabel } from '../../storage/model/labels.ts';
import type { Labels } from '../../storage/model/labels.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import { SORT_WORK } from '../budget.ts';
import { formatPlainFloat } from '../functions/format-float.ts';
import { quoteString } from '../parser/quote.ts';
import type { CountValues } from '../plan/plan-node.ts';
import type { ExecutionContext } from './execution-context.ts';
import { LabelGrouping } from './grouping.ts';
import type { Explanation, Operator } from './operator.ts';
import { ABSENT, FLOAT, StepColumns } from './step-series.ts';
import type { StepSeries } from './step-series.ts';
import { WholeOperator } from './whole-operator.ts';

/** `count_values`: one series for each value in each group, counting the series that have it. */
export class CountValuesOperator extends WholeOperator {
  readonly #node: CountValues;
  readonly #input: Operator;
  readonly #context: ExecutionContext;
  readonly #grouping: LabelGrouping;

  constructor(node: CountValues, input: Operator, context: ExecutionContext) {
    super();
    // An error once it is evaluated, which where there is no step it is not.
    if (node.grid.count > 0 && (node.label === '' || !node.label.isWellFormed())) throw new VarveError('execution', `invalid label name ${quoteString(node.label)}`);
    this.#node = node;
    this.#input = input;
    this.#context = context;
    const { labels, without } = node.grouping;
    this.#grouping = new LabelGrouping({ labels: without ? labels : [...labels, node.label], without });
  }

  protected async evaluate(): Promise<StepSeries[]> {
    const { budget } = this.#context;
    const results = new Map<string, { readonly labels: Labels; readonly columns: StepColumns }>();
    for (let series = await this.#input.next(); series !== undefined; series = await this.#input.next()) {
      budget.spend(series.present.length * SORT_WORK);
      if (budget.isPauseDue) await budget.pause();
      let previousText: string | undefined;
      let columns: StepColumns | undefined;
      for (let step = 0; step < series.present.length; step++) {
        const kind = series.present[step]!;
        if (kind === ABSENT) continue;
        const text = kind === FLOAT ? formatPlainFloat(series.values[step]!) : formatHistogram(series.histograms![step]!);
        if (columns === undefined || text !== previousText) columns = this.#columnsFor(results, series.labels, text);
        previousText = text;
        columns.setFloat(step, columns.values[step]! + 1);
      }
    }
    return [...results.values()].map(({ labels, columns }) => columns.toSeries(labels, false));
  }

  #columnsFor(results: Map<string, { readonly labels: Labels; readonly columns: StepColumns }>, labels: Labels, text: string): StepColumns {
    const groupLabels = this.#grouping.labelsOf(setLabel(labels, this.#node.label, text));
    const key = labelsKey(groupLabels);
    let result = results.get(key);
    if (result === undefined) {
      this.#context.budget.hold(this.#node.grid.count);
      this.#context.budget.makeLabels(text.length);
      result = { labels: groupLabels, columns: new StepColumns(this.#node.grid.count) };
      results.set(key, result);
    }
    return result.columns;
  }

  explain(): Explanation {
    return { text: `count_values as ${this.#node.label} ${this.#grouping.toString()}`, inputs: [this.#input] };
  }
}
