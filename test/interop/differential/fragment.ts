/**
 * How surely two right engines have the same bits. Of `dyadic` values (small multiples of 1/64) any sum is exact too; `identical` ones come
 * from correctly rounded operations in a prescribed order; `rounded` ones may differ in the last bits (sums, logarithms, rates), so
 * nothing that jumps (comparisons, floor, %, changes) is made of them.
 */
export type Precision = 'dyadic' | 'identical' | 'rounded';

/** A piece of a query that can stand in parentheses or as an argument. */
export interface Fragment {
  readonly text: string;
  /** The labels that its series have, roughly: matching is made of these. */
  readonly labels: readonly string[];
  readonly precision: Precision;
  /** An operator stands at its top: as an operand it needs parentheses. */
  readonly isOperation: boolean;
}

export function fragment(text: string, labels: readonly string[], precision: Precision): Fragment {
  return { text, labels, precision, isOperation: false };
}

export function operation(text: string, labels: readonly string[], precision: Precision): Fragment {
  return { text, labels, precision, isOperation: true };
}

/** The fragment as an operand or below a unary sign. */
export function operandText({ text, isOperation }: Fragment): string {
  return isOperation ? `(${text})` : text;
}

/** The less sure of several. */
export function leastPrecise(...precisions: readonly Precision[]): Precision {
  if (precisions.includes('rounded')) return 'rounded';
  return precisions.includes('identical') ? 'identical' : 'dyadic';
}

/** What correctly rounded arithmetic makes of it. */
export function noLongerDyadic(precision: Precision): Precision {
  return precision === 'dyadic' ? 'identical' : precision;
}

/** What adding up in an open order makes of it. */
export function summed(precision: Precision): Precision {
  return precision === 'dyadic' ? 'dyadic' : 'rounded';
}
