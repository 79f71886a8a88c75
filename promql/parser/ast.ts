import type { Matcher } from '../../storage/model/matcher.ts';
import { functionSignature } from './signatures.ts';
import type { FunctionName } from './signatures.ts';
import type { ValueType } from './value-type.ts';

export type { FunctionName } from './signatures.ts';
export type { ValueType } from './value-type.ts';

/**
 * The tree of a PromQL expression (the language of Prometheus 3.14, experimental parts included).
 *
 * Trees are immutable and never deeper than `EXPRESSION_DEPTH_MAX` (chains: `OPERATOR_CHAIN_MAX`), so a recursive walk is safe. The type
 * parameter is what stands where a duration stands: as parsed, milliseconds or a duration expression; after `resolveDurations`, only
 * milliseconds.
 */
export type Expr<D = Duration> =
  | NumberLiteral
  | StringLiteral
  | VectorSelector<D>
  | MatrixSelector<D>
  | Subquery<D>
  | Aggregate<D>
  | Binary<D>
  | Unary<D>
  | Paren<D>
  | Call<D>;

/** An expression whose durations are all numbers: what the engine evaluates. */
export type ResolvedExpr = Expr<number>;

/** Half-open range of UTF-16 offsets in the query text. */
export interface Position {
  readonly start: number;
  readonly end: number;
}

interface Node {
  readonly position: Position;
}

export interface NumberLiteral extends Node {
  readonly kind: 'number';
  /** Seconds when it was written as a duration. */
  readonly value: number;
  /** Written as a duration (`5m`); matters for printing only. */
  readonly isDuration: boolean;
}

export interface StringLiteral extends Node {
  readonly kind: 'string';
  readonly value: string;
}

/** The moment an `@` modifier pins: Unix milliseconds, or the query's own start or end. */
export type AtModifier = number | 'start' | 'end';

interface TimeModifiers<D> {
  /** How far into the past the data is taken; negative is the future; 0 without a modifier. */
  readonly offsetMs: D;
  readonly at: AtModifier | undefined;
}

/** The modifier that changes how samples at a range's edges are taken (extended range selectors). */
export type RangeEdges = 'anchored' | 'smoothed';

export interface VectorSelector<D = Duration> extends Node, TimeModifiers<D> {
  readonly kind: 'vector';
  /** The metric name written before the braces; `undefined` when there is none (also for `{"name"}` and `{__name__="name"}`). */
  readonly name: string | undefined;
  /** All matchers, those on the metric name included: the one made of `name` comes last. Never empty. */
  readonly matchers: readonly Matcher[];
  readonly edges: RangeEdges | undefined;
}

/** `selector[range]`. Offset, `@`, anchored and smoothed, though written after the range, are the selector's. */
export interface MatrixSelector<D = Duration> extends Node {
  readonly kind: 'matrix';
  readonly selector: VectorSelector<D>;
  readonly rangeMs: D;
}

export interface Subquery<D = Duration> extends Node, TimeModifiers<D> {
  readonly kind: 'subquery';
  readonly expr: Expr<D>;
  readonly rangeMs: D;
  /** `undefined`: the server's default evaluation interval. */
  readonly stepMs: D | undefined;
}

export type AggregateOp =
  | 'avg'
  | 'bottomk'
  | 'count'
  | 'count_values'
  | 'group'
  | 'limit_ratio'
  | 'limitk'
  | 'max'
  | 'min'
  | 'quantile'
  | 'stddev'
  | 'stdvar'
  | 'sum'
  | 'topk';

export interface Aggregate<D = Duration> extends Node {
  readonly kind: 'aggregate';
  readonly op: AggregateOp;
  readonly expr: Expr<D>;
  /** A string for count_values, a scalar for the others that take one, `undefined` for the rest. */
  readonly param: Expr<D> | undefined;
  readonly grouping: readonly string[];
  /** `grouping` names the labels to leave out rather than those to keep. */
  readonly without: boolean;
}

export type ArithmeticOp = '+' | '-' | '*' | '/' | '%' | '^' | 'atan2';
export type ComparisonOp = '==' | '!=' | '<' | '<=' | '>' | '>=';
export type SetOp = 'and' | 'or' | 'unless';
/** Trim a native histogram from above (`</`) or below (`>/`). */
export type TrimOp = '</' | '>/';
export type BinaryOp = ArithmeticOp | ComparisonOp | SetOp | TrimOp;

export type MatchCardinality = 'one-to-one' | 'many-to-one' | 'one-to-many' | 'many-to-many';

