import type { Matcher } from '../../storage/model/matcher.ts';
import type { AggregateOp, ArithmeticOp, BinaryOp, ComparisonOp, FunctionName, Position, RangeEdges, SetOp, TrimOp, VectorMatching } from '../parser/ast.ts';
import type { WindowHint } from '../series-source.ts';
import type { ReferenceTimes, StepGrid } from './step-grid.ts';

/**
 * What the engine carries out: the query with every time resolved. Each node gives its series over `grid`; parts of a tree may have
 * grids of their own (subqueries, step-invariant parts). Scalars are one series without labels that is present at every step.
 */
export type PlanNode =
  | Absent
  | AbsentOverTime
  | Aggregate
  | ArithmeticScalars
  | BinaryVectors
  | Constant
  | CountValues
  | DateOfTime
  | Elementwise
  | HistogramFraction
  | HistogramQuantile
  | HistogramQuantiles
  | Info
  | InstantSelect
  | LabelJoin
  | LabelReplace
  | Negate
  | RankAggregate
  | Repeat
  | SampleTime
  | ScalarOfVector
  | SetVectors
  | Sort
  | Time
  | VectorOfScalar
  | VectorWithScalar
  | WindowCall;

interface Node {
  readonly grid: StepGrid;
  /** Of the expression in the query's text, for annotations. */
  readonly position: Position;
}

/** Index into `Plan.fetches`. */
export type FetchIndex = number;

/** One read from the source; several selectors may share it. */
export interface Fetch {
  readonly matchers: readonly Matcher[];
  readonly startMs: number;
  readonly endMs: number;
  /** How many operators read it; each series is kept until all have had it. */
  readonly consumerCount: number;
  /** What each of them makes of it; `undefined` when one needs the samples themselves. */
  readonly windows?: readonly WindowHint[] | undefined;
}

/** A query ready to run. */
export interface Plan {
  readonly root: PlanNode;
  readonly fetches: readonly Fetch[];
}

/** A range vector ready to be read. */
export interface RangePlan {
  readonly source: WindowSource;
  readonly rangeMs: number;
  readonly lookbackMs: number;
  readonly position: Position;
  readonly fetches: readonly Fetch[];
}

/** The same number at every step. */
export interface Constant extends Node {
  readonly kind: 'constant';
  readonly value: number;
}

/** `time()`: the step itself in seconds. */
export interface Time extends Node {
  readonly kind: 'time';
}

/** A step-invariant part: its input has one step, whose values stand at every step. */
export interface Repeat extends Node {
  readonly kind: 'repeat';
  readonly input: PlanNode;
}

export interface SelectorSource {
  readonly fetch: FetchIndex;
  readonly matchers: readonly Matcher[];
  readonly reference: ReferenceTimes;
  readonly edges: RangeEdges | undefined;
  /** Where it is set, only count and sum of histograms are asked for, and what the samples from this time on tell of resets. */
  readonly statisticsFromMs: number | undefined;
}

/** The newest sample in the look-back window of each step. */
export interface InstantSelect extends Node {
  readonly kind: 'instant-select';
  readonly source: SelectorSource;
  readonly lookbackMs: number;
}

/** `timestamp` or `start_timestamp` of a selector: times of the samples that it selects, in seconds. */
export interface SampleTime extends Node {
  readonly kind: 'sample-time';
  readonly source: SelectorSource;
  readonly lookbackMs: number;
  readonly of: 'timestamp' | 'start-timestamp';
}

/** Where the samples of a window come from: storage, or the steps of a subquery. */
export type WindowSource =
  | (SelectorSource & { readonly kind: 'range-select' })
  | { readonly kind: 'subquery'; readonly input: PlanNode; readonly reference: ReferenceTimes; readonly edges: undefined };

/** A function over range vectors: rate, sum_over_time, … */
export interface WindowCall extends Node {
  readonly kind: 'window-call';
  readonly name: FunctionName;
  readonly source: WindowSource;
  readonly rangeMs: number;
  readonly lookbackMs: number;
  /** The scalar arguments in their order, the range vector left out. */
  readonly args: readonly PlanNode[];
  /** Position of the first argument, where annotations point. */
  readonly argPosition: Position;
  /** Whether the metric name stays (first_over_time, last_over_time). */
  readonly keepsName: boolean;
}

/** `absent_over_time`: 1 where no series has a sample in the window. */
export interface AbsentOverTime extends Node {
  readonly kind: 'absent-over-time';
  readonly source: WindowSource;
  readonly rangeMs: number;
  readonly labels: readonly string[];
}

/** A function that maps each sample on its own: abs, round, histogram_count, hour, … */
export interface Elementwise extends Node {
  readonly kind: 'elementwise';
  readonly name: FunctionName;
  readonly input: PlanNode;
  readonly args: readonly PlanNode[];
}

