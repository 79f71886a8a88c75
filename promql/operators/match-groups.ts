import type { MatchSignature } from './match-signature.ts';
import type { StepSeries } from './step-series.ts';

/** The series of both sides of a binary operation that share a signature. */
export class MatchGroup {
  readonly one: StepSeries[] = [];
  /** Index into `one` of the series that is there at each step, -1 where none is. */
  readonly oneAt: Int32Array;
  /** 1 at the steps at which a series of the "many" side has met its partner. */
  readonly manyMatched: Uint8Array;
  /** The steps that results have taken, by the key of their labels. */
  readonly #claims = new Map<string, Uint8Array>();

  constructor(stepCount: number) {
    this.oneAt = new Int32Array(stepCount).fill(-1);
    this.manyMatched = new Uint8Array(stepCount);
  }

  claim(key: string): Uint8Array {
    let steps = this.#claims.get(key);
    if (steps === undefined) this.#claims.set(key, (steps = new Uint8Array(this.oneAt.length)));
    return steps;
  }
}

export interface MatchGroups {
  readonly groups: readonly MatchGroup[];
  /** The group of each series of the "many" side. */
  readonly groupOfMany: readonly MatchGroup[];
}

export function groupBySignature(many: readonly StepSeries[], one: readonly StepSeries[], signature: MatchSignature, stepCount: number): MatchGroups {
  const groups = new Map<string, MatchGroup>();
  const groupOf = (series: StepSeries): MatchGroup => {
    const key = signature.keyOf(series.labels);
    let group = groups.get(key);
    if (group === undefined) groups.set(key, (group = new MatchGroup(stepCount)));
    return group;
  };
  for (const series of one) groupOf(series).one.push(series);
  const groupOfMany = many.map(groupOf);
  return { groups: [...groups.values()], groupOfMany };
}