/** How the series of two vectors find each other. */
export interface VectorMatching {
  /** `many-to-one` is group_left, `one-to-many` group_right, `many-to-many` the set operators. */
  readonly card: MatchCardinality;
  /** Match on `labels` only; otherwise on all labels but those. */
  readonly on: boolean;
  readonly labels: readonly string[];
  /** The labels that group_left or group_right take over from the "one" side. */
  readonly include: readonly string[];
  /** The value of a partner missing on the left side (`fill_left`), on the right side (`fill_right`); `fill` sets both. */
  readonly fillLeft: number | undefined;
  readonly fillRight: number | undefined;
}

export interface Binary<D = Duration> extends Node {
  readonly kind: 'binary';
  readonly op: BinaryOp;
  readonly lhs: Expr<D>;
  readonly rhs: Expr<D>;
  readonly returnBool: boolean;
  /** Set exactly when both operands are vectors. */
  readonly matching: VectorMatching | undefined;
  /** Kept here so that asking for it does not walk long chains. */
  readonly type: 'scalar' | 'vector';
}

export interface Unary<D = Duration> extends Node {
  readonly kind: 'unary';
  readonly op: '+' | '-';
  readonly expr: Expr<D>;
}

export interface Paren<D = Duration> extends Node {
  readonly kind: 'paren';
  readonly expr: Expr<D>;
}

export interface Call<D = Duration> extends Node {
  readonly kind: 'call';
  readonly name: FunctionName;
  readonly args: readonly Expr<D>[];
}

/** A literal duration in milliseconds, or arithmetic that `resolveDurations` works out when the query's step and range are known. */
export type Duration = number | DurationExpr;

export type DurationExpr = NumberLiteral | DurationBinary | DurationUnary | DurationParen | DurationCall;
export type DurationOp = '+' | '-' | '*' | '/' | '%' | '^';

export interface DurationBinary extends Node {
  readonly kind: 'duration-binary';
  readonly op: DurationOp;
  readonly lhs: DurationExpr;
  readonly rhs: DurationExpr;
}

export interface DurationUnary extends Node {
  readonly kind: 'duration-unary';
  readonly op: '+' | '-';
  readonly expr: DurationExpr;
}

export interface DurationParen extends Node {
  readonly kind: 'duration-paren';
  readonly expr: DurationExpr;
}

export interface DurationCall extends Node {
  readonly kind: 'duration-call';
  /** `step` and `range` take no argument, the others two. */
  readonly name: 'step' | 'range' | 'min_of' | 'max_of';
  readonly args: readonly DurationExpr[];
}

/**
 * How deep a tree may be. Every recursive pass pays a few stack frames a level, and an isolate's stack is about 1 MB, which is full at
 * about 1,000 levels of the costliest kind, aggregations. What people write by hand stays below 100.
 */
export const EXPRESSION_DEPTH_MAX = 500;

/**
 * How deep it may be along the left operands of operators, where `a + b + c` is a level an operator: dashboards make such chains, of hundreds
 * of `or`. They cost less: workerd takes more than twice as many.
 */
export const OPERATOR_CHAIN_MAX = 1_000;

/** What an expression evaluates to. */
export function typeOf<D>(expr: Expr<D>): ValueType {
  let inner = expr;
  while (inner.kind === 'paren' || inner.kind === 'unary') inner = inner.expr;
  switch (inner.kind) {
    case 'number':
      return 'scalar';
    case 'string':
      return 'string';
    case 'vector':
    case 'aggregate':
      return 'vector';
    case 'matrix':
    case 'subquery':
      return 'matrix';
    case 'binary':
      return inner.type;
    case 'call':
      return functionSignature(inner.name).returnType;
  }
}

/** The expressions directly below, in the order of the text. A matrix selector's vector selector is one of them. */
export function childrenOf<D>(expr: Expr<D>): readonly Expr<D>[] {
  switch (expr.kind) {
    case 'number':
    case 'string':
    case 'vector':
      return [];
    case 'matrix':
      return [expr.selector];
    case 'aggregate':
      return expr.param === undefined ? [expr.expr] : [expr.param, expr.expr];
    case 'binary':
      return [expr.lhs, expr.rhs];
    case 'call':
      return expr.args;
    case 'subquery':
    case 'unary':
    case 'paren':
      return [expr.expr];
  }
}

/** The expression without the parentheses around it. */
export function unwrapParens<D>(expr: Expr<D>): Expr<D> {
  let inner = expr;
  while (inner.kind === 'paren') inner = inner.expr;
  return inner;
}
