import { isLegacyLabelName, METRIC_NAME } from '../../storage/model/labels.ts';
import type { Matcher } from '../../storage/model/matcher.ts';
import { formatG } from '../../storage/model/number-text.ts';
import { must, unreachable } from '../../storage/runtime/assert.ts';
import type { Aggregate, Binary, Duration, DurationExpr, Expr, MatrixSelector, Subquery, VectorSelector } from './ast.ts';
import { literalDurationMs } from './durations.ts';
import { formatDurationMs } from './literal.ts';
import { quoteString } from './quote.ts';

/** The canonical text of a tree on one line, as Prometheus prints it. Parsing it gives the same tree again. */
export function printExpression(expr: Expr): string {
  switch (expr.kind) {
    case 'number':
      return printNumber(expr);
    case 'string':
      return quoteString(expr.value);
    case 'vector':
      return printSelector(expr) + printAt(expr) + printEdges(expr) + printOffset(expr);
    case 'matrix':
      return printSelector(expr.selector) + printMatrixSuffix(expr);
    case 'subquery':
      return printExpression(expr.expr) + printSubquerySuffix(expr);
    case 'aggregate': {
      const param = expr.param === undefined ? '' : `${printExpression(expr.param)}, `;
      return `${printAggregateHead(expr)}(${param}${printExpression(expr.expr)})`;
    }
    case 'binary':
      return `${printExpression(expr.lhs)} ${printOperator(expr)} ${printExpression(expr.rhs)}`;
    case 'unary':
      return expr.op + printExpression(expr.expr);
    case 'paren':
      return `(${printExpression(expr.expr)})`;
    case 'call':
      return `${expr.name}(${expr.args.map(printExpression).join(', ')})`;
    default:
      return unreachable(expr);
  }
}

function printNumber({ value, isDuration }: { readonly value: number; readonly isDuration: boolean }): string {
  return isDuration ? formatDurationMs(literalDurationMs(value)) : formatDecimal(value);
}

function printSelector({ name, matchers }: VectorSelector): string {
  const printed = matchers
    .filter((matcher) => !(matcher.name === METRIC_NAME && matcher.type === '=' && matcher.value === name))
    .map(printMatcher)
    .sort();
  if (printed.length > 0) return `${name ?? ''}{${printed.join(',')}}`;
  return name ?? '{}';
}

export function printMatcher({ name, type, value }: Matcher): string {
  return printLabelName(name) + type + quoteString(value);
}

function printLabelName(name: string): string {
  return isLegacyLabelName(name) ? name : quoteString(name);
}

function printLabels(labels: readonly string[]): string {
  return `(${labels.map(printLabelName).join(', ')})`;
}

function printMatrixSuffix({ selector, rangeMs }: MatrixSelector): string {
  return `[${printDuration(rangeMs)}]${printEdges(selector)}${printAt(selector)}${printOffset(selector)}`;
}

/** What follows the expression of a subquery. */
export function printSubquerySuffix(expr: Subquery): string {
  const step = expr.stepMs === undefined ? '' : printDuration(expr.stepMs);
  return `[${printDuration(expr.rangeMs)}:${step}]${printAt(expr)}${printOffset(expr)}`;
}

function printEdges({ edges }: Pick<VectorSelector, 'edges'>): string {
  return edges === undefined ? '' : ` ${edges}`;
}

function printAt({ at }: Pick<VectorSelector, 'at'>): string {
  if (at === undefined) return '';
  return typeof at === 'number' ? ` @ ${formatMsAsSeconds(at)}` : ` @ ${at}()`;
}

function formatMsAsSeconds(milliseconds: number): string {
  const digits = BigInt(Math.abs(milliseconds)).toString().padStart(4, '0');
  return `${milliseconds < 0 ? '-' : ''}${digits.slice(0, -3)}.${digits.slice(-3)}`;
}

function printOffset({ offsetMs }: Pick<VectorSelector, 'offsetMs'>): string {
  return offsetMs === 0 ? '' : ` offset ${printDuration(offsetMs)}`;
}

function printDuration(duration: Duration): string {
  return typeof duration === 'number' ? formatDurationMs(duration) : printDurationExpr(duration);
}

function printDurationExpr(expr: DurationExpr): string {
  switch (expr.kind) {
    case 'number':
      return printNumber(expr);
    case 'duration-binary':
      return `${printDurationExpr(expr.lhs)} ${expr.op} ${printDurationExpr(expr.rhs)}`;
    case 'duration-unary':
      return expr.op + printDurationExpr(expr.expr);
    case 'duration-paren':
      return `(${printDurationExpr(expr.expr)})`;
    case 'duration-call':
      return `${expr.name}(${expr.args.map(printDurationExpr).join(', ')})`;
    default:
      return unreachable(expr);
  }
}

/** An aggregation up to its arguments. */
export function printAggregateHead({ op, grouping, without }: Aggregate): string {
  if (without) return `${op} without ${printLabels(grouping)} `;
  return grouping.length > 0 ? `${op} by ${printLabels(grouping)} ` : op;
}

/** A binary operator with its modifiers. */
export function printOperator({ op, returnBool, matching }: Binary): string {
  let text = returnBool ? `${op} bool` : op;
  if (matching === undefined) return text;
  const { card, on, labels, include, fillLeft, fillRight } = matching;
  const groups = card === 'many-to-one' || card === 'one-to-many';
  if (labels.length > 0 || on || groups) text += ` ${on ? 'on' : 'ignoring'} ${printLabels(labels)}`;
  if (groups) text += ` group_${card === 'many-to-one' ? 'left' : 'right'} ${printLabels(include)}`;
  // NaN is not equal to itself, and stands twice in Prometheus too.
  if (fillLeft !== undefined && fillLeft === fillRight) return `${text} fill (${formatG(fillLeft)})`;
  if (fillLeft !== undefined) text += ` fill_left (${formatG(fillLeft)})`;
  if (fillRight !== undefined) text += ` fill_right (${formatG(fillRight)})`;
  return text;
}

const SHORTEST_NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/;

/** All digits and no exponent. */
export function formatDecimal(value: number): string {
  if (!Number.isFinite(value)) return formatG(value);
  const text = Object.is(value, -0) ? '-0' : String(value);
  const [, sign, whole, fraction = '', exponent] = must(SHORTEST_NUMBER.exec(text), `a number printed as ${text}`);
  if (exponent === undefined) return `${sign}${whole}${fraction === '' ? '' : `.${fraction}`}`;
  const shift = Number(exponent);
  if (shift < 0) return `${sign}0.${'0'.repeat(-shift - 1)}${whole}${fraction}`;
  return `${sign}${whole}${fraction.padEnd(shift, '0')}`;
}
