import { type Fragment, fragment, operandText, operation } from './fragment.ts';
import type { Grammar } from './grammar.ts';
import { nativeVector } from './native-calls.ts';

/* What is behind flags in Prometheus 3.14 and has operators or modifiers of its own. */

const OF_EDGES = ['rate', 'increase', 'delta', 'changes', 'resets'];
const ARITHMETIC = ['+', '-', '*', '/', '%', '^', 'atan2', '==', '!=', '<', '<=', '>', '>=', '== bool', '!= bool', '< bool', '>= bool'];
const FILLS = ['0', '1', '-1', '+2.5', 'NaN', 'Inf', '-Inf', '5m', '0x10', '1e3', '-30s'];

/** Ranges and instants with `anchored` or `smoothed`, now and then where neither may stand. */
export function edgesCall(grammar: Grammar): Fragment {
  const { random, selectors } = grammar;
  const selector = random.oneIn(4) ? selectors.native() : selectors.selector();
  const edges = random.pick(['anchored', 'smoothed']);
  const behind = random.oneIn(2) ? ` ${edges}${selector.modifiers}` : `${selector.modifiers} ${edges}`;
  if (random.oneIn(4)) return fragment(`${selector.text}${random.oneIn(6) ? behind : behind.replace('anchored', 'smoothed')}`, selector.labels, 'rounded');
  const name = random.oneIn(15) ? random.pick(['sum_over_time', 'irate', 'deriv', 'last_over_time', 'absent_over_time', 'quantile_over_time']) : random.pick(OF_EDGES);
  return fragment(`${name}(${name === 'quantile_over_time' ? '0.5, ' : ''}${selector.text}${selectors.range()}${behind})`, selector.labels, 'rounded');
}

/** Binary operations that give a missing partner a value. */
export function fillOperation(grammar: Grammar, depth: number): Fragment {
  const { random } = grammar;
  const operand = (): Fragment => (random.oneIn(6) ? nativeVector(grammar, depth - 1) : random.oneIn(2) ? grammar.vector(depth - 1, 'identical') : grammar.leaf());
  const left = operand();
  const right = random.oneIn(8) ? left : operand();
  const fill = (suffix: string): string => `fill${suffix}(${random.pick(FILLS)})`;
  const fills = random.pick([fill(''), fill(''), fill('_left'), fill('_right'), `${fill('_left')} ${fill('_right')}`, `${fill('_right')} ${fill('_left')}`]);
  const on = grammar.labelNames(left.labels);
  const matching = random.pick(['', `on (${on.join(', ')})`, `on (${on.join(', ')})`, `ignoring (${on.join(', ')})`]);
  // What group_right's two sides are called has changed since 3.14.
  const group = matching === '' || !random.oneIn(2) ? '' : random.pick(['group_left ()', 'group_left (tier)', 'group_left (zone, nothing)']);
  const grouped = group === '' || random.oneIn(4) ? right : fragment(`max by (${on.join(', ')}, tier) (${right.text})`, on, right.precision);
  return operation(`${operandText(left)} ${random.pick(ARITHMETIC)} ${matching} ${group} ${fills} ${operandText(grouped)}`, left.labels, 'rounded');
}

/** Histograms of which a part is cut off, and what cannot be cut. */
export function trimOperation(grammar: Grammar, depth: number): Fragment {
  const { random } = grammar;
  const left = random.oneIn(8) ? grammar.leaf() : nativeVector(grammar, depth - 1);
  const trim = random.pick(['</', '>/']);
  if (random.oneIn(6)) return operation(`${operandText(left)} ${trim} ${random.pick(['on (instance, job)', 'ignoring (path)', ''])} ${operandText(grammar.leaf())}`, left.labels, 'rounded');
  const bound = random.pick(['0', '1', '0.5', '0.3', '2', '-0.7', '-1', '100', 'Inf', '-Inf', 'NaN', '0.001', '4', grammar.scalar(1).text]);
  return operation(random.oneIn(20) ? `${bound} ${trim} ${operandText(left)}` : `${operandText(left)} ${trim} ${bound}`, left.labels, 'rounded');
}
