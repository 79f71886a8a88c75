import type { Expr } from '../../../promql/parser/index.ts';
import { sameNotes } from './answer-traits.ts';
import type { Exception } from './exception.ts';
import { EXCEPTIONS_OF_3_5 } from './exceptions-of-3-5.ts';
import { answersAtInstants, areSame, bareParts } from './investigation.ts';
import { argumentsOf, contains, isAggregate, isCallOf, isOver } from './tree-traits.ts';

const isOfPresence = isCallOf('absent', 'absent_over_time', 'timestamp', 'start_timestamp', 'count_over_time', 'present_over_time');
const MIXED_SCHEMAS = /a mix of histograms with exponential and custom buckets schemas/;
const OF_AGGREGATION = /(?:during(?: histogram)?|for) aggregation/;
const OF_BUCKETS = /conflicting counter resets|mismatched custom buckets|a mix of histograms with exponential and custom/;
const isQuantile = isCallOf('histogram_quantile', 'histogram_quantiles');

/** What is still as it was in 3.5, and how often. */
const STILL = new Map([
  ['the last of a step', 4], ['the first of a group', 11], ['a panic', 2], ['buckets with nothing in them', 2], ['changes of layout', 2], ['ties', 6],
  ['timestamp of a shifted, pinned selector', 1], ['a subquery without a step', 1], ['cancelled digits', 1],
]);

/** Ways in which Prometheus 3.16 and 3.14 rightly differ, or in which nobody can say who is right. */
export const EXCEPTIONS_OF_3_16: readonly Exception[] = [
  {
    name: 'how often starts overlap',
    reason: '3.16 says how many samples begin too early, and where it was found first; 3.14 only that some do',
    perTenThousand: 20,
    covers: ({ wanted, got, difference }) =>
      difference.kind === 'notes' && sameNotes(wanted, got, (notes) => notes.map(withoutPlaceOfOverlap)),
  },
  {
    name: 'starts at the edges of a range',
    reason: '3.16 looks at start timestamps of anchored and smoothed ranges too',
    perTenThousand: 10,
    covers: async ({ query, tree, askBoth }) => {
      const parts = bareParts(tree, isExtended);
      return parts.some((part) => isOver(part, 'started_total', 'native_started')) && !areSame(await answersAtInstants(parts, query, askBoth));
    },
  },
  {
    name: 'the first of a mixed group',
    reason: 'where exponential and custom buckets are in one group, it depends on the order of series in storage which series is found not to fit, and what was brought together until then',
    perTenThousand: 12,
    covers: ({ tree, wanted, got, difference }) =>
      difference.kind === 'notes' &&
      contains(tree, isAggregate('sum', 'avg')) &&
      [wanted, got].every((answer) => answer.kind === 'data' && answer.notes.some((note) => MIXED_SCHEMAS.test(note))) &&
      sameNotes(wanted, got, (notes) => notes.filter((note) => !MIXED_SCHEMAS.test(note) && !OF_AGGREGATION.test(note)).map(withoutPlaceOfOverlap)),
  },
  {
    name: 'histograms that nobody looks at',
    reason: 'where only the presence or the time of a histogram is asked for, 3.16 leaves out its buckets: it finds nothing about them to warn of, but resets, so that some have no sum and no difference',
    perTenThousand: 3,
    covers: async ({ query, tree, wanted, got, difference, askBoth }) => {
      if (difference.kind === 'notes') return contains(tree, isOfPresence) && sameNotes(wanted, got, (notes) => notes.filter((note) => !OF_BUCKETS.test(note)));
      const operands = bareParts(tree, isOfPresence).flatMap(argumentsOf).filter((operand) => contains(operand, isSumOrDifference));
      return difference.kind === 'data' && areSame(await answersAtInstants(operands, query, askBoth));
    },
  },
  {
    name: 'a parameter beside what does not change',
    reason: 'Prometheus takes an aggregation for the same at every step where that which it aggregates is, even if its parameter changes',
    perTenThousand: 3,
    covers: async ({ query, tree, askBoth }) => {
      const parts = bareParts(tree, (expr) => expr.kind === 'aggregate' && expr.param !== undefined && contains(expr.param, (inner) => inner.kind === 'call'));
      return !('timeMs' in query) && areSame(await answersAtInstants(parts, query, askBoth));
    },
  },
  {
    name: 'quantiles of negative counts',
    reason: 'no rank is reached among them, and the search ends at the last bucket, which may be an empty one that another histogram of the chunk has filled',
    perTenThousand: 5,
    covers: ({ tree, difference }) =>
      difference.kind === 'data' && contains(tree, (expr) => isQuantile(expr) && argumentsOf(expr).some((arg) => contains(arg, canNegate))),
  },
  {
    name: 'the step of a single one',
    reason: '3.16 says of a range query that begins where it ends that its step is 0',
    perTenThousand: 3,
    covers: ({ query, tree }) => !('timeMs' in query) && query.endMs === query.startMs && contains(tree, isCallOf('step')),
  },
  ...EXCEPTIONS_OF_3_5.flatMap((exception) => (STILL.has(exception.name) ? [{ ...exception, perTenThousand: STILL.get(exception.name)! }] : [])),
];

function isExtended(expr: Expr): boolean {
  return contains(expr, (inner) => inner.kind === 'vector' && inner.edges !== undefined) && expr.kind === 'call';
}

function isSumOrDifference(expr: Expr): boolean {
  return expr.kind === 'binary' && (expr.op === '+' || expr.op === '-');
}

/** What both say of starts that overlap. */
function withoutPlaceOfOverlap(note: string): string {
  return note.includes('start time that overlaps') ? note.replace(/ \(\d+ occurrences\)| \(\d+:\d+\)$/g, '') : note;
}

/** Signs, differences and factors, which may be negative. */
function canNegate(expr: Expr): boolean {
  return expr.kind === 'unary' || (expr.kind === 'binary' && ['-', '*', '/'].includes(expr.op)) || isCallOf('delta', 'idelta')(expr);
}
