import type { MatchSignature } from './match-signature.ts';
import type { StepSeries } from './step-series.ts';

/** The series of both sides of a binary operation that share a signature. */
export class MatchGroup {
  readonly one: StepSeries[] = [];
  /** Series of the "many" side. */
  manyCount = 0;
  /** Index into `one` of the series that is there at each step, -1 where none is. */
  oneAt: Int32Array = NO_STEPS;
  /** Where it is asked for: 1 at the steps at which a series of the "many" side has met its partner. */
  manyMatched: Uint8Array | undefined;
  /** The steps that results have taken, by the key of their labels. */
  #claims: Map<string, Uint8Array> | undefined;

  /** 1 at the steps that results with these labels have taken so far; undefined where there is nobody to take one twice. */
  claim(key: () => string): Uint8Array | undefined {
    if (this.manyCount === 1) return undefined;
    this.#claims ??= new Map();
    const labelsKey = key();
    let steps = this.#claims.get(labelsKey);
    if (steps === undefined) this.#claims.set(labelsKey, (steps = new Uint8Array(this.oneAt.length)));
    return steps;
  }
}

const NO_STEPS = new Int32Array(0);

export interface MatchGroups {
  readonly groups: readonly MatchGroup[];
  /** The group of each series of the "many" side. */
  readonly groupOfMany: readonly MatchGroup[];
}

/** The series of both sides by signature; of each group who is on the "one" side at a step is still to be found. */
export function groupBySignature(many: readonly StepSeries[], one: readonly StepSeries[], signature: MatchSignature, stepCount: number): MatchGroups {
  const byKey = new Map<string, MatchGroup>();
  const groupOf = (series: StepSeries): MatchGroup => {
    const key = signature.keyOf(series.labels);
    let group = byKey.get(key);
    if (group === undefined) byKey.set(key, (group = new MatchGroup()));
    return group;
  };
  for (const series of one) groupOf(series).one.push(series);
  const groupOfMany = many.map(groupOf);
  for (const group of groupOfMany) group.manyCount++;
  const groups = [...byKey.values()];
  // One array for all of them: they come and go together.
  const oneAt = new Int32Array(groups.length * stepCount).fill(-1);
  for (const [index, group] of groups.entries()) group.oneAt = oneAt.subarray(index * stepCount, (index + 1) * stepCount);
  return { groups, groupOfMany };
}
