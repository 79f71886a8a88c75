import type { RE2JS } from 're2js';
import { labelValue, METRIC_NAME, setLabel } from '../../storage/model/labels.ts';
import { engineRegex } from '../../storage/model/regex.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import type { LabelJoin, LabelReplace } from '../plan/plan-node.ts';
import type { ExecutionContext } from './execution-context.ts';
import type { Explanation, Operator } from './operator.ts';
import { ReplacementTemplate } from './replacement-template.ts';
import { withLabels } from './step-series.ts';
import type { StepSeries } from './step-series.ts';

/** `label_replace`: sets a label from the parts of another that a pattern, which must match all of it, captures. */
export class LabelReplaceOperator implements Operator {
  readonly #node: LabelReplace;
  readonly #input: Operator;
  readonly #context: ExecutionContext;
  readonly #template: ReplacementTemplate;
  #compiled: RE2JS | undefined;
  /** Results by source value: many series share them. Undefined where the pattern does not match. */
  readonly #results = new Map<string, string | undefined>();

  constructor(node: LabelReplace, input: Operator, context: ExecutionContext) {
    this.#node = node;
    this.#input = input;
    this.#context = context;
    this.#template = new ReplacementTemplate(node.replacement);
  }

  async next(): Promise<StepSeries | undefined> {
    const { grid, target, source } = this.#node;
    const { budget } = this.#context;
    // Wrong arguments are an error once the function is evaluated, which where there is no step it is not.
    if (grid.count > 0 && this.#compiled === undefined) {
      this.#compiled = compilePattern(this.#node.pattern);
      checkLabelName(target, 'destination', 'label_replace');
      await budget.compiled(this.#compiled.programSize());
    }
    const series = await this.#input.next();
    if (series === undefined || this.#compiled === undefined) return undefined;
    const result = this.#replace(this.#compiled, labelValue(series.labels, source));
    if (budget.isPauseDue) await budget.pause();
    return result === undefined ? series : relabelled(series, target, result);
  }

  #replace(pattern: RE2JS, value: string): string | undefined {
    if (this.#results.has(value)) {
      const known = this.#results.get(value);
      // It is one text for all series, but what looks for series with equal labels copies it for each.
      if (known !== undefined) this.#context.budget.makeLabels(known.length);
      return known;
    }
    this.#context.budget.match(value.length, pattern.programSize());
    const matcher = pattern.matcher(value);
    let result: string | undefined;
    if (matcher.matches()) {
      const groups = Array.from({ length: matcher.groupCount() + 1 }, (_, index) => matcher.group(index) ?? undefined);
      result = joinWithin(this.#template.expand(groups, pattern.namedGroups()), '', this.#context);
    }
    this.#results.set(value, result);
    return result;
  }

  explain(): Explanation {
    const { target, source, pattern, replacement } = this.#node;
    return { text: `label_replace ${target} from ${source} by ${JSON.stringify(pattern)} to ${JSON.stringify(replacement)}`, inputs: [this.#input] };
  }
}

/** `label_join`: sets a label to several others in a row. */
export class LabelJoinOperator implements Operator {
  readonly #node: LabelJoin;
  readonly #input: Operator;
  readonly #context: ExecutionContext;
  #isChecked = false;

  constructor(node: LabelJoin, input: Operator, context: ExecutionContext) {
    this.#node = node;
    this.#input = input;
    this.#context = context;
  }

  async next(): Promise<StepSeries | undefined> {
    const { grid, sources, separator, target } = this.#node;
    if (grid.count > 0 && !this.#isChecked) {
      this.#isChecked = true;
      for (const source of sources) checkLabelName(source, 'source', 'label_join');
      checkLabelName(target, 'destination', 'label_join');
    }
    const series = await this.#input.next();
    if (series === undefined) return undefined;
    const joined = joinWithin(sources.map((source) => labelValue(series.labels, source)), separator, this.#context);
    return relabelled(series, target, joined);
  }

  explain(): Explanation {
    return { text: `label_join ${this.#node.target} from ${this.#node.sources.join(', ')}`, inputs: [this.#input] };
  }
}

/** Joins texts after the budget has seen how long the result will be: nested calls can multiply lengths at every level. */
function joinWithin(texts: readonly string[], separator: string, context: ExecutionContext): string {
  let length = separator.length * texts.length;
  for (const text of texts) length += text.length;
  context.budget.makeLabels(length);
  return texts.join(separator);
}

/** A name that was given anew is kept to the end. */
function relabelled(series: StepSeries, target: string, value: string): StepSeries {
  return withLabels(series, setLabel(series.labels, target, value), target === METRIC_NAME ? false : series.dropName);
}

function compilePattern(pattern: string): RE2JS {
  try {
    return engineRegex(pattern);
  } catch (error) {
    throw new VarveError('execution', `invalid regular expression in label_replace(): ${pattern}`, { cause: error });
  }
}

/** Since Prometheus 3 any valid UTF-8 that is not empty is a label name. */
function checkLabelName(name: string, role: 'source' | 'destination', functionName: string): void {
  if (name !== '' && name.isWellFormed()) return;
  throw new VarveError('execution', `invalid ${role} label name in ${functionName}(): ${name}`);
}
