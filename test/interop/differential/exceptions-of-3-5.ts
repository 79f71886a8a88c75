import { type Expr, typeOf } from '../../../promql/parser/index.ts';
import { hasNaN, isAmong, sameNotes, textOf, withoutNaN, withoutNames } from './answer-traits.ts';
import type { Answer } from './answers.ts';
import { differenceOf } from './difference.ts';
import type { Exception } from './exception.ts';
import { EXCEPTIONS_OF_2_42 } from './exceptions-of-2-42.ts';
import { answersAtInstants, areSame, bareParts, differOnlyBy, partsOf } from './investigation.ts';
import { isConfusion } from './confusion.ts';
import { commonNotes } from './old-notes.ts';
import { OLD_TEXTS } from './old-texts.ts';
import { argumentsOf, contains, isAggregate, isCallOf, isOver, replacedWithin } from './tree-traits.ts';

const isStatistic = isCallOf('histogram_count', 'histogram_sum', 'histogram_avg');
const isInfo = isCallOf('info');
const isQuantile = isCallOf('histogram_quantile');

/** A duration may be step() or range() since 3.6, and a token that had no name has one. */
const TEXTS_SINCE: readonly (readonly [old: RegExp, now: RegExp])[] = [
  [/, expected number or duration$/, /, expected number, duration, step\(\), or range\(\)$|unexpected colon before duration in duration expression$/],
  ...OLD_TEXTS.filter(([old]) => old.source.includes('Item')),
];

/** What is still as it was in 2.42, and how often. */
const STILL = new Map([['filters match one to one', 2], ['an infinity behind a rank', 1], ['ties', 6], ['timestamp of a shifted, pinned selector', 1], ['a subquery without a step', 1], ['cancelled digits', 1]]);

