import { quantileText } from './calls.ts';
import { type Fragment, fragment, operandText, operation } from './fragment.ts';
import type { Grammar } from './grammar.ts';

/* What there is since 3.0, and what is made of native histograms. */

const RATES = ['rate', 'increase', 'delta', 'irate', 'idelta'];
const WINDOWS = ['sum_over_time', 'avg_over_time', 'last_over_time', 'count_over_time', 'present_over_time', 'resets', 'changes', 'max_over_time', 'stddev_over_time'];
const SUMMARIES = ['histogram_count', 'histogram_sum', 'histogram_avg', 'histogram_stddev', 'histogram_stdvar'];
const TIMES_OF = ['ts_of_min_over_time', 'ts_of_max_over_time', 'ts_of_last_over_time'];

/** Native histograms, or what becomes of them in one of many operations. */
export function nativeVector(grammar: Grammar, depth: number): Fragment {
  const { random, selectors } = grammar;
  const selector = selectors.native();
  const ranged = (): string => selector.text + selectors.range() + selector.modifiers;
  const below = (): Fragment => nativeVector(grammar, depth - 1);
  if (depth <= 0) return fragment(selector.text + selector.modifiers, selector.labels, 'identical');
  switch (random.below(10)) {
    case 0:
      return fragment(selector.text + selector.modifiers, selector.labels, 'identical');
    case 1:
    case 2:
    case 3:
      return fragment(`${random.pick(RATES)}(${ranged()})`, selector.labels, 'rounded');
    case 4:
      return fragment(`${random.pick(WINDOWS)}(${ranged()})`, selector.labels, 'rounded');
    case 5: {
      const inner = below();
      const kept = grammar.labelNames(inner.labels);
      return fragment(`${random.pick(['sum', 'avg', 'sum', 'count', 'group', 'min', 'stddev', 'quantile'])} by (${kept.join(', ')}) (${inner.text})`.replace(/^quantile by ([^(]*\([^)]*\)) \(/, 'quantile by $1 (0.5, '), kept, 'rounded');
    }
    case 6: {
      const inner = below();
      const scalar = grammar.scalar(1, 'identical');
      const op = random.pick(['*', '*', '/', '+', '^', '%', '>', '==']);
      const sides = [operandText(inner), operandText(scalar)];
      return operation((random.oneIn(4) ? sides.toReversed() : sides).join(` ${op} `), inner.labels, 'rounded');
    }
    case 7: {
      const op = random.pick(['+', '-', '+', '-', '*', '==', '!=', '== bool', '>', 'and', 'or', 'unless', 'atan2']);
      const left = below();
      const right = random.oneIn(3) ? left : below();
      return operation(`${operandText(left)} ${op} ${operandText(right)}`, left.labels, 'rounded');
    }
    case 8: {
      const inner = below();
      return operation(`-${operandText(inner)}`, inner.labels, 'rounded');
    }
    default: {
      const inner = below();
      return fragment(`${random.pick(RATES.concat(WINDOWS))}(${operandText(inner)}${selectors.subqueryRange()})`, inner.labels, 'rounded');
    }
  }
}

/** Numbers made of native histograms. */
export function nativeCall(grammar: Grammar, depth: number): Fragment {
  const { random } = grammar;
  const inner = nativeVector(grammar, depth - 1);
  switch (random.below(5)) {
    case 0:
    case 1:
      return fragment(`histogram_quantile(${quantileText(grammar, depth)}, ${inner.text})`, inner.labels, 'rounded');
    case 2:
      return fragment(`histogram_fraction(${random.pick(['0', '-Inf', '-1', '0.2', '0.25'])}, ${random.pick(['1', '+Inf', '0.3', '2', '0'])}, ${inner.text})`, inner.labels, 'rounded');
    default:
      return fragment(`${random.pick(SUMMARIES)}(${inner.text})`, inner.labels, 'rounded');
  }
}

/** Functions and aggregations that 2.42 does not have. */
export function newCall(grammar: Grammar, depth: number): Fragment {
  const { random, selectors } = grammar;
  switch (random.below(8)) {
    case 0: {
      const selector = selectors.selector();
      return fragment(`${random.pick(TIMES_OF)}(${selector.text}${selectors.range()}${selector.modifiers})`, selector.labels, 'identical');
    }
    case 1: {
      const selector = selectors.selector();
      return fragment(`mad_over_time(${selector.text}${selectors.range()}${selector.modifiers})`, selector.labels, 'rounded');
    }
    case 2: {
      const { text, labels } = grammar.vector(depth - 1);
      // Which series they are hangs on the order of series in storage.
      const kept = grammar.labelNames(labels).join(', ');
      const limit = random.pick(['1', '2', '3', '0', '-1', '100', 'time() % 3']);
      return fragment(`count by (${kept}) (limitk by (${kept}) (${limit}, ${text}))`, labels, 'dyadic');
    }
    case 3: {
      const { text, labels, precision } = grammar.vector(depth - 1);
      return fragment(`limit_ratio(${random.pick(['0.5', '-0.5', '0.3', '-0.7', '1', '0', '1.1', '-2', 'time() % 2 - 1'])}, ${text})`, labels, precision);
    }
    case 4: {
      const { text, labels, precision } = grammar.vector(depth - 1);
      return fragment(`${random.pick(['sort_by_label', 'sort_by_label_desc'])}(${[text, ...labels.slice(0, 2).map((label) => `"${label}"`)].join(', ')})`, labels, precision);
    }
    case 5: {
      const { text, labels, precision } = grammar.vector(depth - 1);
      const data = random.pick(['', '', ', {version="1.0"}', ', {version=~".*"}', ', {commit=~".+"}', ', {__name__="build_info"}', ', {__name__=~".+_info"}', ', {__name__=~".+_info", commit=~".+"}', ', {nothing="x"}']);
      return fragment(`info(${text}${data})`, labels, precision);
    }
    case 6: {
      const { text, labels, modifiers } = selectors.buckets();
      return fragment(`histogram_fraction(${random.pick(['0', '-Inf', '0.2'])}, ${random.pick(['1', '+Inf', '0.3'])}, rate(${text}${selectors.range()}${modifiers}))`, labels, 'rounded');
    }
    default:
      return nativeCall(grammar, depth);
  }
}
