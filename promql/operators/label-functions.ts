import { RE2JS } from 're2js';
import { labelValue, METRIC_NAME, setLabel } from '../../storage/model/labels.ts';
import { compileWithEngine } from '../../storage/model/regex.ts';
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
  readonly #pattern: RE2JS;
  readonly #template: ReplacementTemplate;
  /** Results by source value: many series share them. Undefined where the pattern does not match. */
  readonly #results = new Map<string, string | undefined>();

  constructor(node: LabelReplace, input: Operator, context: ExecutionContext) {
    this.#node = node;
    this.#input = input;
    this.#context = context;
    this.#pattern = compilePattern(node.pattern);
    checkLabelName(node.target, 'destination', 'label_replace');
    this.#template = new ReplacementTemplate(node.replacement);
  }

  async next(): Promise<StepSeries | undefined> {
    const series = await this.#input.next();
    if (series === undefined) return undefined;
    const result = this.#replace(labelValue(series.labels, this.#node.source));
    return result === undefined ? series : relabelled(series, this.#node.target, result);
  }

  #replace(value: string): string | undefined {
    if (this.#results.has(value)) return this.#results.get(value);
    const matcher = this.#pattern.matcher(value);
    let result: string | undefined;
    if (matcher.matches()) {
      const groups = Array.from({ length: matcher.groupCount() + 1 }, (_, index) => matcher.group(index) ?? undefined);
      result = joinWithin(this.#template.expand(groups, this.#pattern.namedGroups()), '', this.#context);
    }
    this.#results.set(value, result);
    return result;
  }

  explain(): Explanation {
    const { target, source, pattern, replacement } = this.#node;
    return { text: `label_replace ${target} from ${source} by ${JSON.stringify(pattern)} to ${JSON.stringify(replacement)}`, inputs: [this.#input] };
  }

  toString(): string {
    return this.explain().text;
  }
}

/** `label_join`: sets a label to several others in a row. */
export class LabelJoinOperator implements Operator {
  readonly #node: LabelJoin;
  readonly #input: Operator;
  readonly #context: ExecutionContext;

  constructor(node: LabelJoin, input: Operator, context: ExecutionContext) {
    this.#node = node;
    this.#input = input;
    this.#context = context;
    for (const source of node.sources) checkLabelName(source, 'source', 'label_join');
    checkLabelName(node.target, 'destination', 'label_join');
  }

  async next(): Promise<StepSeries | undefined> {
    const series = await this.#input.next();
    if (series === undefined) return undefined;
    const { sources, separator, target } = this.#node;
    const joined = joinWithin(sources.map((source) => labelValue(series.labels, source)), separator, this.#context);
    return relabelled(series, target, joined);
  }

  explain(): Explanation {
    return { text: `label_join ${this.#node.target} from ${this.#node.sources.join(', ')}`, inputs: [this.#input] };
  }

  toString(): string {
    return this.explain().text;
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
    // Refuses what is too large for the engine.
    compileWithEngine(pattern);
    return RE2JS.compile(pattern, RE2JS.DOTALL);
  } catch (error) {
    throw new VarveError('execution', `invalid regular expression in label_replace(): ${pattern}`, { cause: error });
  }
}

/** Since Prometheus 3 any valid UTF-8 that is not empty is a label name. */
function checkLabelName(name: string, role: 'source' | 'destination', functionName: string): void {
  if (name !== '' && name.isWellFormed()) return;
  throw new VarveError('execution', `invalid ${role} label name in ${functionName}(): ${name}`);
}
