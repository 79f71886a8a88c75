import { childrenOf, type Expr, printExpression } from '../../../promql/parser/index.ts';
import { agree } from './answer-traits.ts';
import type { Answer } from './answers.ts';
import { differenceOf } from './difference.ts';
import type { Query } from './random-queries.ts';

/* What asking both servers for parts of a query tells of why they differ. */

/** What both servers say. */
export interface Answers {
  readonly wanted: Answer;
  readonly got: Answer;
}

export type AskBoth = (query: Query) => Promise<Answers>;

/** Sub-expressions of a kind; below a subquery, all that the subquery has of them. */
export function partsOf(tree: Expr | undefined, predicate: (expr: Expr) => boolean): Expr[] {
  if (tree === undefined) return [];
  const below = childrenOf(tree).flatMap((child) => partsOf(child, predicate));
  const above = predicate(tree) ? [tree, ...below] : below;
  if (tree.kind !== 'subquery') return above;
  // In parentheses, as `a > b` would otherwise be a and a subquery of b.
  return above.map((expr) => (expr.kind === 'subquery' ? expr : { ...tree, expr: { kind: 'paren', expr, position: expr.position } }));
}

/** The same without the subqueries around them. */
export function bareParts(tree: Expr | undefined, predicate: (expr: Expr) => boolean): Expr[] {
  if (tree === undefined) return [];
  const below = childrenOf(tree).flatMap((child) => bareParts(child, predicate));
  return predicate(tree) ? [tree, ...below] : below;
}

/** The answers to parts of a query, each at the times of the query one by one. */
export async function answersAtInstants(parts: readonly Expr[], query: Query, askBoth: AskBoth): Promise<Answers[]> {
  const times = instantsOf(query);
  return Promise.all(parts.flatMap((part) => times.map((timeMs) => askBoth({ expression: printExpression(part), timeMs }))));
}

/** Whether the parts differ, and nowhere in another way than by values that pass for each other. */
export function differOnlyBy(answers: readonly Answers[], passes: (wanted: number, got: number) => boolean): boolean {
  const different = answers.filter(({ wanted, got }) => differenceOf(wanted, got) !== undefined);
  return different.length > 0 && different.every(({ wanted, got }) => agree(wanted, got, passes));
}

export function areSame(answers: readonly Answers[]): boolean {
  return answers.length > 0 && answers.every(({ wanted, got }) => differenceOf(wanted, got) === undefined);
}

function instantsOf(query: Query): number[] {
  if ('timeMs' in query) return [query.timeMs];
  const { startMs, endMs, stepMs } = query;
  return Array.from({ length: Math.floor((endMs - startMs) / stepMs) + 1 }, (_, step) => startMs + step * stepMs);
}
