import type { Aggregate, AggregateOp, Expr } from './ast.ts';
import { parseArguments } from './parse-call.ts';
import { parseGrouping } from './parse-grouping.ts';
import type { TokenCursor } from './token-cursor.ts';

type Grouping = Pick<Aggregate, 'grouping' | 'without'>;

const NO_GROUPING: Grouping = { grouping: [], without: false };

/** Aggregations that take a parameter before the vector. */
const WITH_PARAMETER: ReadonlySet<AggregateOp> = new Set(['bottomk', 'count_values', 'limit_ratio', 'limitk', 'quantile', 'topk']);

/** The grouping stands before the arguments or after them. */
export function parseAggregate(cursor: TokenCursor, op: AggregateOp): Aggregate {
  const { start } = cursor.take();
  const { args, clause } = cursor.within('aggregation', '', () => {
    const before = parseGroupingClause(cursor);
    const args = parseArguments(cursor);
    return { args, clause: before ?? parseGroupingClause(cursor) };
  });
  // Where a grouping may still come, Prometheus looks one token further before it counts the arguments.
  if (clause === undefined && cursor.kind === 'error') cursor.unexpected();
  const { grouping, without } = clause ?? NO_GROUPING;
  const position = { start, end: cursor.lastEnd };
  const [param, expr] = splitArguments(cursor, op, args, position);
  return { kind: 'aggregate', op, expr, param, grouping, without, position };
}

function parseGroupingClause(cursor: TokenCursor): Grouping | undefined {
  const without = cursor.kind === 'without';
  if (!without && cursor.kind !== 'by') return undefined;
  cursor.take();
  return { grouping: parseGrouping(cursor), without };
}

function splitArguments(cursor: TokenCursor, op: AggregateOp, args: readonly Expr[], position: Aggregate['position']): [Expr | undefined, Expr] {
  if (args.length === 0) cursor.fail(position, 'no arguments for aggregate expression provided');
  const wanted = WITH_PARAMETER.has(op) ? 2 : 1;
  if (args.length !== wanted) {
    cursor.fail(position, `wrong number of arguments for aggregate expression provided, expected ${wanted}, got ${args.length}`);
  }
  return wanted === 2 ? [args[0]!, args[1]!] : [undefined, args[0]!];
}
