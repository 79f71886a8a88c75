import type { Expr } from '../../../promql/parser/index.ts';
import { agree, areNearby, sameNotes, textOf } from './answer-traits.ts';
import type { Answer } from './answers.ts';
import type { Exception } from './exception.ts';
import { EXCEPTIONS_OF_3_16 } from './exceptions-of-3-16.ts';
import { areSame } from './investigation.ts';
import { argumentsOf, contains, isAggregate, isCallOf } from './tree-traits.ts';

const isDate = isCallOf('day_of_month', 'day_of_week', 'day_of_year', 'days_in_month', 'hour', 'minute', 'month', 'year');
const isStatistic = isCallOf('histogram_count', 'histogram_sum', 'histogram_avg');
const isQuantiles = isCallOf('histogram_quantiles');
/** Histograms of all kinds meet more often in scripts than in the random data. */
const MORE_OFTEN = new Map([['the last of a step', 60], ['the first of a group', 60], ['a panic', 20], ['a parameter beside what does not change', 6]]);
const NOT_MONOTONIC = /needed to be fixed for monotonicity/;

/** Ways in which Prometheus 3.16 and 3.14 rightly differ where queries are changed at random. */
export const EXCEPTIONS_OF_SCRIPTS: readonly Exception[] = [
  {
    name: 'modifiers before a range',
    reason: '3.14 takes `x @ end() [5m]` and `x offset step() [5m]`, though not `x @ 5 [5m]`; 3.16 refuses all of them',
    perTenThousand: 230,
    covers: ({ wanted }) => /no (?:offset|@) modifiers allowed before range/.test(textOf(wanted)),
  },
  {
    name: 'the sides of a fill',
    reason: 'in 3.14 left is the side of many even where `group_right` stands, in later versions it is as written',
    perTenThousand: 15,
    covers: ({ tree }) => contains(tree, (expr) => expr.kind === 'binary' && expr.matching?.card === 'one-to-many' && (expr.matching.fillLeft !== undefined || expr.matching.fillRight !== undefined)),
  },
  {
    name: 'a pinned selector where a subquery begins with the query',
    reason: 'where the first step of a subquery with an offset or @ is the query\'s first step, Prometheus looks at what is pinned inside as far from its time as the subquery is moved: a millisecond earlier both agree',
    perTenThousand: 3,
    covers: async ({ query, tree, difference, askBoth }) => {
      if (difference.kind !== 'data' || !contains(tree, isMovedOverPinned)) return false;
      const earlier = 'timeMs' in query ? { ...query, timeMs: query.timeMs - 1 } : { ...query, startMs: query.startMs - 1 };
      return areSame([await askBoth(earlier)]);
    },
  },
  {
    name: 'which series limitk takes',
    reason: 'the first in the order of storage',
    perTenThousand: 5,
    covers: ({ tree, difference }) => difference.kind === 'data' && contains(tree, isAggregate('limitk')),
  },
  {
    name: 'dates of what is no date',
    reason: 'what Go makes of NaN or infinity as a whole number hangs on the processor',
    perTenThousand: 5,
    covers: ({ tree, difference }) => difference.kind === 'data' && contains(tree, isDate),
  },
  {
    name: 'how often buckets were not monotonic',
    reason: 'Prometheus adds the count of each step to itself: 1, 4, 10, 22 for 1, 2, 3, 4',
    perTenThousand: 125,
    covers: ({ wanted, got, difference }) =>
      difference.kind === 'notes' && sameNotes(wanted, got, (notes) => notes.map((note) => (NOT_MONOTONIC.test(note) ? note.replace(/over -?\d+ samples/, '') : note))),
  },
  {
    name: 'names of a group whose series change',
    reason: 'where a group by name has series with names to be dropped in some steps only, the last step decides for all',
    perTenThousand: 3,
    covers: ({ query, tree, difference }) =>
      difference.kind === 'data' && !('timeMs' in query) && contains(tree, (expr) => isAggregate('sum', 'avg', 'min', 'max', 'count', 'group')(expr) && expr.kind === 'aggregate' && expr.grouping.includes('__name__')),
  },
  {
    name: 'last digits in words',
    reason: 'powers and transcendental functions differ in their last bits, which count_values and warnings write down',
    perTenThousand: 3,
    covers: ({ wanted, got }) => sameNotes(rounded(wanted), rounded(got), (notes) => notes) && agree(rounded(wanted), rounded(got), () => false),
  },
  {
    name: 'resets that a smoothed selector hides',
    reason: 'where only count or sum is asked for, Prometheus finds resets as it reads, and after the last sample of a smoothed series it reads another way',
    perTenThousand: 4,
    covers: ({ tree }) => contains(tree, isStatistic) && contains(tree, (expr) => expr.kind === 'vector' && expr.edges === 'smoothed'),
  },
  {
    name: 'digits where a function is steep',
    reason: 'near its edge, a last bit before it is many digits behind it',
    perTenThousand: 1,
    covers: ({ tree, wanted, got, difference }) => difference.kind === 'data' && contains(tree, isCallOf('asin', 'acos', 'acosh', 'atanh', 'sqrt')) && agree(wanted, got, areNearby),
  },
  {
    name: 'quantiles by a label of no name, or by that of other quantiles',
    reason: 'label sets with an empty name, and equal ones, come in any order there',
    perTenThousand: 20,
    covers: ({ tree }) =>
      contains(tree, (expr) => isQuantiles(expr) && argumentsOf(expr).some((arg) => (arg.kind === 'string' && arg.value === '') || contains(arg, isQuantiles))),
  },
  ...EXCEPTIONS_OF_3_16.map((exception) => ({ ...exception, perTenThousand: MORE_OFTEN.get(exception.name) ?? exception.perTenThousand })),
];

/** A subquery that looks at another time, of something that `@` pins. */
function isMovedOverPinned(expr: Expr): boolean {
  if (expr.kind !== 'subquery' || (expr.at === undefined && expr.offsetMs === 0)) return false;
  return contains(expr.expr, (inner) => (inner.kind === 'vector' || inner.kind === 'subquery') && inner.at !== undefined);
}

/** With numbers in names and notes to nine digits. */
function rounded(answer: Answer): Answer {
  if (answer.kind === 'error') return answer;
  const shorten = (text: string): string => text.replace(/\d+\.\d+(?:e[-+]?\d+)?/g, (number) => Number(number).toPrecision(9));
  return { ...answer, series: answer.series.map(({ key, points }) => ({ key: shorten(key), points })), notes: answer.notes.map(shorten) };
}
