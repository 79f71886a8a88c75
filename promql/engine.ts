import { must } from '../storage/runtime/assert.ts';
import { badData } from '../storage/runtime/errors.ts';
import { MINUTE_MS } from '../storage/runtime/units.ts';
import { Annotations } from './annotations.ts';
import { Budget, DEFAULT_QUERY_LIMITS } from './budget.ts';
import type { QueryLimits } from './budget.ts';
import { analyzedText, planText } from './explain.ts';
import type { ExplainMode, RootLines } from './explain.ts';
import { buildOperator, windowSamples } from './operators/build-operators.ts';
import type { EngineFeatures, ExecutionContext } from './operators/execution-context.ts';
import { FetchedSeries } from './operators/fetched-series.ts';
import type { Stopwatch } from './operators/measured.ts';
import type { Operator } from './operators/operator.ts';
import { describeValueType, parseExpr, resolveDurations, typeOf, unwrapParens } from './parser/index.ts';
import type { Expr, ResolvedExpr } from './parser/index.ts';
import { buildPlan, buildRangePlan } from './plan/build-plan.ts';
import type { PlanSettings } from './plan/build-plan.ts';
import type { Fetch } from './plan/plan-node.ts';
import { instantGrid, rangeGrid } from './plan/step-grid.ts';
import type { StepGrid } from './plan/step-grid.ts';
import type { QueryResult, QueryValue } from './query-result.ts';
import { rangeVectorResult } from './range-vector-result.ts';
import { matrixResult, scalarResult, vectorResult } from './step-results.ts';
import type { SeriesSource } from './series-source.ts';

export type * from './query-result.ts';
export type { ExplainMode } from './explain.ts';
export type { QueryLimits } from './budget.ts';

/** What an engine is made of. "Now" is the caller's: nothing in it hangs on a clock. */
export interface EngineOptions {
  readonly source: SeriesSource;
  /** Reads a query; for callers who remember trees of queries that come again. Default `parseExpr`. */
  readonly parse?: (query: string) => Expr;
  /** Bounds of every query; those left out have the defaults of `DEFAULT_QUERY_LIMITS`. */
  readonly limits?: Partial<QueryLimits>;
  /**
   * Lets the event loop go round once. A query calls it after every few milliseconds of work, so that it keeps nobody waiting and hears of
   * its signal. Default: it never does.
   */
  readonly yieldToOthers?: () => Promise<void>;
  /** Measures queries that are to be analyzed. Needed for these only. */
  readonly clock?: Stopwatch;
  /** How far back an instant selector looks for a sample. Default 5 minutes. */
  readonly lookbackMs?: number;
  /** The step of a subquery that names none. Default 1 minute. */
  readonly defaultSubqueryStepMs?: number;
  /** Keep metric names until the end, so that label_replace can still read them. Default true. */
  readonly delayedNameRemoval?: boolean;
  /** Let start timestamps of samples count as counter resets in rate, increase, irate and resets. Default true. */
  readonly useStartTimestamps?: boolean;
  /** Tell counters by their `__type__` label instead of their name. For data that has types throughout. Default false. */
  readonly typeAndUnitLabels?: boolean;
}

interface QueryOptions {
  /** Overrides the engine's look-back for this query. */
  readonly lookbackMs?: number | undefined;
  /** Stops the query between two series; its reason becomes the error when it is a VarveError. */
  readonly signal?: AbortSignal | undefined;
  /** Tighter or looser bounds for this query. */
  readonly limits?: Partial<QueryLimits> | undefined;
  /** Also tell the plan. With `plan` nothing is read, and the value is empty. */
  readonly explain?: ExplainMode | undefined;
}

/** Times are whole milliseconds. */
export interface InstantQueryOptions extends QueryOptions {
  readonly timeMs: number;
}

/** Steps at start, start + step, … up to and including end, in whole milliseconds. `stepMs` is above 0; an end before the start is no step. */
export interface RangeQueryOptions extends QueryOptions {
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
}

const DEFAULT_LOOKBACK_MS = 300_000;
const DEFAULT_SUBQUERY_STEP_MS = MINUTE_MS;

/** A query about to run: its expression, its steps, and what its operators share. */
interface Run {
  readonly expr: ResolvedExpr;
  readonly settings: PlanSettings;
  readonly budget: Budget;
  readonly annotations: Annotations;
  readonly explain: ExplainMode | undefined;
}

/** A query whose operators are made: what there is to tell of them, and how to run them. */
interface Evaluation {
  readonly root: Operator | RootLines;
  readonly evaluate: () => Promise<QueryValue>;
}

/**
 * Evaluates PromQL over a source. Holds no state between queries, so any number may run side by side.
 *
 * Errors: `ParseError` (bad-data) for a query that is not PromQL; `VarveError` of kind execution, limit, timeout, canceled, or what the
 * source throws, for one that cannot be answered. There are no partial results.
 */
