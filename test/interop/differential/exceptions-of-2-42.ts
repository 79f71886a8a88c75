import { type Expr, printExpression } from '../../../promql/parser/index.ts';
import { agree, areNearby, hasTies, isAmong, isEmpty, textOf, withoutNames, withoutPlace, withoutTiny } from './answer-traits.ts';
import { isCancellation } from './cancellation.ts';
import { differenceOf } from './difference.ts';
import type { Exception } from './exception.ts';
import { answersAtInstants, areSame, bareParts, differOnlyBy, partsOf } from './investigation.ts';
import { OLD_TEXTS } from './old-texts.ts';
import {
  asBool, contains, dropsName, innermost, isAggregate, isAtan2, isBesidePinned, isBool, isCallOf, isFilter, isNamed, isPinnedPrediction, isRateOfOther,
  isShiftedPinnedTimestamp, isShorterThanStep, isSum, operandOf, replacedWithin, sumsSquares, withoutOffset,
} from './tree-traits.ts';

/** Two samples, one interval apart and more than 1.1 away from the edges: at most 2.1 intervals are 1.5 now. */
const LESS_EXTRAPOLATED_MIN = 0.7;

function areHalfATurnApart(a: number, b: number): boolean {
  return Math.abs(Math.abs(a - b) - Math.PI) < 1e-12;
}

const isRankingCall = isCallOf('quantile_over_time', 'mad_over_time');
const isRanking = (expr: Expr): boolean => isAggregate('quantile')(expr) || isRankingCall(expr);