/** `hour()` and the like without an argument: of the step. */
export interface DateOfTime extends Node {
  readonly kind: 'date-of-time';
  readonly name: FunctionName;
}

export interface Absent extends Node {
  readonly kind: 'absent';
  readonly input: PlanNode;
  readonly labels: readonly string[];
}

export interface ScalarOfVector extends Node {
  readonly kind: 'scalar-of-vector';
  readonly input: PlanNode;
}

export interface VectorOfScalar extends Node {
  readonly kind: 'vector-of-scalar';
  readonly input: PlanNode;
}

export interface Negate extends Node {
  readonly kind: 'negate';
  readonly input: PlanNode;
}

export type SortOrder =
  | { readonly by: 'value'; readonly descending: boolean }
  | { readonly by: 'labels'; readonly descending: boolean; readonly names: readonly string[] };

export interface Sort extends Node {
  readonly kind: 'sort';
  readonly input: PlanNode;
  readonly order: SortOrder;
}

export interface LabelReplace extends Node {
  readonly kind: 'label-replace';
  readonly input: PlanNode;
  readonly target: string;
  readonly replacement: string;
  readonly source: string;
  readonly pattern: string;
}

export interface LabelJoin extends Node {
  readonly kind: 'label-join';
  readonly input: PlanNode;
  readonly target: string;
  readonly separator: string;
  readonly sources: readonly string[];
}

export interface HistogramQuantile extends Node {
  readonly kind: 'histogram-quantile';
  readonly quantile: PlanNode;
  readonly quantilePosition: Position;
  readonly input: PlanNode;
  /** Where annotations about the histograms point. */
  readonly inputPosition: Position;
}

export interface HistogramQuantiles extends Node {
  readonly kind: 'histogram-quantiles';
  readonly input: PlanNode;
  readonly inputPosition: Position;
  readonly label: string;
  readonly quantiles: readonly PlanNode[];
}

export interface HistogramFraction extends Node {
  readonly kind: 'histogram-fraction';
  readonly lower: PlanNode;
  readonly upper: PlanNode;
  readonly input: PlanNode;
  readonly inputPosition: Position;
}

/** `info`: joins the labels of info series. Which series to read depends on the input, so it selects while it runs. */
export interface Info extends Node {
  readonly kind: 'info';
  readonly input: PlanNode;
  /** The matchers of the second argument; `undefined` without one. */
  readonly matchers: readonly Matcher[] | undefined;
  readonly reference: ReferenceTimes;
  readonly lookbackMs: number;
}

export interface Grouping {
  readonly labels: readonly string[];
  readonly without: boolean;
}

/** sum, avg, … : each group becomes one series. */
export interface Aggregate extends Node {
  readonly kind: 'aggregate';
  readonly op: Exclude<AggregateOp, RankOp | 'count_values'>;
  readonly input: PlanNode;
  /** Of the argument behind its sign, within any parentheses: where annotations point. */
  readonly inputPosition: Position;
  /** The quantile; `undefined` for the others. */
  readonly param: PlanNode | undefined;
  /** Where annotations about the quantile point. */
  readonly paramPosition: Position;
  readonly grouping: Grouping;
}

export type RankOp = 'topk' | 'bottomk' | 'limitk' | 'limit_ratio';

/** topk, bottomk, limitk, limit_ratio: some of the series of each group. */
export interface RankAggregate extends Node {
  readonly kind: 'rank-aggregate';
  readonly op: RankOp;
  readonly input: PlanNode;
  readonly param: PlanNode;
  readonly paramPosition: Position;
  readonly grouping: Grouping;
}

export interface CountValues extends Node {
  readonly kind: 'count-values';
  readonly input: PlanNode;
  readonly label: string;
  readonly grouping: Grouping;
}

export type ElementOp = ArithmeticOp | ComparisonOp | TrimOp;

export interface ArithmeticScalars extends Node {
  readonly kind: 'scalars';
  readonly op: BinaryOp | 'min_of' | 'max_of';
  readonly lhs: PlanNode;
  readonly rhs: PlanNode;
}

export interface VectorWithScalar extends Node {
  readonly kind: 'vector-with-scalar';
  readonly op: ElementOp;
  readonly vector: PlanNode;
  readonly scalar: PlanNode;
  readonly scalarIsLeft: boolean;
  readonly returnBool: boolean;
}

export interface BinaryVectors extends Node {
  readonly kind: 'vectors';
  readonly op: ElementOp;
  readonly lhs: PlanNode;
  readonly rhs: PlanNode;
  readonly matching: VectorMatching;
  readonly returnBool: boolean;
}

export interface SetVectors extends Node {
  readonly kind: 'set-vectors';
  readonly op: SetOp;
  readonly lhs: PlanNode;
  readonly rhs: PlanNode;
  readonly matching: VectorMatching;
}
