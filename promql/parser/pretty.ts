import type { Expr } from './ast.ts';
import { printAggregateHead, printExpression, printOperator, printSubquerySuffix } from './print.ts';

/** A line of more bytes than this is split, as in Prometheus' formatter. */
const LINE_BYTES_MAX = 100;
const INDENT = '  ';

/** The text of a tree over several lines: an expression that fits on a line stays on one, else its parts are indented below it. */
export function prettyExpression(expr: Expr): string {
  return pretty(expr, 0, new LineLengths());
}

function pretty(expr: Expr, level: number, lengths: LineLengths): string {
  const indent = INDENT.repeat(level);
  const nested = (child: Expr) => pretty(child, level + 1, lengths);
  if (expr.kind === 'unary') return `${indent}${expr.op}${pretty(expr.expr, level, lengths).trim()}`;
  // Prometheus forgets to indent a subquery that fits on its line.
  if (lengths.of(expr) <= LINE_BYTES_MAX) return (expr.kind === 'subquery' ? '' : indent) + printExpression(expr);
  switch (expr.kind) {
    case 'aggregate': {
      const param = expr.param === undefined ? '' : `${nested(expr.param)},\n`;
      return `${indent}${printAggregateHead(expr)}(\n${param}${nested(expr.expr)}\n${indent})`;
    }
    case 'binary':
      return `${nested(expr.lhs)}\n${indent}${printOperator(expr)}\n${nested(expr.rhs)}`;
    case 'call':
      return expr.args.length === 0 ? indent + printExpression(expr) : `${indent}${expr.name}(\n${expr.args.map(nested).join(',\n')}\n${indent})`;
    case 'paren':
      return `${indent}(\n${nested(expr.expr)}\n${indent})`;
    case 'subquery':
      return pretty(expr.expr, level, lengths) + printSubquerySuffix(expr);
    default:
      return indent + printExpression(expr);
  }
}

/** How many bytes each expression takes on one line, each measured once: asked anew at every level it would take quadratic time. */
class LineLengths {
  readonly #lengths = new Map<Expr, number>();

  of(expr: Expr): number {
    let length = this.#lengths.get(expr);
    if (length === undefined) {
      length = this.#measure(expr);
      this.#lengths.set(expr, length);
    }
    return length;
  }

  #measure(expr: Expr): number {
    switch (expr.kind) {
      case 'aggregate': {
        const param = expr.param === undefined ? 0 : this.of(expr.param) + ', '.length;
        return byteLength(printAggregateHead(expr)) + param + this.of(expr.expr) + '()'.length;
      }
      case 'binary':
        return this.of(expr.lhs) + byteLength(printOperator(expr)) + this.of(expr.rhs) + 2;
      case 'call':
        return expr.name.length + '()'.length + expr.args.reduce((sum, arg) => sum + this.of(arg) + ', '.length, 0) - (expr.args.length > 0 ? 2 : 0);
      case 'unary':
        return this.of(expr.expr) + 1;
      case 'paren':
        return this.of(expr.expr) + '()'.length;
      case 'subquery':
        return this.of(expr.expr) + byteLength(printSubquerySuffix(expr));
      default:
        return byteLength(printExpression(expr));
    }
  }
}

const encoder = new TextEncoder();

function byteLength(text: string): number {
  return encoder.encode(text).length;
}
