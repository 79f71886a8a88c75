import { unreachable } from '../../storage/runtime/assert.ts';
import type { SetVectors } from '../plan/plan-node.ts';
import type { ExecutionContext } from './execution-context.ts';
import { describeMatching, MatchSignature } from './match-signature.ts';
import { mergeSeries } from './merge-series.ts';
import { collectBoth } from './operator.ts';
import type { Explanation, Operator } from './operator.ts';
import { ABSENT, hasAnyPresent } from './step-series.ts';
import type { StepSeries } from './step-series.ts';
import { WholeOperator } from './whole-operator.ts';

/** and, or, unless: series of one side, masked at each step by whether the other side has a series of the same signature. */
export class SetVectorsOperator extends WholeOperator {
  readonly #node: SetVectors;
  readonly #lhs: Operator;
  readonly #rhs: Operator;
  readonly #context: ExecutionContext;
  readonly #signature: MatchSignature;

  constructor(node: SetVectors, lhs: Operator, rhs: Operator, context: ExecutionContext) {
    super();
    this.#node = node;
    this.#lhs = lhs;
    this.#rhs = rhs;
    this.#context = context;
    this.#signature = new MatchSignature(node.matching);
  }

  protected async evaluate(): Promise<StepSeries[]> {
    const [lhs, rhs] = await collectBoth(this.#lhs, this.#rhs, this.#context.budget);
    switch (this.#node.op) {
      case 'and':
        return this.#mask(lhs, this.#presence(rhs), true);
      case 'unless':
        return this.#mask(lhs, this.#presence(rhs), false);
      case 'or': {
        // Presence first: masking writes into the series, and passes those of the left on as they are.
        const all = [...lhs, ...this.#mask(rhs, this.#presence(lhs), false)];
        return this.#node.grid.count > 1 || !this.#context.features.delayedNameRemoval ? mergeSeries(all) : all;
      }
      default:
        return unreachable(this.#node.op);
    }
  }

  /** For each signature, the steps at which some series has it. */
  #presence(all: readonly StepSeries[]): Map<string, Uint8Array> {
    const presence = new Map<string, Uint8Array>();
    for (const { labels, present } of all) {
      const key = this.#signature.keyOf(labels);
      const steps = presence.get(key) ?? new Uint8Array(present.length);
      for (let step = 0; step < present.length; step++) if (present[step] !== ABSENT) steps[step] = 1;
      presence.set(key, steps);
    }
    return presence;
  }

  /** The series where the other side is there (or not there); those with nothing left are dropped. */
  #mask(all: readonly StepSeries[], presence: ReadonlyMap<string, Uint8Array>, wanted: boolean): StepSeries[] {
    return all.filter(({ labels, present }) => {
      const steps = presence.get(this.#signature.keyOf(labels));
      if (steps === undefined) return !wanted;
      for (let step = 0; step < present.length; step++) if ((steps[step] === 1) !== wanted) present[step] = ABSENT;
      return hasAnyPresent(present);
    });
  }

  explain(): Explanation {
    return { text: `${this.#node.op} ${describeMatching(this.#node.matching)}`, inputs: [this.#lhs, this.#rhs] };
  }
}
