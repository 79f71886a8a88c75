import { type Expr, printExpression } from '../../../promql/parser/index.ts';
import { agree, areNearby, hasTies, isEmpty, isNaNInstead, isSinglePoints, textOf, withoutPlace } from './answer-traits.ts';
import type { Answer } from './answers.ts';
import type { Difference } from './difference.ts';
import { OLD_TEXTS } from './old-texts.ts';
import {
  contains, isAggregate, isBool, isChanging, isFilter, isNamed, isPinned, isPinnedPrediction, isRateOfOther, isShiftedPinnedTimestamp,
  isShorterThanStep, isSum, ranked, sumsSquares,
} from './tree-traits.ts';

/** A difference with all that is known about it. `tree` is missing when Varve's parser refuses the query. */
export interface Finding {
  readonly expression: string;
  readonly tree: Expr | undefined;
  readonly wanted: Answer;
  readonly got: Answer;
  readonly difference: Difference;
  /** Prometheus' answer to another expression at the same times. */
  readonly ask: (expression: string) => Promise<Answer>;
}

/** A way in which Prometheus 2.42 and 3.14 rightly differ. */
export interface Exception {
  readonly name: string;
  readonly reason: string;
  readonly covers: (finding: Finding) => boolean | Promise<boolean>;
}

export const EXCEPTIONS: readonly Exception[] = [
  {
    name: 'names go at the end',
    reason: 'metric names that a function drops are there until the whole query is done, so series that differ only in them do not collide on the way',
    covers: ({ tree, wanted, difference }) =>
      difference.kind === 'only wanted refuses' &&
      (textOf(wanted).includes('same labelset') || (textOf(wanted).includes('must ensure unique matches') && contains(tree, isBool))),
  },
  {
    name: 'none are asked for',
    reason: 'a parameter of topk or bottomk that is below one everywhere gives nothing, before it is looked at whether it is an integer',
    covers: ({ wanted, difference }) => difference.kind === 'only wanted refuses' && textOf(wanted).endsWith('overflows int64'),
  },
  {
    name: 'filters match one to one',
    reason: 'since 3.9 a comparison checks that a match is unique before it filters, not only among what is left',
    covers: ({ tree, got, difference }) =>
      difference.kind === 'only got refuses' && textOf(got).startsWith('multiple matches for labels') && contains(tree, isFilter),
  },
  {
    name: 'spread of an infinity',
    reason: 'stddev and stdvar of a group whose first value is infinite are NaN now; 2.42 says 0 when it is the only one',
    covers: ({ tree, wanted, got }) => contains(tree, isAggregate('stddev', 'stdvar')) && isNaNInstead(wanted, got),
  },
  {
    name: 'ties',
    reason: 'which of several equal series topk and bottomk keep is left open',
    covers: async ({ tree, difference, ask }) => {
      if (difference.kind !== 'data') return false;
      const answers = await Promise.all(ranked(tree).map((expr) => ask(printExpression(expr))));
      // A subquery cannot be asked for at all steps of a range query: what it holds remains unknown.
      return answers.some((answer) => answer.kind === 'error' || hasTies(answer));
    },
  },
  {
    name: 'timestamp of a shifted, pinned selector',
    reason: 'where @ pins the selector in timestamp(), Prometheus forgets the offset beside it',
    covers: ({ tree }) => contains(tree, isShiftedPinnedTimestamp),
  },
  {
    name: 'a wrong expression that never runs',
    reason: 'label_replace looks at its regular expression once and first; 2.42 did at every step, of which a subquery may have none',
    covers: ({ got, difference }) => difference.kind === 'only got refuses' && textOf(got).startsWith('invalid regular expression in label_replace'),
  },
  {
    name: 'a subquery without a step',
    reason: 'where no step falls into a subquery over something that is the same at every step, Prometheus answers with the next one, which lies in the future',
    covers: ({ tree, wanted, got }) => isShorterThanStep(tree) && isSinglePoints(wanted) && isEmpty(got),
  },
  {
    name: 'a parameter beside a pinned operand',
    reason: '2.42 takes an aggregation for the same at every step when @ pins its operand, even if its parameter changes',
    covers: ({ tree }) => contains(tree, (expr) => expr.kind === 'aggregate' && isChanging(expr.param) && contains(expr.expr, isPinned)),
  },
  {
    name: 'cancelled digits',
    reason: 'sums are compensated now; where the terms cancel, the last bits of 2.42 are among the first digits that are left',
    covers: ({ tree, wanted, got }) => contains(tree, isSum) && agree(wanted, got, areNearby),
  },
  {
    name: 'an infinity in a compensated sum',
    reason: 'it stays infinite now; in 2.42 its compensation made it NaN',
    covers: ({ tree, wanted, got }) => contains(tree, sumsSquares) && agree(wanted, got, (a, b) => Number.isNaN(a) && !Number.isFinite(b)),
  },
  {
    name: 'the sign of a zero',
    reason: 'the compensation of a sum now makes 0 of -0, which shows where something is divided by it',
    covers: ({ tree, wanted, got }) => contains(tree, isSum) && agree(wanted, got, (a, b) => Math.abs(a) === Math.abs(b)),
  },
  {
    name: 'rate of what is no counter',
    reason: 'the extrapolation to zero now also bounds half an interval; counters are made so that it never matters, other series are not',
    covers: ({ tree, difference }) => difference.kind === 'data' && contains(tree, isRateOfOther),
  },
  {
    name: 'predictions from a pinned window',
    reason: '2.42 lets the window of predict_linear slide from step to step although @ pins it',
    covers: ({ tree, difference }) => difference.kind === 'data' && contains(tree, isPinnedPrediction),
  },
  {
    name: 'atan2 drops the name',
    reason: 'between vectors 2.42 forgets to; queries are made so that there is none, shrunk ones are not',
    covers: ({ tree, difference }) => difference.kind === 'data' && contains(tree, (expr) => expr.kind === 'binary' && expr.op === 'atan2' && isNamed(expr)),
  },
  {
    name: 'a longer name',
    reason: 'holt_winters is double_exponential_smoothing now, and what stands behind it has moved',
    covers: ({ expression, wanted, got, difference }) =>
      difference.kind === 'error text' && expression.includes('double_exponential_smoothing') && withoutPlace(textOf(wanted)) === withoutPlace(textOf(got)),
  },
  {
    name: 'other words for a mistake',
    reason: 'durations have become expressions and numbers, and the parser says so',
    covers: ({ wanted, difference }) => difference.kind === 'error text' && OLD_TEXTS.some((pattern) => pattern.test(textOf(wanted))),
  },
];