export class Engine {
  readonly #options: EngineOptions;
  readonly #features: EngineFeatures;
  readonly #parse: (query: string) => Expr;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#parse = options.parse ?? parseExpr;
    this.#features = {
      delayedNameRemoval: options.delayedNameRemoval ?? true,
      useStartTimestamps: options.useStartTimestamps ?? true,
      typeAndUnitLabels: options.typeAndUnitLabels ?? false,
    };
  }

  /** The value of `query` at one time: a scalar, string, vector, or matrix (for a range selector). */
  async instant(query: string, options: InstantQueryOptions): Promise<QueryResult> {
    const { timeMs } = options;
    const run = this.#prepare(this.#parse(query), instantGrid(timeMs), timeMs, 0, options);
    const expr = unwrapParens(run.expr);
    if (expr.kind === 'string') {
      return { ...this.#finish({ kind: 'string', timestampMs: timeMs, value: expr.value }, run, query), explanation: options.explain && 'string' };
    }
    if (expr.kind === 'matrix' || expr.kind === 'subquery') {
      const plan = buildRangePlan(expr, run.settings);
      return this.#execute(query, plan.fetches, run, { kind: 'matrix', series: [] }, (context) => {
        const samples = windowSamples(plan.source, context);
        const root = { text: `samples of ${plan.rangeMs} ms of ${samples.toString()}`, input: samples.input };
        return { root, evaluate: () => rangeVectorResult(plan, samples, context) };
      });
    }
    const isScalar = typeOf(expr) === 'scalar';
    const toResult = isScalar ? scalarResult : vectorResult;
    const plan = buildPlan(run.expr, run.settings);
    const nothing: QueryValue = isScalar ? { kind: 'scalar', timestampMs: timeMs, value: NaN } : { kind: 'vector', timestampMs: timeMs, samples: [] };
    return this.#execute(query, plan.fetches, run, nothing, (context) => {
      const root = buildOperator(plan.root, context);
      return { root, evaluate: () => toResult(root, timeMs, context) };
    });
  }

  /** The values of `query` at every step: always a matrix. A query that is a string or a range vector is an error of kind bad-data. */
  async range(query: string, options: RangeQueryOptions): Promise<QueryResult> {
    const run = this.#prepareRange(query, options);
    const plan = buildPlan(run.expr, run.settings);
    const { grid } = run.settings;
    return this.#execute(query, plan.fetches, run, { kind: 'matrix', series: [] }, (context) => {
      const root = buildOperator(plan.root, context);
      return { root, evaluate: () => matrixResult(root, grid, context) };
    });
  }

  #prepareRange(query: string, options: RangeQueryOptions): Run {
    const { startMs, endMs, stepMs } = options;
    if (!(stepMs > 0)) throw badData('zero or negative query resolution step widths are not accepted. Try a positive integer');
    const expr = this.#parse(query);
    const type = typeOf(expr);
    if (type !== 'scalar' && type !== 'vector') {
      throw badData(`invalid expression type "${describeValueType(type)}" for range query, must be Scalar or instant Vector`);
    }
    return this.#prepare(expr, rangeGrid(startMs, endMs, stepMs), endMs, stepMs, options);
  }

  #prepare(expr: Expr, grid: StepGrid, endMs: number, stepMs: number, options: QueryOptions): Run {
    const budget = new Budget({ ...DEFAULT_QUERY_LIMITS, ...this.#options.limits, ...options.limits }, options.signal, this.#options.yieldToOthers);
    budget.checkSteps(grid.count);
    const settings: PlanSettings = {
      grid, endMs, stepMs, budget,
      lookbackMs: options.lookbackMs ?? this.#options.lookbackMs ?? DEFAULT_LOOKBACK_MS,
      defaultSubqueryStepMs: this.#options.defaultSubqueryStepMs ?? DEFAULT_SUBQUERY_STEP_MS,
    };
    return { expr: resolveDurations(expr, { stepMs, rangeMs: endMs - grid.startMs }), settings, budget, annotations: new Annotations(), explain: options.explain };
  }

  #context(fetches: readonly Fetch[], run: Run): ExecutionContext {
    const { source, clock } = this.#options;
    const stopwatch = run.explain === 'analyze' ? must(clock, 'a query to be analyzed without a clock') : undefined;
    const fetched = fetches.map((fetch) => new FetchedSeries(fetch, source, run.budget, fetches.length, stopwatch));
    return { source, budget: run.budget, annotations: run.annotations, features: this.#features, fetched, stopwatch };
  }

  /** `nothing` is the value of a query that is only to be explained. */
  async #execute(query: string, fetches: readonly Fetch[], run: Run, nothing: QueryValue, build: (context: ExecutionContext) => Evaluation): Promise<QueryResult> {
    const context = this.#context(fetches, run);
    const { root, evaluate } = build(context);
    if (run.explain === 'plan') return { ...this.#finish(nothing, run, query), explanation: planText(root, fetches) };
    run.budget.checkCancelled();
    const startMs = context.stopwatch?.elapsedMs() ?? 0;
    let value: QueryValue;
    try {
      value = await evaluate();
    } finally {
      // Reads that nobody came to the end of: an error ended the query, or an operator needed no more.
      await Promise.all(context.fetched.map((fetched) => fetched.close()));
    }
    const result = this.#finish(value, run, query);
    if (context.stopwatch === undefined) return result;
    const totalMs = context.stopwatch.elapsedMs() - startMs;
    return { ...result, explanation: analyzedText(root, fetches, context.fetched, run.budget, totalMs) };
  }

  #finish(value: QueryValue, run: Run, query: string): QueryResult {
    const { totalQueryableSamples, samplesRead, seriesRead, peakSamples } = run.budget;
    const stats = { totalQueryableSamples, samplesRead, seriesRead, peakSamples };
    return { value, annotations: run.annotations.toResult(query), stats };
  }
}
