import { groupedBy } from './aggregations.ts';
import { type Fragment, leastPrecise, noLongerDyadic, operandText, operation, type Precision } from './fragment.ts';
import type { Grammar } from './grammar.ts';

const COMPARISONS = ['==', '!=', '<', '<=', '>', '>='];
const SETS = ['and', 'or', 'unless'];
/** The rest of a division jumps, so its operands have the same bits in both engines. */
const SMOOTH = ['+', '-', '*', '/', '^', 'atan2'];

interface Operator {
  readonly text: string;
  readonly isSet: boolean;
  readonly needs: Precision;
  readonly result: (operands: Precision) => Precision;
}

/** Vectors with vectors in every way of matching, and vectors with scalars on either side. */
export function binaryOperation(grammar: Grammar, depth: number): Fragment {
  const { random } = grammar;
  const operator = anyOperator(grammar);
  if (operator.isSet) return setOperation(grammar, depth, operator);
  switch (random.below(8)) {
    case 0:
    case 1:
      return withScalar(grammar, depth, operator);
    case 2:
      return sameLabels(grammar, depth, operator);
    case 3:
      return anyMatching(grammar, depth, operator);
    case 4:
    case 5:
      return oneToOne(grammar, depth, operator);
    default:
      return manyToOne(grammar, depth, operator);
  }
}

function anyOperator(grammar: Grammar): Operator {
  const { random } = grammar;
  switch (random.below(7)) {
    case 0:
    case 1: {
      const bool = random.oneIn(2) ? ' bool' : '';
      return { text: random.pick(COMPARISONS) + bool, isSet: false, needs: 'identical', result: (of) => (bool === '' ? of : 'dyadic') };
    }
    case 2:
      return { text: random.pick(SETS), isSet: true, needs: 'rounded', result: (of) => of };
    case 3:
      return { text: '%', isSet: false, needs: 'identical', result: noLongerDyadic };
    default: {
      const text = random.pick(SMOOTH);
      const isOpen = text === '^' || text === 'atan2';
      return { text, isSet: false, needs: 'rounded', result: (of) => (isOpen ? 'rounded' : text === '+' || text === '-' ? of : noLongerDyadic(of)) };
    }
  }
}

function join(left: Fragment, operator: Operator, matching: string, right: Fragment, labels: readonly string[]): Fragment {
  // 2.42 forgets to drop the metric name of atan2: here there is none.
  const text = operator.text === 'atan2' ? (operand: Fragment) => `(${operandText(operand)} * 1)` : operandText;
  const rightText = text(right);
  // A parenthesis right behind group_left would be its labels.
  const modifiers = /group_(?:left|right)$/.test(matching) && rightText.startsWith('(') ? `${matching} ()` : matching;
  const between = modifiers === '' ? operator.text : `${operator.text} ${modifiers}`;
  return operation(`${text(left)} ${between} ${rightText}`, labels, operator.result(leastPrecise(left.precision, right.precision)));
}

function withScalar(grammar: Grammar, depth: number, operator: Operator): Fragment {
  const vector = grammar.vector(depth - 1, operator.needs);
  const scalar = grammar.scalar(depth - 1, operator.needs);
  return grammar.random.oneIn(3) ? join(scalar, operator, '', vector, vector.labels) : join(vector, operator, '', scalar, vector.labels);
}

/** Two views of the same series, or of two families that share their labels. */
function sameLabels(grammar: Grammar, depth: number, operator: Operator): Fragment {
  const left = grammar.vector(depth - 1, operator.needs);
  const right = grammar.random.oneIn(3) ? left : grammar.leaf(operator.needs === 'dyadic');
  const ignored = right.labels.filter((label) => !left.labels.includes(label)).concat(left.labels.filter((label) => !right.labels.includes(label)));
  const matching = ignored.length === 0 ? '' : `ignoring (${ignored.join(', ')})`;
  return join(left, operator, matching, right, left.labels.filter((label) => !ignored.includes(label)));
}

/** Whatever comes: most often an error that the match is not unique, or nothing. */
function anyMatching(grammar: Grammar, depth: number, operator: Operator): Fragment {
  const { random } = grammar;
  const left = grammar.vector(depth - 1, operator.needs);
  const right = grammar.vector(depth - 1, operator.needs);
  const named = grammar.labelNames(left.labels);
  const group = random.oneIn(2) ? '' : ` ${random.pick(['group_left', 'group_right'])}${random.pick(['', '()', ' (added)'])}`;
  const matching = random.oneIn(4) ? '' : `${random.pick(['on', 'ignoring'])} (${named.join(', ')})${group}`;
  return join(left, operator, matching, right, left.labels);
}

function oneToOne(grammar: Grammar, depth: number, operator: Operator): Fragment {
  const { random } = grammar;
  const labels = grammar.labelNames(['job', 'instance', 'path', 'zone', 'le']);
  const left = groupedBy(grammar, depth, labels, operator.needs);
  const right = groupedBy(grammar, depth, labels, operator.needs);
  const matching = random.pick(['', `on (${labels.join(', ')})`, 'ignoring (absent_label)']);
  return join(left, operator, matching, right, labels);
}

function manyToOne(grammar: Grammar, depth: number, operator: Operator): Fragment {
  const { random } = grammar;
  const many = grammar.vector(depth - 1, operator.needs);
  const on = random.shuffle(many.labels).slice(0, random.between(0, 2));
  const extra = random.oneIn(2) ? [] : [random.pick(['tier', 'zone', 'sensor', 'job', 'added'])].filter((label) => !on.includes(label));
  const one = groupedBy(grammar, depth, [...on, ...extra], operator.needs);
  const include = extra.length === 0 ? random.pick(['', '()']) : ` (${extra.join(', ')})`;
  const isLeft = random.oneIn(2);
  const matching = `on (${on.join(', ')}) ${isLeft ? 'group_left' : 'group_right'}${include}`;
  const labels = [...many.labels, ...extra];
  return isLeft ? join(many, operator, matching, one, labels) : join(one, operator, matching, many, labels);
}

function setOperation(grammar: Grammar, depth: number, operator: Operator): Fragment {
  const { random } = grammar;
  const left = grammar.vector(depth - 1);
  const right = random.oneIn(3) ? grammar.leaf() : grammar.vector(depth - 1);
  const named = grammar.labelNames(left.labels);
  const matching = random.oneIn(3) ? '' : `${random.pick(['on', 'ignoring'])} (${named.join(', ')})`;
  return join(left, operator, matching, right, left.labels);
}
