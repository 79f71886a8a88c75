import { type Fragment, fragment, noLongerDyadic, summed } from './fragment.ts';
import type { Grammar } from './grammar.ts';
import type { Selector, SelectorGrammar } from './selectors.ts';

/** Functions of a range vector whose result jumps when two values are nearly equal: they get values with the same bits. */
const JUMPING = ['changes', 'resets'];
/** Those that take differences: of nearly equal values with unlike last bits, hardly a digit would be left. */
const CANCELLING = ['delta', 'deriv', 'idelta', 'predict_linear', 'stddev_over_time', 'stdvar_over_time', 'double_exponential_smoothing'];
const CONTINUOUS = [
  'avg_over_time', 'count_over_time', 'deriv', 'delta', 'idelta', 'irate', 'increase', 'last_over_time', 'max_over_time', 'min_over_time',
  'present_over_time', 'rate', 'stddev_over_time', 'stdvar_over_time', 'sum_over_time', 'quantile_over_time', 'predict_linear', 'absent_over_time',
  'double_exponential_smoothing',
];
const OF_COUNTERS = ['rate', 'increase', 'irate'];
const NEEDING_BITS = [...JUMPING, ...CANCELLING, ...OF_COUNTERS];
const KEEP_BITS = ['last_over_time', 'max_over_time', 'min_over_time', 'idelta'];
const COUNTS = ['changes', 'resets', 'count_over_time', 'present_over_time', 'absent_over_time'];

const SMOOTH_FUNCTIONS = [
  'acos', 'acosh', 'asin', 'asinh', 'atan', 'atanh', 'cos', 'cosh', 'deg', 'exp', 'ln', 'log10', 'log2', 'rad', 'sin', 'sinh', 'sqrt', 'tan', 'tanh',
];
const JUMPING_FUNCTIONS = ['ceil', 'floor', 'round', 'sgn'];
const DATE_FUNCTIONS = ['day_of_month', 'day_of_week', 'day_of_year', 'days_in_month', 'hour', 'minute', 'month', 'year'];

/** rate(x[5m]) and its kin, over selectors and subqueries. */
export function windowCall(grammar: Grammar, depth: number): Fragment {
  const { random } = grammar;
  const name = random.pick(random.oneIn(4) ? JUMPING : CONTINUOUS);
  const { text, labels, precision } = windowArgument(grammar, name, depth);
  if (name === 'quantile_over_time') return fragment(`${name}(${quantileText(grammar, depth)}, ${text})`, labels, 'rounded');
  if (name === 'predict_linear') return fragment(`${name}(${text}, ${grammar.scalar(1).text})`, labels, 'rounded');
  if (name === 'double_exponential_smoothing') {
    const factor = (): string => random.pick(['0.1', '0.5', '0.3', '0.9', random.oneIn(5) ? '1' : '0.25']);
    return fragment(`${name}(${text}, ${factor()}, ${factor()})`, labels, 'rounded');
  }
  const call = `${name}(${text})`;
  if (COUNTS.includes(name)) return fragment(call, labels, 'dyadic');
  if (KEEP_BITS.includes(name)) return fragment(call, labels, precision);
  return fragment(call, labels, name === 'sum_over_time' ? summed(precision) : 'rounded');
}

function windowArgument(grammar: Grammar, name: string, depth: number): Fragment {
  const { random, selectors } = grammar;
  // A rate over anything but a counter finds resets everywhere; once in a while that is tried too.
  const isOfCounter = OF_COUNTERS.includes(name) && !random.oneIn(12);
  if (!isOfCounter && depth > 1 && random.oneIn(3)) return grammar.subquery(depth, NEEDING_BITS.includes(name) ? 'identical' : 'rounded');
  const selector = isOfCounter ? counterSelector(selectors) : selectors.selector();
  return fragment(selector.text + selectors.range() + selector.modifiers, selector.labels, selector.precision);
}

function counterSelector(selectors: SelectorGrammar): Selector {
  const selector = selectors.selector(['counter', 'histogram']);
  return selector.isCounter ? selector : counterSelector(selectors);
}

/** Mostly a share between 0 and 1 that no small integers make. */
export function quantileText(grammar: Grammar, depth: number): string {
  const { random } = grammar;
  if (random.oneIn(14)) return random.pick(['0', '1', '-0.5', '1.5', 'NaN', grammar.scalar(depth - 1).text]);
  return random.pick(['0.137', '0.5013', '0.7331', '0.913', '0.991']);
}

