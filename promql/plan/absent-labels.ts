import { labelsFrom, METRIC_NAME } from '../../storage/model/labels.ts';
import type { Labels } from '../../storage/model/labels.ts';
import type { Matcher } from '../../storage/model/matcher.ts';
import type { ResolvedExpr } from '../parser/ast.ts';
import { unwrapParens } from '../parser/ast.ts';

/** The labels of the series that absent and absent_over_time make: what a selector's equality matchers fix, each name asked for once. */
export function absentLabels(arg: ResolvedExpr): Labels {
  const expr = unwrapParens(arg);
  if (expr.kind === 'vector') return labelsOfMatchers(expr.matchers);
  if (expr.kind === 'matrix') return labelsOfMatchers(expr.selector.matchers);
  return [];
}

function labelsOfMatchers(matchers: readonly Matcher[]): Labels {
  const values = new Map<string, string>();
  const seen = new Set<string>();
  for (const { name, type, value } of matchers) {
    if (name === METRIC_NAME) continue;
    if (type === '=' && !seen.has(name)) values.set(name, value);
    else values.delete(name);
    if (type === '=') seen.add(name);
  }
  return labelsFrom(values);
}
