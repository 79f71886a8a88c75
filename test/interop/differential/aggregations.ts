import { quantileText } from './calls.ts';
import { type Fragment, fragment, leastPrecise, type Precision, summed } from './fragment.ts';
import type { Grammar } from './grammar.ts';

const OPERATORS = [
  'sum', 'sum', 'avg', 'min', 'max', 'count', 'group', 'stddev', 'stdvar', 'topk', 'bottomk', 'quantile', 'count_values',
] as const;
type AggregationOperator = (typeof OPERATORS)[number];

/** Every aggregation operator, with `by`, `without` or neither, before or behind. */
export function aggregation(grammar: Grammar, depth: number): Fragment {
  const { random } = grammar;
  const op = random.pick(OPERATORS);
  const inner = grammar.vector(depth - 1, needsBits(op) ? 'identical' : 'rounded');
  const groups = anyGrouping(grammar, grammar.dialect !== 'old' || hasNames(inner) ? [...inner.labels, '__name__'] : inner.labels);
  const parameter = parameterOf(grammar, op, depth, groups.text === '');
  const args = parameter === undefined ? inner.text : `${parameter}, ${inner.text}`;
  const isRank = op === 'topk' || op === 'bottomk';
  const text = random.oneIn(3) ? `${op}(${args}) ${groups.text}` : `${op} ${groups.text} (${args})`;
  const isGrouped = groups.text !== '';
  // What stands above must not match on the name.
  const kept = groups.labels.filter((label) => label !== '__name__');
  const labels = isRank ? inner.labels : op === 'count_values' ? [...kept, 'zzz'] : kept;
  return fragment(isGrouped ? text : `${op}(${args})`, labels, precisionOf(op, inner.precision));
}

/** One of a few aggregations by exactly these labels, whatever they are: one series for each combination. */
export function groupedBy(grammar: Grammar, depth: number, labels: readonly string[], precision: Precision): Fragment {
  const { random } = grammar;
  const inner = grammar.vector(depth - 1, leastPrecise(precision, 'dyadic'));
  const op = random.pick(precision === 'rounded' ? ['sum', 'avg', 'max', 'count'] : ['max', 'min', 'count', 'group']);
  return fragment(`${op} by (${labels.join(', ')}) (${inner.text})`, labels, precisionOf(op, inner.precision));
}

function anyGrouping(grammar: Grammar, labels: readonly string[]): { text: string; labels: readonly string[] } {
  const { random } = grammar;
  const named = grammar.labelNames(labels);
  if (random.oneIn(4)) return { text: '', labels: [] };
  if (random.oneIn(3)) return { text: `without (${named.join(', ')})`, labels: labels.filter((label) => !named.includes(label)) };
  return { text: `by (${named.join(random.pick([', ', ',']))})`, labels: named };
}

/** Only of plain selectors: names that are to go are dropped at another time in 2.42, and whoever asks for them sees it. */
function hasNames({ text, isOperation }: Fragment): boolean {
  return !isOperation && !text.includes('(');
}

/** Which series win, or which values count as one, hangs on the last bit; so does the spread of nearly equal values. */
function needsBits(op: AggregationOperator): boolean {
  return ['topk', 'bottomk', 'count_values', 'stddev', 'stdvar'].includes(op);
}

function parameterOf(grammar: Grammar, op: AggregationOperator, depth: number, isWhole: boolean): string | undefined {
  const { random } = grammar;
  switch (op) {
    case 'topk':
    case 'bottomk':
      return random.oneIn(8) ? grammar.scalar(depth - 1, 'identical').text : random.pick(['1', '2', '3', '5', '0', '-1', '2.7', '100']);
    case 'quantile':
      return quantileText(grammar, depth);
    case 'count_values':
      // 2.42 does not sort this label in among those of `by`: it works only where it is the last one.
      return random.pick(['"zzz"', "'zzz'", isWhole ? '"job"' : '"zzz"']);
    default:
      return undefined;
  }
}

function precisionOf(op: string, inner: Precision): Precision {
  switch (op) {
    case 'sum':
      return summed(inner);
    case 'count':
    case 'group':
    case 'count_values':
      return 'dyadic';
    case 'min':
    case 'max':
    case 'topk':
    case 'bottomk':
      return inner;
    default:
      return 'rounded';
  }
}
