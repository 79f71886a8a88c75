import { formatG } from '../../storage/model/number-text.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import { invalidQuantile, invalidRatio } from '../annotations.ts';
import type { Annotations } from '../annotations.ts';
import type { Position } from '../parser/ast.ts';
import type { RankOp } from '../plan/plan-node.ts';

/** Largest and smallest doubles that are 64-bit integers. */
const INT64_MAX = 9223372036854774784;
const INT64_MIN = -9223372036854775808;

/** `position` is the parameter's, `node` the aggregation's. */
export function warnOfQuantiles(quantiles: Float64Array, position: Position, node: Position, annotations: Annotations): void {
  const { lowest, highest, hasNaN } = extremesOf(quantiles);
  if (hasNaN) annotations.add(invalidQuantile(NaN), position, node);
  if (highest > 1) annotations.add(invalidQuantile(highest), position, node);
  if (lowest < 0) annotations.add(invalidQuantile(lowest), position, node);
}

/** Throws for parameters that mean nothing, and says whether any step selects a series at all. Positions as above. */
export function checkRankParameter(op: RankOp, parameters: Float64Array, position: Position, node: Position, annotations: Annotations): boolean {
  const { lowest, highest, hasNaN } = extremesOf(parameters);
  if (op === 'limit_ratio') {
    if (hasNaN) throw new VarveError('execution', 'Ratio value is NaN');
    if (lowest === 0 && highest === 0) return false;
    if (highest > 1) annotations.add(invalidRatio(highest, 1), position, node);
    if (lowest < -1) annotations.add(invalidRatio(lowest, -1), position, node);
    return true;
  }
  if (hasNaN) throw new VarveError('execution', 'Parameter value is NaN');
  if (highest < 1) return false;
  if (lowest <= INT64_MIN) throw new VarveError('execution', `Scalar value ${formatG(lowest)} underflows int64`);
  if (highest >= INT64_MAX) throw new VarveError('execution', `Scalar value ${formatG(highest)} overflows int64`);
  return true;
}

function extremesOf(values: Float64Array): { readonly lowest: number; readonly highest: number; readonly hasNaN: boolean } {
  let lowest = Infinity;
  let highest = -Infinity;
  let hasNaN = false;
  for (const value of values) {
    if (Number.isNaN(value)) hasNaN = true;
    else {
      if (value < lowest) lowest = value;
      if (value > highest) highest = value;
    }
  }
  return { lowest, highest, hasNaN };
}
