import { type Expr, parseExpr, unwrapParens } from '../../../promql/parser/index.ts';
import type { Answer, Answering } from './answers.ts';
import { type Difference, differenceOf, noteDifferenceOf, orderDifferenceOf } from './difference.ts';
import type { Exception } from './exception.ts';
import type { Answers } from './investigation.ts';
import type { Query } from './random-queries.ts';

/** One query asked of both. */
export interface Comparison {
  readonly query: Query;
  readonly wanted: Answer;
  readonly got: Answer;
  readonly difference: Difference | undefined;
  /** Why the difference is not Varve's fault. */
  readonly exception: Exception | undefined;
}

export async function compare(query: Query, wantedFrom: Answering, gotFrom: Answering, exceptions: readonly Exception[], comparesNotes: boolean): Promise<Comparison> {
  const [wanted, got] = await Promise.all([wantedFrom.ask(query), gotFrom.ask(query)]);
  const tree = parsed(query.expression);
  const difference = differenceOf(wanted, got) ?? orderDifferenceOf(wanted, got, orderOf(tree)) ?? (comparesNotes ? noteDifferenceOf(wanted, got) : undefined);
  if (difference === undefined) return { query, wanted, got, difference, exception: undefined };
  const askBoth = async (asked: Query): Promise<Answers> => {
    const [wantedAnswer, gotAnswer] = await Promise.all([wantedFrom.ask(asked), gotFrom.ask(asked)]);
    return { wanted: wantedAnswer, got: gotAnswer };
  };
  const finding = { query, tree, wanted, got, difference, askBoth };
  for (const exception of exceptions) {
    if (await exception.covers(finding)) return { query, wanted, got, difference, exception };
  }
  return { query, wanted, got, difference, exception: undefined };
}

function parsed(expression: string): Expr | undefined {
  try {
    return parseExpr(expression);
  } catch {
    return undefined;
  }
}

/** What the order of an instant answer is by, where it is part of the answer. That of a range answer is always the same. */
function orderOf(tree: Expr | undefined): 'value' | 'labels' | undefined {
  const root = tree === undefined ? undefined : unwrapParens(tree);
  if (root?.kind === 'aggregate') return (root.op === 'topk' || root.op === 'bottomk') && root.grouping.length === 0 && !root.without ? 'value' : undefined;
  if (root?.kind !== 'call') return undefined;
  if (root.name === 'sort' || root.name === 'sort_desc') return 'value';
  return root.name === 'sort_by_label' || root.name === 'sort_by_label_desc' ? 'labels' : undefined;
}