/** Ways in which Prometheus 2.42 and 3.14 rightly differ. */
export const EXCEPTIONS_OF_2_42: readonly Exception[] = [
  {
    name: 'names go at the end',
    reason: 'metric names that a function drops are there until the whole query is done, so series that differ only in them do not collide on the way',
    perTenThousand: 12,
    covers: async ({ query, tree, wanted, difference, askBoth }) => {
      if (difference.kind !== 'only wanted refuses') return false;
      // By itself the part is refused here too, whose names go at its end then.
      const collides = textOf(wanted).includes('must ensure unique matches') ? isBool : dropsName;
      const answers = await answersAtInstants(bareParts(tree, collides), query, askBoth);
      return answers.some((part) => textOf(part.wanted) === textOf(wanted) && textOf(part.got).endsWith('same labelset'));
    },
  },
  {
    name: 'names behind a filter',
    reason: 'of samples whose name is to go at the end, a filter between vectors passes the name on',
    perTenThousand: 5,
    covers: ({ tree, wanted, got }) =>
      contains(tree, (expr) => isFilter(expr) && expr.kind === 'binary' && (contains(expr.lhs, dropsName) || contains(expr.rhs, dropsName))) &&
      wanted.kind === 'data' && got.kind === 'data' && differenceOf(withoutNames(wanted), withoutNames(got)) === undefined,
  },
  {
    name: 'none are asked for',
    reason: 'a parameter of topk or bottomk that is below one everywhere gives nothing, before it is looked at whether it is an integer',
    perTenThousand: 0,
    covers: ({ wanted, difference }) => difference.kind === 'only wanted refuses' && textOf(wanted).endsWith('overflows int64'),
  },
  {
    name: 'filters match one to one',
    reason: 'since 3.9 a comparison checks that a match is unique before it filters, not only among what is left',
    perTenThousand: 3,
    covers: async ({ query, tree, got, difference, askBoth }) => {
      if (difference.kind !== 'only got refuses' || !textOf(got).startsWith('multiple matches for labels')) return false;
      // With `bool`, nothing is filtered: then 2.42 finds the several matches too.
      const answers = await answersAtInstants(partsOf(tree, isFilter).map((part) => replacedWithin(part, asBool)), query, askBoth);
      return answers.some(({ wanted }) => textOf(wanted).includes('multiple matches for labels'));
    },
  },
  {
    name: 'spread of an infinity',
    reason: 'stddev and stdvar of a group whose first value is infinite are NaN now; 2.42 says 0 when it is the only one',
    perTenThousand: 2,
    covers: async ({ query, tree, difference, askBoth }) => {
      if (difference.kind !== 'data') return false;
      const answers = await answersAtInstants(partsOf(tree, innermost(isAggregate('stddev', 'stdvar'))), query, askBoth);
      return differOnlyBy(answers, (wanted, got) => wanted === 0 && Number.isNaN(got));
    },
  },
  {
    name: 'an infinity behind a rank',
    reason: 'a quantile that is exactly one of the values is it now, although the next one is infinite; it was NaN',
    perTenThousand: 1,
    covers: async ({ query, tree, difference, askBoth }) => {
      if (difference.kind !== 'data') return false;
      const answers = await answersAtInstants(partsOf(tree, isRanking), query, askBoth);
      return differOnlyBy(answers, (wanted, got) => Number.isNaN(wanted) && !Number.isNaN(got));
    },
  },
  {
    name: 'ties',
    reason: 'which of several equal series topk and bottomk keep is left open, and with it whether labels collide later',
    perTenThousand: 1,
    covers: async ({ query, tree, difference, askBoth }) => {
      if (difference.kind !== 'data' && difference.kind !== 'only got refuses' && difference.kind !== 'only wanted refuses') return false;
      const ranked = partsOf(tree, isAggregate('topk', 'bottomk')).map((part) => replacedWithin(part, operandOf));
      const answers = await Promise.all(ranked.map((expr) => askBoth({ ...query, expression: printExpression(expr) })));
      // A subquery cannot be asked for at all steps of a range query: what it holds remains unknown.
      return answers.some(({ wanted }) => wanted.kind === 'error' || hasTies(wanted));
    },
  },
  {
    name: 'timestamp of a shifted, pinned selector',
    reason: 'where @ pins the selector in timestamp(), Prometheus forgets the offset beside it, but not when it reads the samples',
    perTenThousand: 0,
    covers: async ({ query, tree, askBoth }) => {
      const parts = bareParts(tree, isShiftedPinnedTimestamp);
      const [shifted, unshifted] = await Promise.all([parts, parts.map(withoutOffset)].map((asked) => answersAtInstants(asked, query, askBoth)));
      return shifted!.length > 0 && shifted!.every(({ wanted, got }, index) => isAmong(wanted, [got, unshifted![index]!.got]));
    },
  },
  {
    name: 'a wrong expression that never runs',
    reason: 'label_replace looks at its regular expression once and first; 2.42 did at every step, of which a subquery may have none',
    perTenThousand: 0,
    covers: ({ got, difference }) => difference.kind === 'only got refuses' && textOf(got).startsWith('invalid regular expression in label_replace'),
  },
  {
    name: 'a subquery without a step',
    reason: 'where no step falls into a subquery over something that is the same at every step, Prometheus answers with the next one, which lies in the future',
    perTenThousand: 1,
    covers: async ({ query, tree, askBoth }) => {
      const answers = await answersAtInstants(bareParts(tree, isShorterThanStep), query, askBoth);
      return answers.some(({ wanted, got }) => isEmpty(got) && !isEmpty(wanted));
    },
  },
  {
    name: 'a parameter beside a pinned operand',
    reason: '2.42 takes an aggregation for the same at every step when @ pins its operand, even if its parameter changes',
    perTenThousand: 0,
    covers: async ({ query, tree, difference, askBoth }) =>
      difference.kind === 'data' && areSame(await answersAtInstants(bareParts(tree, isBesidePinned), query, askBoth)),
  },
  {
    name: 'cancelled digits',
    reason: 'sums are compensated now; where the terms cancel, the last bits of 2.42 are among the first digits that are left',
    perTenThousand: 0,
    covers: async (finding) => agree(withoutTiny(finding.wanted), withoutTiny(finding.got), areNearby) && (await isCancellation(finding)),
  },
  {
    name: 'an infinity in a compensated sum',
    reason: 'it stays infinite now; in 2.42 its compensation made it NaN',
    perTenThousand: 0,
    covers: ({ tree, wanted, got }) => contains(tree, sumsSquares) && agree(wanted, got, (a, b) => Number.isNaN(a) && !Number.isFinite(b)),
  },
  {
    name: 'the sign of a zero',
    reason: 'the compensation of a sum now makes 0 of -0, which shows where something is divided by it, or an angle is made of it',
    perTenThousand: 0,
    covers: ({ tree, wanted, got }) =>
      contains(tree, isSum) && agree(wanted, got, (a, b) => Math.abs(a) === Math.abs(b) || (contains(tree, isAtan2) && areHalfATurnApart(a, b))),
  },
  {
    name: 'rate of what is no counter',
    reason: 'the extrapolation to zero now also bounds half an interval; counters are made so that it never matters, other series are not',
    perTenThousand: 0,
    covers: async ({ query, tree, difference, askBoth }) => {
      if (difference.kind !== 'data') return false;
      const answers = await answersAtInstants(partsOf(tree, isRateOfOther), query, askBoth);
      return differOnlyBy(answers, (wanted, got) => got / wanted >= LESS_EXTRAPOLATED_MIN && got / wanted <= 1);
    },
  },
  {
    name: 'predictions from a pinned window',
    reason: '2.42 lets the window of predict_linear slide from step to step although @ pins it',
    perTenThousand: 1,
    covers: async ({ query, tree, difference, askBoth }) =>
      difference.kind === 'data' && areSame(await answersAtInstants(bareParts(tree, isPinnedPrediction), query, askBoth)),
  },
  {
    name: 'atan2 drops the name',
    reason: 'between vectors 2.42 forgets to; queries are made so that there is none, shrunk ones are not',
    perTenThousand: 0,
    covers: ({ tree, wanted, got, difference }) =>
      difference.kind === 'data' &&
      contains(tree, (expr) => expr.kind === 'binary' && expr.op === 'atan2' && isNamed(expr)) &&
      differenceOf(withoutNames(wanted), withoutNames(got)) === undefined,
  },
  {
    name: 'a longer name',
    reason: 'holt_winters is double_exponential_smoothing now, and what stands behind it has moved',
    perTenThousand: 0,
    covers: ({ query, wanted, got, difference }) =>
      difference.kind === 'error text' && query.expression.includes('double_exponential_smoothing') && withoutPlace(textOf(wanted)) === withoutPlace(textOf(got)),
  },
  {
    name: 'other words for a mistake',
    reason: 'durations have become expressions and numbers, and the parser says so',
    perTenThousand: 65,
    covers: ({ wanted, got, difference }) => difference.kind === 'error text' && OLD_TEXTS.some(([old, now]) => old.test(textOf(wanted)) && now.test(textOf(got))),
  },
];
