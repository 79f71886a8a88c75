import { compareLabels, labelsKey } from '../../storage/model/labels.ts';
import type { Labels } from '../../storage/model/labels.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import type { BinaryVectors } from '../plan/plan-node.ts';
import { elementOperator } from './element-operator.ts';
import type { ElementOperator } from './element-operator.ts';
import type { ExecutionContext } from './execution-context.ts';
import { formatLabelSet } from './format-label-set.ts';
import { groupBySignature } from './match-groups.ts';
import type { MatchGroup } from './match-groups.ts';
import { describeMatching, MatchSignature } from './match-signature.ts';
import { mergeSeries } from './merge-series.ts';
import { collectBoth } from './operator.ts';
import type { Explanation, Operator } from './operator.ts';
import { ResultLabels } from './result-labels.ts';
import { StepAnnotations } from './step-annotations.ts';
import { ABSENT, FLOAT, StepColumns } from './step-series.ts';
import type { StepSeries } from './step-series.ts';
import { WholeOperator } from './whole-operator.ts';

/** Why nothing can be matched at a step. Of several the one at the earliest step is told, as if each step were evaluated by itself. */
interface MatchFailure {
  readonly step: number;
  readonly error: VarveError;
}

/** A series of the "many" side and one of its partners; index -1 is the fill. */
interface Pair {
  readonly index: number;
  readonly one: StepSeries;
  readonly columns: StepColumns;
  readonly labels: Labels;
  /** The steps at which the result's labels are taken, where another result may have them too. */
  readonly claimed: Uint8Array | undefined;
}

/**
 * Arithmetic, comparisons and trims between two vectors. Series of one signature form a group; inside it each series of the "many" side (the
 * left one unless group_right says otherwise) meets the series of the "one" side that is there at the step.
 */
export class VectorsOperator extends WholeOperator {
  readonly #node: BinaryVectors;
  readonly #lhs: Operator;
  readonly #rhs: Operator;
  readonly #context: ExecutionContext;
  readonly #signature: MatchSignature;
  readonly #resultLabels: ResultLabels;
  readonly #apply: ElementOperator;
  readonly #manyIsRight: boolean;
  readonly #annotations: StepAnnotations;
  #step = 0;
  #failure: MatchFailure | undefined;

  constructor(node: BinaryVectors, lhs: Operator, rhs: Operator, context: ExecutionContext) {
    super();
    this.#node = node;
    this.#lhs = lhs;
    this.#rhs = rhs;
    this.#context = context;
    this.#signature = new MatchSignature(node.matching);
    this.#resultLabels = new ResultLabels(node.op, node.returnBool, node.matching, context.features);
    this.#manyIsRight = node.matching.card === 'one-to-many';
    this.#annotations = new StepAnnotations(node.grid.count);
    const apply = elementOperator(node.op, { returnBool: node.returnBool, keeps: 'left' }, (annotation) => this.#annotations.set(this.#step, annotation));
    this.#apply = (step, left, right, out) => {
      this.#step = step;
      return apply(step, left, right, out);
    };
  }

