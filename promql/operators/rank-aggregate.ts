import { unreachable } from '../../storage/runtime/assert.ts';
import { histogramIgnoredInAggregation } from '../annotations.ts';
import type { RankAggregate } from '../plan/plan-node.ts';
import { checkRankParameter } from './aggregate-parameters.ts';
import type { ExecutionContext } from './execution-context.ts';
import { LabelGrouping } from './grouping.ts';
import { labelHashFraction } from './label-hash.ts';
import { collectParameter } from './operator.ts';
import type { Explanation, Operator } from './operator.ts';
import { ABSENT, FLOAT, hasAnyPresent, HISTOGRAM } from './step-series.ts';
import type { StepSeries } from './step-series.ts';
import { selectBest } from './select-best.ts';
import { WholeOperator } from './whole-operator.ts';

const NO_FRACTIONS = new Float64Array(0);

/** topk, bottomk, limitk, limit_ratio: some series of each group, chosen anew at every step. */
export class RankAggregateOperator extends WholeOperator {
  readonly #node: RankAggregate;
  readonly #input: Operator;
  readonly #param: Operator;
  readonly #context: ExecutionContext;
  /** Of the step that is being looked at: members of the group that have a float, and the values of these by member. */
  readonly #candidates: number[] = [];
  #values = new Float64Array(0);

  constructor(node: RankAggregate, input: Operator, param: Operator, context: ExecutionContext) {
    super();
    this.#node = node;
    this.#input = input;
    this.#param = param;
    this.#context = context;
  }

  protected async evaluate(): Promise<StepSeries[]> {
    const { grid, op, paramPosition, position } = this.#node;
    const parameters = await collectParameter(this.#param, grid.count, this.#context.budget);
    const groups = await this.#readGroups();
    if (grid.count === 0 || !checkRankParameter(op, parameters, paramPosition, position, this.#context.annotations)) return [];
    const { budget } = this.#context;
    const chosen: StepSeries[] = [];
    for (const members of groups) {
      const marks: (Uint8Array | undefined)[] = [];
      const fractions = op === 'limit_ratio' ? Float64Array.from(members, ({ labels }) => labelHashFraction(labels)) : NO_FRACTIONS;
      let order: readonly number[] = [];
      for (let step = 0; step < grid.count; step++) {
        budget.spend(members.length);
        if (budget.isPauseDue) await budget.pause();
        order = this.#chooseAt(members, fractions, step, parameters[step]!);
        for (const member of order) (marks[member] ??= new Uint8Array(grid.count))[step] = 1;
      }
      // The one step of an instant query has an order; over several steps there is none.
      const result = grid.count === 1 ? order : members.map((_, index) => index);
      for (const member of result) {
        const series = members[member]!;
        if (isKept(series, marks[member])) chosen.push(series);
      }
    }
    return chosen;
  }

  async #readGroups(): Promise<StepSeries[][]> {
    const grouping = new LabelGrouping(this.#node.grouping);
    const groups = new Map<string, StepSeries[]>();
    for (let series = await this.#input.next(); series !== undefined; series = await this.#input.next()) {
      this.#context.budget.hold(series.values.length);
      const key = grouping.keyOf(series.labels);
      const members = groups.get(key);
      if (members === undefined) groups.set(key, [series]);
      else members.push(series);
    }
    return [...groups.values()];
  }

  /** Indexes of the members that a step keeps, best first. `fractions` are those of the members' labels, for limit_ratio. */
  #chooseAt(members: readonly StepSeries[], fractions: Float64Array, step: number, parameter: number): readonly number[] {
    const { op } = this.#node;
    switch (op) {
      case 'topk':
      case 'bottomk': {
        const limit = Math.trunc(parameter);
        if (limit < 1) return [];
        this.#takeFloatsAt(members, step);
        return selectBest(this.#candidates, this.#values, limit, op === 'topk');
      }
      case 'limitk': {
        const kept: number[] = [];
        for (let member = 0; member < members.length && kept.length < Math.trunc(parameter); member++) {
          if (members[member]!.present[step] !== ABSENT) kept.push(member);
        }
        return kept;
      }
      case 'limit_ratio': {
        const ratio = Math.max(-1, Math.min(1, parameter));
        return members.flatMap((series, member) => (series.present[step] !== ABSENT && isInRatio(fractions[member]!, ratio) ? [member] : []));
      }
      default:
        return unreachable(op);
    }
  }

  /** Sets the candidates to the members that have a float at the step. */
  #takeFloatsAt(members: readonly StepSeries[], step: number): void {
    const candidates = this.#candidates;
    if (this.#values.length < members.length) this.#values = new Float64Array(members.length);
    const values = this.#values;
    candidates.length = 0;
    for (let member = 0; member < members.length; member++) {
      const series = members[member]!;
      const kind = series.present[step];
      if (kind === FLOAT) {
        candidates.push(member);
        values[member] = series.values[step]!;
      } else if (kind === HISTOGRAM) this.#context.annotations.add(histogramIgnoredInAggregation(this.#node.op), this.#node.position);
    }
  }

  explain(): Explanation {
    return { text: `${this.#node.op} ${new LabelGrouping(this.#node.grouping).toString()}`, inputs: [this.#param, this.#input] };
  }
}

/** A ratio r keeps the fractions below r; a negative one those from 1 + r on, so that r and r - 1 share out the series. */
function isInRatio(fraction: number, ratio: number): boolean {
  return ratio >= 0 ? fraction < ratio : fraction >= 1 + ratio;
}

/** Empties the steps of a series that are not marked, and tells whether any is left. */
function isKept({ present }: StepSeries, marks: Uint8Array | undefined): boolean {
  if (marks === undefined) return false;
  for (let step = 0; step < present.length; step++) if (marks[step] === 0) present[step] = ABSENT;
  return hasAnyPresent(present);
}
