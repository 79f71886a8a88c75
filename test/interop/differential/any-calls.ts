import { FUNCTION_SIGNATURES, type FunctionSignature } from '../../../promql/parser/index.ts';
import { dateCall, labelCall } from './calls.ts';
import { type Fragment, fragment, operandText, operation } from './fragment.ts';
import type { Grammar } from './grammar.ts';
import { nativeVector } from './native-calls.ts';

/* Every function, aggregation and operator over whatever its types let through: histograms where numbers are meant, and odd numbers. */

const ODD_SCALARS = [
  'NaN', 'Inf', '-Inf', '0', '-0', '-1', '0.5', '0.9', '1', '2', '3', '1.5', '1e300', '-1e-300', '5m', '-30s', '0x1F', '1_000', 'time()', 'scalar(limit)', 'scalar(native_seconds)', 'step()', 'range()',
  'start()', 'end()', 'pi()', 'min_of(1, NaN)', 'max_of(-1, 2)', 'min_of(time(), 3)', '-max_of(step(), 1)',
];
const STRINGS = ['"job"', '"zone"', "'le'", '`q`', '"a b"', '"é"', '""', '"__name__"'];
/** Their arguments are more than types can say. */
const OWN_CALLS = new Set(['label_replace', 'label_join', 'info', 'start_timestamp']);
const DATES = new Set(['day_of_month', 'day_of_week', 'day_of_year', 'days_in_month', 'hour', 'minute', 'month', 'year']);
const NAMES = Object.keys(FUNCTION_SIGNATURES).filter((name) => !OWN_CALLS.has(name) && !DATES.has(name));
const AGGREGATIONS = ['sum', 'avg', 'min', 'max', 'count', 'group', 'stddev', 'stdvar', 'topk', 'bottomk', 'quantile', 'count_values', 'limitk', 'limit_ratio'];
const OPERATORS = ['+', '-', '*', '/', '%', '^', 'atan2', '==', '!=', '<', '<=', '>', '>=', '</', '>/', 'and', 'or', 'unless'];
const COMPARISON = /^(?:[=!]=|[<>]=?)$/;

export function anyCall(grammar: Grammar, depth: number): Fragment {
  const { random } = grammar;
  if (random.oneIn(12)) return random.pick([dateCall, labelCall])(grammar, depth);
  if (random.oneIn(20)) return startTimestamp(grammar);
  const name = random.pick(NAMES);
  const { argTypes, variadic, returnType } = (FUNCTION_SIGNATURES as Record<string, FunctionSignature>)[name]!;
  const count = variadic === 0 ? argTypes.length : argTypes.length - 1 + random.below((variadic < 0 ? 3 : Math.min(variadic, 4)) + 1);
  const first = anyVector(grammar, depth - 1);
  const args = Array.from({ length: count }, (_, index) => argument(grammar, argTypes[Math.min(index, argTypes.length - 1)]!, first, depth));
  const call = `${name}(${args.join(', ')})`;
  return fragment(returnType === 'scalar' ? `vector(${call})` : call, first.labels, 'rounded');
}

function argument(grammar: Grammar, type: string, first: Fragment, depth: number): string {
  const { random, selectors } = grammar;
  switch (type) {
    case 'vector':
      return first.text;
    case 'scalar':
      return random.pick(ODD_SCALARS);
    case 'string':
      return random.pick(STRINGS);
    default: {
      if (random.oneIn(3)) return operandText(first) + selectors.subqueryRange();
      const selector = random.oneIn(2) ? selectors.native() : selectors.selector();
      return depth < 0 ? '' : selector.text + selectors.range() + selector.modifiers;
    }
  }
}

function startTimestamp(grammar: Grammar): Fragment {
  const selector = grammar.selectors.selector();
  const text = grammar.random.pick([selector.text, 'started_total', 'native_started', `(${selector.text})`, `abs(${selector.text})`, '{__name__=~".*started.*", job="api"}']);
  return fragment(`start_timestamp(${text}${text.endsWith(')') ? '' : selector.modifiers})`, selector.labels, 'identical');
}

/** Mostly one with the same bits on both sides, since many things jump. */
function anyVector(grammar: Grammar, depth: number): Fragment {
  const { random } = grammar;
  if (random.oneIn(2)) return random.oneIn(2) ? nativeVector(grammar, random.below(2)) : nativeVector(grammar, 0);
  return random.oneIn(3) ? grammar.vector(depth, 'identical') : grammar.leaf();
}

export function anyAggregation(grammar: Grammar, depth: number): Fragment {
  const { random } = grammar;
  const op = random.pick(AGGREGATIONS);
  const inner = anyVector(grammar, depth - 1);
  const labels = grammar.labelNames([...inner.labels, '__name__']);
  const parameter = op === 'count_values' ? random.pick(STRINGS) : /k$|^quantile|ratio$/.test(op) ? random.pick(ODD_SCALARS) : undefined;
  const args = parameter === undefined ? inner.text : `${parameter}, ${inner.text}`;
  const grouping = random.pick(['', `by (${labels.join(', ')})`, `without (${labels.join(', ')})`]);
  // Which series limitk takes hangs on the order of series in storage.
  const text = op === 'limitk' ? `count(${op} ${grouping} (${args}))` : `${op} ${grouping} (${args})`;
  return fragment(text, op === 'limitk' ? [] : inner.labels, 'rounded');
}

export function anyBinary(grammar: Grammar, depth: number): Fragment {
  const { random } = grammar;
  const op = random.pick(OPERATORS);
  const left = anyVector(grammar, depth - 1);
  const right = random.oneIn(3) ? left : anyVector(grammar, depth - 1);
  const isSet = /^[a-z]+$/.test(op) && op !== 'atan2';
  const bool = COMPARISON.test(op) && random.oneIn(3) ? ' bool' : '';
  if (!isSet && random.oneIn(4)) return operation([operandText(left), op + bool, random.pick(ODD_SCALARS)].join(' '), left.labels, 'rounded');
  if (!isSet && random.oneIn(6)) return operation([random.pick(ODD_SCALARS), op + bool, operandText(right)].join(' '), right.labels, 'rounded');
  const labels = grammar.labelNames(left.labels);
  const group = isSet || random.oneIn(2) ? '' : random.pick([' group_left ()', ' group_right ()', ' group_left (zone)', ' group_right (path, le)', ' group_left (__name__)']);
  const matching = random.oneIn(3) ? '' : ` ${random.pick(['on', 'ignoring'])} (${labels.join(', ')})${group}`;
  return operation(`${operandText(left)} ${op}${bool}${matching} ${operandText(right)}`, left.labels, 'rounded');
}
