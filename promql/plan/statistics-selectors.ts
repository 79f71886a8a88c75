import type { BinaryOp, ResolvedExpr, VectorSelector } from '../parser/ast.ts';
import { childrenOf } from '../parser/ast.ts';

/**
 * The selectors whose histograms are only asked for their count and sum, as in `histogram_count(rate(h[5m]))`: their buckets need not be
 * carried through the query. Quantiles, fractions, deviations, trimming, equality and `count_values` need the buckets; so do subqueries, which
 * find counter resets by them. These also count where they only see the statistic, since resets of what is no counter are found by its buckets where there
 * are any: as in Prometheus, `histogram_count(rate(gauge[5m])) != 0` has another rate than without the comparison.
 */
export function statisticsSelectors(expr: ResolvedExpr): ReadonlySet<VectorSelector<number>> {
  const found = new Set<VectorSelector<number>>();
  collect(expr, false, found);
  return found;
}

function collect(expr: ResolvedExpr, isStatistic: boolean, found: Set<VectorSelector<number>>): void {
  if (expr.kind === 'vector') {
    if (isStatistic) found.add(expr);
    return;
  }
  if (needsBuckets(expr)) return;
  const asksForStatistic = isStatistic || (expr.kind === 'call' && STATISTICS.has(expr.name));
  for (const child of childrenOf(expr)) collect(child, asksForStatistic, found);
}

const STATISTICS: ReadonlySet<string> = new Set(['histogram_count', 'histogram_sum', 'histogram_avg']);
const BUCKET_FUNCTIONS: ReadonlySet<string> = new Set(['histogram_fraction', 'histogram_quantile', 'histogram_quantiles', 'histogram_stddev', 'histogram_stdvar']);
const BUCKET_OPERATORS: ReadonlySet<BinaryOp> = new Set<BinaryOp>(['</', '>/', '==', '!=']);

function needsBuckets(expr: ResolvedExpr): boolean {
  switch (expr.kind) {
    case 'call':
      return BUCKET_FUNCTIONS.has(expr.name);
    case 'aggregate':
      return expr.op === 'count_values';
    case 'binary':
      return BUCKET_OPERATORS.has(expr.op);
    default:
      return expr.kind === 'subquery';
  }
}