  protected async evaluate(): Promise<StepSeries[]> {
    const { budget } = this.#context;
    const [lhs, rhs] = await collectBoth(this.#lhs, this.#rhs, budget);
    const [many, one] = this.#manyIsRight ? [rhs, lhs] : [lhs, rhs];
    // As in Prometheus, "left" is the "many" side also where group_right has swapped the two.
    const { fillLeft: fillMany, fillRight: fillOne } = this.#node.matching;
    const { groups, groupOfMany } = groupBySignature(many, one, this.#signature, this.#node.grid.count);
    // With one side empty nothing can match, and then duplicates on the other do not matter.
    const checksAt = fillMany === undefined && fillOne === undefined ? presenceOf(many, this.#node.grid.count) : undefined;
    const results: StepSeries[] = [];
    for (const group of groups) {
      this.#findOnes(group, checksAt);
      if (fillMany !== undefined) group.manyMatched = new Uint8Array(this.#node.grid.count);
    }
    for (let index = 0; index < many.length; index++) {
      budget.spend(this.#node.grid.count);
      if (budget.isPauseDue) await budget.pause();
      this.#matchMany(many[index]!, groupOfMany[index]!, fillOne, results);
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    if (fillMany !== undefined) for (const group of groups) this.#fillMany(group, fillMany, results);
    for (const annotation of this.#annotations.told()) this.#context.annotations.add(annotation, this.#node.position);
    budget.release((lhs.length + rhs.length) * this.#node.grid.count);
    return this.#node.grid.count > 1 || !this.#context.features.delayedNameRemoval ? mergeSeries(results) : results;
  }

  /** Fills `group.oneAt`: which series of the "one" side is there at each step. Two at once are an error. */
  #findOnes(group: MatchGroup, checksAt: Uint8Array | undefined): void {
    for (let index = 0; index < group.one.length; index++) {
      const { present } = group.one[index]!;
      for (let step = 0; step < present.length; step++) {
        if (present[step] === ABSENT) continue;
        if (group.oneAt[step] !== -1 && (checksAt === undefined || checksAt[step] === 1)) {
          this.#fail(step, () => this.#duplicateOne(group.one[index]!.labels, group.one[group.oneAt[step]!]!.labels));
        }
        group.oneAt[step] = index;
      }
    }
  }

  /** Of two at one step the first stays: duplicates are found before matches. */
  #fail(step: number, error: () => VarveError): void {
    if (this.#failure === undefined || step < this.#failure.step) this.#failure = { step, error: error() };
  }

  #duplicateOne(labels: Labels, otherLabels: Labels): VarveError {
    const matched = formatLabelSet(this.#signature.labelsOf(labels));
    const side = this.#manyIsRight ? 'left' : 'right';
    const duplicates = [labels, otherLabels].sort(compareLabels).map(formatLabelSet).join(', ');
    return new VarveError(
      'execution',
      `found duplicate series for the match group ${matched} on the ${side} hand-side of the operation: ` +
        `[${duplicates}];many-to-many matching not allowed: matching labels must be unique on one side`,
    );
  }

  /** Meets the partner that is there at each step; where none is, the fill. */
  #matchMany(many: StepSeries, group: MatchGroup, fillOne: number | undefined, results: StepSeries[]): void {
    const pairs = new Map<number, Pair>();
    let pair: Pair | undefined;
    for (let step = 0; step < many.present.length; step++) {
      if (many.present[step] === ABSENT) continue;
      const index = group.oneAt[step]!;
      if (index === -1 && fillOne === undefined) continue;
      if (pair?.index !== index) pair = this.#pairFor(pairs, many, group, index, fillOne);
      const [lhs, rhs] = this.#manyIsRight ? [pair.one, many] : [many, pair.one];
      // Samples that nothing can be made of count as unmatched.
      if (!this.#apply(step, lhs, rhs, pair.columns)) continue;
      if (group.manyMatched !== undefined) group.manyMatched[step] = 1;
      if (pair.claimed === undefined) continue;
      if (pair.claimed[step] === 1) this.#fail(step, () => this.#multipleMatches());
      pair.claimed[step] = 1;
    }
    for (const { columns, labels } of pairs.values()) this.#push(columns, labels, results);
  }

  #pairFor(pairs: Map<number, Pair>, many: StepSeries, group: MatchGroup, index: number, fillOne: number | undefined): Pair {
    let pair = pairs.get(index);
    if (pair === undefined) {
      const stepCount = this.#node.grid.count;
      const one = group.one[index] ?? constantSeries(this.#signature.labelsOf(many.labels), fillOne ?? NaN, stepCount);
      const labels = this.#resultLabels.of(many.labels, one.labels);
      const claimed = group.claim(() => (this.#node.matching.card === 'one-to-one' ? '' : labelsKey(labels)));
      pair = { index, one, columns: new StepColumns(stepCount), labels, claimed };
      pairs.set(index, pair);
    }
    return pair;
  }

  #multipleMatches(): VarveError {
    if (this.#node.matching.card === 'one-to-one') {
      return new VarveError('execution', 'multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)');
    }
    return new VarveError('execution', 'multiple matches for labels: grouping labels must ensure unique matches');
  }

  /** A series of the "one" side without any partner meets the fill, once a group and step. */
  #fillMany(group: MatchGroup, fill: number, results: StepSeries[]): void {
    for (let index = 0; index < group.one.length; index++) {
      const one = group.one[index]!;
      const many = constantSeries(this.#signature.labelsOf(one.labels), fill, this.#node.grid.count);
      const [lhs, rhs] = this.#manyIsRight ? [one, many] : [many, one];
      const columns = new StepColumns(this.#node.grid.count);
      for (let step = 0; step < one.present.length; step++) {
        if (group.oneAt[step] === index && group.manyMatched?.[step] === 0) this.#apply(step, lhs, rhs, columns);
      }
      this.#push(columns, this.#resultLabels.of(many.labels, one.labels), results);
    }
  }

  #push(columns: StepColumns, labels: Labels, results: StepSeries[]): void {
    if (columns.isEmpty) return;
    this.#context.budget.hold(columns.values.length);
    // As in Prometheus, a filter forgets that a name was to go because a function made the sample.
    results.push(columns.toSeries(labels, this.#node.returnBool));
  }

  explain(): Explanation {
    const { op, returnBool, matching } = this.#node;
    return { text: `vectors ${op}${returnBool ? ' bool' : ''} ${describeMatching(matching)}`, inputs: [this.#lhs, this.#rhs] };
  }
}

function constantSeries(labels: Labels, value: number, stepCount: number): StepSeries {
  const values = new Float64Array(stepCount).fill(value);
  return { labels, dropName: false, values, present: new Uint8Array(stepCount).fill(FLOAT), histograms: undefined };
}

function presenceOf(all: readonly StepSeries[], stepCount: number): Uint8Array {
  const presence = new Uint8Array(stepCount);
  for (const { present } of all) for (let step = 0; step < stepCount; step++) if (present[step] !== ABSENT) presence[step] = 1;
  return presence;
}