/** Ways in which Prometheus 3.5 and 3.14 rightly differ. */
export const EXCEPTIONS_OF_3_5: readonly Exception[] = [
  {
    name: 'other words in a warning',
    reason: 'a name that is not there is left out, a repair is described, NaN observations are reported where the histogram is, sorting a range and conflicting resets are warned of',
    perTenThousand: 218,
    covers: ({ wanted, got, difference }) => difference.kind === 'notes' && sameNotes(wanted, got, commonNotes),
  },
  {
    name: 'other words for a mistake',
    reason: 'durations can be more than they were, and the parser says so',
    perTenThousand: 10,
    covers: ({ wanted, got, difference }) => difference.kind === 'error text' && TEXTS_SINCE.some(([old, now]) => old.test(textOf(wanted)) && now.test(textOf(got))),
  },
  {
    name: 'negated histograms are gauges',
    reason: 'since 3.7, which delta does not warn of, but rate does',
    perTenThousand: 4,
    covers: ({ tree, wanted, got, difference }) =>
      difference.kind === 'notes' &&
      contains(tree, (expr) => expr.kind === 'unary' && expr.op === '-') &&
      sameNotes(wanted, got, (notes) => commonNotes(notes).filter((note) => !/this native histogram metric is not a (?:gauge|counter)/.test(note))),
  },
  {
    name: 'the last of a step',
    reason: 'of the pairs that nothing can be made of, the last one at each step is told, and which that is depends on the order of series in storage',
    perTenThousand: 4,
    covers: ({ wanted, got, difference }) =>
      difference.kind === 'notes' &&
      sameNotes(wanted, got, (notes) => commonNotes(notes).filter((note) => !isOfPair(note))) &&
      [wanted, got].every((answer) => answer.kind === 'data' && commonNotes(answer.notes).some(isOfPair)),
  },
  {
    name: 'the first of a group',
    reason: 'which series of a group is found not to fit the others depends on their order in storage',
    perTenThousand: 11,
    covers: ({ tree, wanted, got, difference }) =>
      difference.kind === 'notes' &&
      contains(tree, isAggregate('sum', 'avg')) &&
      sameNotes(wanted, got, (notes) => commonNotes(notes).filter((note) => !/a mix of histograms (?:with exponential and custom buckets schemas|and floats for aggregation)/.test(note))),
  },
  {
    name: 'a panic',
    reason: '3.5 reaches behind the buckets of some histograms',
    perTenThousand: 1,
    covers: ({ wanted }) => textOf(wanted).startsWith('unexpected error: runtime error') || (wanted.kind === 'error' && wanted.errorType === 'no answer'),
  },
  {
    name: 'a limit that is NaN',
    reason: 'since 3.6 it is an error before anything else',
    perTenThousand: 2,
    covers: ({ got, difference }) => difference.kind === 'only got refuses' && /^(?:Parameter|Ratio) value is NaN$/.test(textOf(got)),
  },
  {
    name: 'names of the last of a subquery',
    reason: 'since 3.12 last_over_time forgets a name that the subquery below it has dropped',
    perTenThousand: 6,
    covers: ({ tree, wanted, got }) =>
      contains(tree, (expr) => isCallOf('last_over_time')(expr) && argumentsOf(expr)[0]?.kind === 'subquery') && (textOf(got).endsWith('same labelset') || areSameWithoutNames(wanted, got)),
  },
  {
    name: 'names behind info',
    reason: 'info let a name that was to go come back, which shows, or keeps series apart that are the same without it',
    perTenThousand: 10,
    covers: ({ tree, wanted, got }) =>
      contains(tree, (expr) => isInfo(expr) && dropsNames(argumentsOf(expr)[0])) && (textOf(got).endsWith('same labelset') || areSameWithoutNames(wanted, got)),
  },
  {
    name: 'info in a range',
    reason: 'in a range query 3.5 takes the info series of another series at some steps; at each instant the answers are the same',
    perTenThousand: 12,
    covers: async ({ query, tree, askBoth }) => {
      if (tree === undefined || !contains(tree, isInfo)) return false;
      if (contains(tree, (expr) => expr.kind === 'subquery' && contains(expr.expr, isInfo))) return true;
      return !('timeMs' in query) && (await answersAtInstants([tree], query, askBoth)).every(({ wanted, got }) => areSameWithoutNames(wanted, got));
    },
  },
  {
    name: 'info at another time',
    reason: 'since 3.12 info looks at info series when its argument is looked at, with offset and @',
    perTenThousand: 6,
    covers: ({ tree }) => contains(tree, (expr) => isInfo(expr) && contains(expr, (inner) => (inner.kind === 'vector' || inner.kind === 'subquery') && (inner.at !== undefined || inner.offsetMs !== 0))),
  },
  {
    name: 'info of info series',
    reason: '3.5 drops them where they do not fit the second argument; now they pass',
    perTenThousand: 2,
    covers: ({ tree }) => contains(tree, (expr) => isInfo(expr) && isOver(argumentsOf(expr)[0], 'target_info', 'build_info')),
  },
  {
    name: 'info of what is no target',
    reason: '3.5 drops series without instance and job where the second argument names an info metric; now they pass',
    perTenThousand: 4,
    covers: async ({ query, tree, difference, askBoth }) => {
      if (difference.kind !== 'data') return false;
      const answers = await answersAtInstants(partsOf(tree, isInfo), query, askBoth);
      const different = answers.filter(({ wanted, got }) => differenceOf(wanted, got) !== undefined);
      return different.length > 0 && different.every(({ wanted, got }) => isAmong(wanted, [got]) && isWithout(got, '"instance"', '"job"'));
    },
  },
  {
    name: 'NaN in a median',
    reason: 'since 3.14 mad_over_time of a window with a NaN is NaN',
    perTenThousand: 2,
    covers: async ({ query, tree, difference, askBoth }) =>
      difference.kind === 'data' && differOnlyBy(await answersAtInstants(partsOf(tree, isCallOf('mad_over_time')), query, askBoth), (_, got) => Number.isNaN(got)),
  },
  {
    name: 'buckets with nothing in them',
    reason: 'multiplied by NaN or an infinity they are NaN, and Prometheus has those too that other histograms of the same chunk have',
    perTenThousand: 2,
    covers: ({ wanted, got, difference }) => difference.kind === 'data' && differenceOf(withoutNaN(wanted), withoutNaN(got)) === undefined,
  },
  {
    name: 'changes of layout',
    reason: 'changes() and resets() of histograms see where Prometheus cuts its chunks: new empty buckets count as changes, the ends of some chunks as resets, and over an end 3.5 may miss one',
    perTenThousand: 1,
    covers: async ({ query, tree, difference, askBoth }) =>
      difference.kind === 'data' && differOnlyBy(await answersAtInstants(partsOf(tree, isCallOf('changes', 'resets')), query, askBoth), () => true),
  },
  {
    name: 'statistics without buckets',
    reason: 'where only count and sum are asked for, 3.5 leaves out buckets, but not of the whole query, nor on both sides of an operator, and then neither operators nor the resets of a gauge are what they are with them: it says something else of the same in parentheses',
    perTenThousand: 6,
    covers: async ({ query, tree, difference, askBoth }) => {
      if (difference.kind !== 'data') return false;
      const parts = bareParts(tree, isStatistic);
      const inParens = parts.map((expr): Expr => ({ kind: 'paren', expr, position: expr.position }));
      const [bare, within] = await Promise.all([parts, inParens].map((asked) => answersAtInstants(asked, query, askBoth)));
      if (bare!.some(({ wanted }, index) => differenceOf(wanted, within![index]!.wanted)?.kind === 'data')) return true;
      return parts.some((part) => contains(part, isBetweenVectors)) && areSame(bare!);
    },
  },
  {
    name: 'quantile beside NaN observations',
    reason: 'where some observations are NaN, Prometheus interpolates in the last bucket of all instead of the one that holds the quantile',
    perTenThousand: 14,
    covers: async ({ query, tree, wanted, difference, askBoth }) => {
      if (difference.kind !== 'data' || !contains(tree, isQuantile)) return false;
      if (wanted.kind === 'data' && wanted.notes.some((note) => note.includes('NaN observations, result is skewed'))) return true;
      const quantiles = partsOf(tree, isQuantile);
      const sums = quantiles.map((part) => replacedWithin(part, (call) => (call.kind === 'call' ? { ...call, name: 'histogram_sum', args: call.args.slice(1) } : call)));
      const [answers, ofSums] = await Promise.all([quantiles, sums].map((parts) => answersAtInstants(parts, query, askBoth)));
      return differOnlyBy(answers!, () => true) && ofSums!.some((answer) => hasNaN(answer.wanted));
    },
  },
  {
    name: 'extrapolation to zero',
    reason: 'it is looked at for histograms too now, and also where a series is taken to begin half an interval before its first sample',
    perTenThousand: 2,
    covers: async ({ query, tree, difference, askBoth }) => {
      if (difference.kind !== 'data') return false;
      const answers = await answersAtInstants(partsOf(tree, isCallOf('rate', 'increase')), query, askBoth);
      return differOnlyBy(answers, (wanted, got) => got / wanted >= 0.5 && got / wanted <= 1);
    },
  },
  {
    name: 'fraction from below',
    reason: 'since 3.8 histogram_fraction of classic histograms takes a lower bound in or below the first bucket; it was NaN before',
    perTenThousand: 19,
    covers: async ({ query, tree, difference, askBoth }) =>
      difference.kind === 'data' && differOnlyBy(await answersAtInstants(partsOf(tree, isCallOf('histogram_fraction')), query, askBoth), (wanted) => Number.isNaN(wanted)),
  },
  {
    name: 'another answer the second time',
    reason: '3.5 mixes up histograms that are read at the same time, of several series or steps: asked again, or for less at a time, it agrees',
    perTenThousand: 4,
    covers: isConfusion,
  },
  ...EXCEPTIONS_OF_2_42.flatMap((exception) => (STILL.has(exception.name) ? [{ ...exception, perTenThousand: STILL.get(exception.name)! }] : [])),
];

function isOfPair(note: string): boolean {
  return /^PromQL (?:info: incompatible sample types|warning: incompatible bucket layout)/.test(note);
}

function isBetweenVectors(expr: Expr): boolean {
  return expr.kind === 'binary' && typeOf(expr.lhs) === 'vector' && typeOf(expr.rhs) === 'vector';
}

function isWithout(answer: Answer, ...labels: readonly string[]): boolean {
  return answer.kind === 'data' && answer.series.every(({ key }) => !labels.some((label) => key.includes(label)));
}

function areSameWithoutNames(wanted: Answer, got: Answer): boolean {
  return differenceOf(withoutNames(wanted), withoutNames(got)) === undefined;
}

function dropsNames(expr: Expr | undefined): boolean {
  return contains(expr, ({ kind }) => kind === 'call' || kind === 'binary' || kind === 'unary' || kind === 'aggregate');
}
