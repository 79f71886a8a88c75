import { type Expr, printExpression, typeOf } from '../../../promql/parser/index.ts';
import { agree, withoutTiny } from './answer-traits.ts';
import type { Answer } from './answers.ts';
import { differenceOf } from './difference.ts';
import type { Finding } from './exception.ts';
import { answersAtInstants, partsOf } from './investigation.ts';
import { argumentsOf, isSum, replacedWithin } from './tree-traits.ts';

/** What two right sums may differ by, as a share of their largest term: a few last bits of each of some terms. */
const SHARE_OF_TERMS = 1e-12;

/**
 * Whether sums differ somewhere, and each that does by no more than the last bits of its terms: where terms cancel, those are among the first
 * digits of what is left.
 */
export async function isCancellation({ query, tree, askBoth }: Finding): Promise<boolean> {
  let isFound = false;
  for (const part of partsOf(tree, isSum)) {
    const different = (await answersAtInstants([part], query, askBoth)).filter(({ wanted, got }) => differenceOf(wanted, got) !== undefined);
    if (different.length === 0) continue;
    const terms = await answersAtInstants(termsOf(part), query, askBoth);
    const largest = Math.max(...terms.flatMap(({ wanted }) => magnitudesOf(wanted)));
    const [tolerance, ofSquares] = [SHARE_OF_TERMS * largest, SHARE_OF_TERMS * largest ** 2];
    const passes = (a: number, b: number): boolean => Math.abs(a - b) <= (isVariance(part) ? ofSquares : tolerance);
    if (!different.every(({ wanted, got }) => agree(withoutTiny(wanted), withoutTiny(got), passes))) return false;
    isFound = true;
  }
  return isFound;
}

/** Expressions whose values are as large as what is added up, or larger. */
function termsOf(part: Expr): Expr[] {
  const terms: Expr[] = [];
  replacedWithin(part, (sum) => {
    const operands = sum.kind === 'binary' ? [sum.lhs, sum.rhs] : sum.kind === 'aggregate' ? [sum.expr] : argumentsOf(sum);
    for (const operand of operands) {
      const names = typeOf(operand) === 'matrix' && sum.kind === 'call' ? (['max_over_time', 'min_over_time'] as const) : [];
      const values = names.length === 0 ? [operand] : names.map((name): Expr => ({ ...(sum as Expr & { kind: 'call' }), name, args: [operand] }));
      for (const value of values) terms.push(replacedWithin(part, () => ({ kind: 'paren', expr: value, position: value.position })));
    }
    return sum;
  });
  return terms;
}

function isVariance(part: Expr): boolean {
  return /\bstd(?:var|dev)/.test(printExpression(part));
}

function magnitudesOf(answer: Answer): number[] {
  if (answer.kind === 'error') return [];
  return answer.series.flatMap(({ points }) => points.map(([, value]) => Math.abs(value)).filter(Number.isFinite));
}