export function elementCall(grammar: Grammar, depth: number): Fragment {
  const { random } = grammar;
  const kind = random.below(6);
  if (kind === 0) {
    const { text, labels, precision } = grammar.vector(depth - 1);
    return fragment(`abs(${text})`, labels, precision);
  }
  if (kind === 1) {
    const { text, labels, precision } = grammar.vector(depth - 1);
    const bound = (): string => grammar.scalar(depth - 1, 'identical').text;
    const bounds = random.pick([`clamp(${text}, ${bound()}, ${bound()})`, `clamp_min(${text}, ${bound()})`, `clamp_max(${text}, ${bound()})`]);
    return fragment(bounds, labels, noLongerDyadic(precision));
  }
  if (kind <= 3) {
    const { text, labels } = grammar.vector(depth - 1, 'identical');
    const name = random.pick(JUMPING_FUNCTIONS);
    const second = name === 'round' && random.oneIn(2) ? `, ${random.pick(['1', '5', '0.1', '10', '0.25'])}` : '';
    return fragment(`${name}(${text}${second})`, labels, 'identical');
  }
  const { text, labels } = grammar.vector(depth - 1, 'identical');
  return fragment(`${random.pick(SMOOTH_FUNCTIONS)}(${text})`, labels, 'rounded');
}

/** Quantiles of classic histograms, of all that a query can make of their buckets; and what the functions of native ones say to floats. */
export function histogramCall(grammar: Grammar, depth: number): Fragment {
  const { random, selectors } = grammar;
  if (random.oneIn(12)) {
    const { text, labels } = grammar.vector(depth - 1);
    return fragment(`${random.pick(['histogram_count', 'histogram_sum'])}(${text})`, labels, 'identical');
  }
  if (random.oneIn(12)) {
    const { text, labels } = grammar.vector(depth - 1, 'identical');
    return fragment(`histogram_quantile(${quantileText(grammar, depth)}, ${text})`, labels, 'rounded');
  }
  const { text, labels, modifiers } = selectors.buckets();
  const rated = random.oneIn(3) ? text + modifiers : `${random.pick(['rate', 'increase', 'irate'])}(${text}${selectors.range()}${modifiers})`;
  const others = labels.filter((label) => label !== 'le');
  const kept = random.shuffle(others).slice(0, random.below(others.length + 1));
  const buckets = random.oneIn(2) ? rated : `sum by (${['le', ...kept].join(', ')}) (${rated})`;
  return fragment(`histogram_quantile(${quantileText(grammar, depth)}, ${buckets})`, buckets === rated ? others : kept, 'rounded');
}

export function labelCall(grammar: Grammar, depth: number): Fragment {
  const { random } = grammar;
  const { text, labels, precision } = grammar.vector(depth - 1);
  const source = random.pick([...labels, 'absent_label']);
  const target = random.pick([...labels, 'added', 'added', 'second']);
  if (random.oneIn(10)) return fragment(`label_replace(${text}, "__name__", "renamed", "${source}", "${random.pick(['.*', 'a.*'])}")`, labels, precision);
  if (random.oneIn(3)) {
    const sources = random.shuffle(labels).slice(0, random.below(4)).map((name) => `, "${name}"`);
    return fragment(`label_join(${text}, "${target}", "${random.pick(['-', '', '/'])}"${sources.join('')})`, [...labels, target], precision);
  }
  const [replacement, pattern] = random.pick([
    ['$1', '(.*)'], ['x-$1', '(.).*'], ['${1}y', '([a-z]+).*'], ['fixed', '.*'], ['', '.*'], ['$2$1', '(.)(.*)'], ['none', 'nothing'], ['$name', '(?P<name>[a-c]).*'],
    ['$9', '(.*)'], ['a$$b', 'a.*'], ['$1', '('],
  ] as const);
  return fragment(`label_replace(${text}, "${target}", "${replacement}", "${source}", "${pattern}")`, [...labels, target], precision);
}

export function dateCall(grammar: Grammar, depth: number): Fragment {
  const { random } = grammar;
  if (random.oneIn(3)) {
    const { text, labels } = grammar.vector(depth - 1);
    return random.oneIn(3) ? fragment(`absent(${text})`, labels, 'dyadic') : fragment(`timestamp(${text})`, labels, 'identical');
  }
  const name = random.pick(DATE_FUNCTIONS);
  if (random.oneIn(3)) return fragment(`${name}()`, [], 'dyadic');
  const { text, labels } = grammar.vector(depth - 1, 'identical');
  const isOfVector = random.oneIn(2);
  const seconds = isOfVector ? `(${text})` : `vector(${grammar.scalar(1, 'identical').text} * 1e6)`;
  // What Go makes of NaN as an integer hangs on the processor: only numbers that are dates get there.
  return fragment(`${name}(${seconds} > -1e11 < 1e12)`, isOfVector ? labels : [], 'dyadic');
}

export function sortCall(grammar: Grammar, depth: number): Fragment {
  const { text, labels, precision } = grammar.vector(depth - 1, 'identical');
  return fragment(`${grammar.random.pick(['sort', 'sort_desc'])}(${text})`, labels, precision);
}
