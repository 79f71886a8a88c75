import type { Expr } from '../../../promql/parser/index.ts';
import { isAmong } from './answer-traits.ts';
import { differenceOf } from './difference.ts';
import type { Finding } from './exception.ts';
import { answersAtInstants, areSame, partsOf } from './investigation.ts';

const ATTEMPTS = 3;
const SERIES_MAX = 5;

/**
 * Whether the reference contradicts itself: 3.5 hands the memory of one histogram on to the next, before all are done with it. Then it says
 * the same as Varve when it is asked again, or for each step by itself, or for one series at a time.
 */
export async function isConfusion(finding: Finding): Promise<boolean> {
  const { query, tree, wanted, got, difference, askBoth } = finding;
  if (difference.kind !== 'data' || tree === undefined) return false;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const again = await askBoth(query);
    if (differenceOf(wanted, again.wanted) !== undefined && differenceOf(again.wanted, got) === undefined) return true;
  }
  if (!('timeMs' in query)) {
    const alone = await answersAtInstants([tree], query, askBoth);
    if (areSame(alone) && isAmong(got, alone.map((answer) => answer.got))) return true;
  }
  return isOfSeveralSeries(finding);
}

/** Whether functions over windows of several series differ, and do not for each of these series. */
async function isOfSeveralSeries({ query, tree, askBoth }: Finding): Promise<boolean> {
  let isFound = false;
  for (const part of partsOf(tree, isWindowCall)) {
    const answers = await answersAtInstants([part], query, askBoth);
    const keys = answers.flatMap(({ wanted, got }) => (differenceOf(wanted, got) === undefined || got.kind === 'error' ? [] : got.series.map(({ key }) => key)));
    for (const key of [...new Set(keys.map(labelsOf))].slice(0, SERIES_MAX)) {
      const narrow = narrowed(part, JSON.parse(key) as [string, string][]);
      if (narrow === undefined || !areSame(await answersAtInstants([narrow], query, askBoth))) return false;
      isFound = true;
    }
  }
  return isFound;
}

function isWindowCall(expr: Expr): boolean {
  return expr.kind === 'call' && expr.args.some((arg) => arg.kind === 'matrix');
}

/** The labels of a series' key, without what is told of its histograms. */
function labelsOf(key: string): string {
  return key.replace(/ (?:count|sum|bucket [^"]*)$/, '');
}

function narrowed(part: Expr, labels: readonly (readonly [name: string, value: string])[]): Expr | undefined {
  if (part.kind !== 'call') return undefined;
  const matchers = labels.filter(([name]) => name !== '__name__').map(([name, value]) => ({ name, type: '=' as const, value }));
  const args = part.args.map((arg): Expr => (arg.kind === 'matrix' ? { ...arg, selector: { ...arg.selector, matchers: [...arg.selector.matchers, ...matchers] } } : arg));
  return { ...part, args };
}
