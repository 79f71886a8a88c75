import { must, unreachable } from '../../storage/runtime/assert.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import type { Budget } from '../budget.ts';
import { SUMMARY_FUNCTIONS } from '../functions/over-summaries.ts';
import type { Aggregate, AtModifier, Binary, FunctionName, MatrixSelector, ResolvedExpr, Subquery, VectorSelector } from '../parser/ast.ts';
import { typeOf, unwrapParens } from '../parser/ast.ts';
import { planCall } from './plan-call.ts';
import { FetchRegistry } from './fetch-registry.ts';
import { foldConstant } from './fold-constants.ts';
import type { ElementOp, Grouping, Plan, PlanNode, RangePlan, RankOp, SelectorSource, WindowSource } from './plan-node.ts';
import { reachOfEdges } from './range-modifiers.ts';
import { instantGrid, isInRange, lastReferenceMs, referenceTimes, subqueryGrid } from './step-grid.ts';
import type { ReferenceTimes, StepGrid } from './step-grid.ts';
import { StepInvariance } from './step-invariance.ts';
import { statisticsSelectors } from './statistics-selectors.ts';

/** What planning needs besides the expression. */
export interface PlanSettings {
  /** The whole query's steps. */
  readonly grid: StepGrid;
  /** What `@ end()`, `end()` and `range()` mean: the query's own end, which need not be a step. */
  readonly endMs: number;
  /** What `step()` means: 0 in an instant query. */
  readonly stepMs: number;
  readonly lookbackMs: number;
  readonly defaultSubqueryStepMs: number;
  readonly budget: Budget;
}

/** The plan of a checked expression whose durations are resolved. */
export function buildPlan(expr: ResolvedExpr, settings: PlanSettings): Plan {
  const planner = new Planner(settings, statisticsSelectors(expr));
  const root = planner.plan(expr, settings.grid);
  return { root, fetches: planner.fetches.all() };
}

/** The plan of a range vector as the whole of an instant query: its samples are the answer. */
export function buildRangePlan(expr: MatrixSelector<number> | Subquery<number>, settings: PlanSettings): RangePlan {
  const planner = new Planner(settings, new Set());
  const source = planner.windowSource(expr, settings.grid);
  return { source, rangeMs: expr.rangeMs, lookbackMs: settings.lookbackMs, position: expr.position, fetches: planner.fetches.all() };
}

/** Turns expressions into plan nodes. One for each query. */
export class Planner {
  readonly settings: PlanSettings;
  readonly fetches = new FetchRegistry();
  readonly #invariance = new StepInvariance();
  readonly #statisticsSelectors: ReadonlySet<VectorSelector<number>>;

  constructor(settings: PlanSettings, statisticsSelectors: ReadonlySet<VectorSelector<number>>) {
    this.settings = settings;
    this.#statisticsSelectors = statisticsSelectors;
  }

  /** The node that gives `expr` at every step of `grid`. What does not depend on the step is evaluated at one step only. */
  plan(expr: ResolvedExpr, grid: StepGrid): PlanNode {
    const inner = unwrapParens(expr);
    if (this.#needsOneStep(inner, grid)) {
      const input = this.#planNode(inner, instantGrid(grid.startMs));
      if (grid.count === 1) return input;
      if (input.kind === 'constant') return { ...input, grid };
      return { kind: 'repeat', grid, position: inner.position, input };
    }
    return this.#planNode(inner, grid);
  }

  #needsOneStep(expr: ResolvedExpr, grid: StepGrid): boolean {
    return isInRange(grid) && expr.kind !== 'number' && this.#invariance.holds(expr);
  }

  #planNode(expr: ResolvedExpr, grid: StepGrid): PlanNode {
    switch (expr.kind) {
      case 'number':
        return { kind: 'constant', grid, position: expr.position, value: expr.value };
      case 'vector':
        return { kind: 'instant-select', grid, position: expr.position, source: this.selector(expr, grid), lookbackMs: this.settings.lookbackMs };
      case 'paren':
        return this.plan(expr.expr, grid);
      case 'unary':
        return this.#planUnary(expr, grid);
      case 'binary':
        return this.#planChain(expr, grid);
      case 'aggregate':
        return this.#planAggregate(expr, grid);
      case 'call':
        return foldConstant(planCall(this, expr, grid));
      case 'string':
      case 'matrix':
      case 'subquery':
        throw new VarveError('bad-data', `unexpected ${expr.kind} expression`);
      default:
        return unreachable(expr);
    }
  }

  /** The read of an instant selector: the look-back behind each step, for smoothed ones also the look-ahead. */
  selector(expr: VectorSelector<number>, grid: StepGrid): SelectorSource {
    const reference = this.reference(grid, expr.offsetMs, expr.at);
    const { lookbackMs } = this.settings;
    const { afterMs } = reachOfEdges(expr.edges, lookbackMs);
    const fromMs = reference.firstMs - lookbackMs + 1;
    const fetch = this.fetches.add(expr.matchers, fromMs, lastReferenceMs(reference) + afterMs);
    return { fetch, matchers: expr.matchers, reference, edges: expr.edges, statisticsFromMs: this.#statisticsFrom(expr, fromMs) };
  }

  /** Where a range vector's samples come from. `name` is the function that goes over it, `undefined` where the samples are the answer. */
  windowSource(expr: MatrixSelector<number> | Subquery<number>, grid: StepGrid, name?: FunctionName): WindowSource {
    if (expr.kind === 'subquery') {
      const reference = this.reference(grid, expr.offsetMs, expr.at);
      // A step of less than a millisecond is none, as in Prometheus.
      const stepMs = expr.stepMs || this.settings.defaultSubqueryStepMs;
      const innerGrid = subqueryGrid(reference, expr.rangeMs, stepMs, this.settings.budget);
      return { kind: 'subquery', input: this.plan(expr.expr, innerGrid), reference, edges: undefined };
    }
    const { selector } = expr;
    const reference = this.reference(grid, selector.offsetMs, selector.at);
    const { beforeMs, afterMs } = reachOfEdges(selector.edges, this.settings.lookbackMs);
    const ofSummaries = name === undefined || selector.edges !== undefined ? undefined : SUMMARY_FUNCTIONS[name];
    const window = ofSummaries && { rangeMs: expr.rangeMs, ...reference, parts: ofSummaries.parts, isExact: ofSummaries.isExact };
    const fromMs = reference.firstMs - expr.rangeMs - beforeMs + 1;
    const fetch = this.fetches.add(selector.matchers, fromMs, lastReferenceMs(reference) + afterMs, window);
    return { kind: 'range-select', fetch, matchers: selector.matchers, reference, edges: selector.edges, statisticsFromMs: this.#statisticsFrom(selector, fromMs) };
  }

  /** A read may be shared with selectors that begin earlier: of resets, Prometheus knows what the selector's own samples tell. */
  #statisticsFrom(selector: VectorSelector<number>, fromMs: number): number | undefined {
    return this.#statisticsSelectors.has(selector) ? fromMs : undefined;
  }

  reference(grid: StepGrid, offsetMs: number, at: AtModifier | undefined): ReferenceTimes {
    const { settings } = this;
    const atMs = at === 'start' ? settings.grid.startMs : at === 'end' ? settings.endMs : at;
    return referenceTimes(grid, offsetMs, atMs);
  }

  #planUnary(expr: Extract<ResolvedExpr, { kind: 'unary' }>, grid: StepGrid): PlanNode {
    const input = this.plan(expr.expr, grid);
    if (expr.op === '+') return input;
    if (input.kind === 'constant') return { ...input, position: expr.position, value: -input.value };
    return { kind: 'negate', grid, position: expr.position, input };
  }

  /** Operators in a row, each the left operand of the next: from the first to the last, however many there are. */
  #planChain(last: Binary<number>, grid: StepGrid): PlanNode {
    const chain = [last];
    let { lhs: first } = last;
    for (; first.kind === 'binary' && !this.#needsOneStep(first, grid); first = first.lhs) chain.push(first);
    let planned = this.plan(first, grid);
    for (const expr of chain.reverse()) planned = foldConstant(this.#planBinary(expr, planned, this.plan(expr.rhs, grid), grid));
    return planned;
  }

  #planBinary(expr: Binary<number>, lhs: PlanNode, rhs: PlanNode, grid: StepGrid): PlanNode {
    const { op, position } = expr;
    const leftIsScalar = typeOf(expr.lhs) === 'scalar';
    const rightIsScalar = typeOf(expr.rhs) === 'scalar';
    if (leftIsScalar && rightIsScalar) return { kind: 'scalars', grid, position, op, lhs, rhs };
    if (op === 'and' || op === 'or' || op === 'unless') {
      return { kind: 'set-vectors', grid, position, op, lhs, rhs, matching: must(expr.matching, 'set operator without matching') };
    }
    const elementOp: ElementOp = op;
    if (leftIsScalar || rightIsScalar) {
      const [vector, scalar] = leftIsScalar ? [rhs, lhs] : [lhs, rhs];
      return { kind: 'vector-with-scalar', grid, position, op: elementOp, vector, scalar, scalarIsLeft: leftIsScalar, returnBool: expr.returnBool };
    }
    const matching = must(expr.matching, 'vector operator without matching');
    return { kind: 'vectors', grid, position, op: elementOp, lhs, rhs, matching, returnBool: expr.returnBool };
  }

  #planAggregate(expr: Aggregate<number>, grid: StepGrid): PlanNode {
    const { op, position } = expr;
    const input = this.plan(expr.expr, grid);
    const grouping: Grouping = { labels: expr.grouping, without: expr.without };
    if (op === 'count_values') {
      const param = unwrapParens(must(expr.param, 'count_values without label'));
      const label = param.kind === 'string' ? param.value : '';
      return { kind: 'count-values', grid, position, input, label, grouping };
    }
    const param = expr.param === undefined ? undefined : this.plan(expr.param, grid);
    const paramPosition = unwrapParens(expr.param ?? expr).position;
    if (isRankOp(op)) return { kind: 'rank-aggregate', grid, position, op, input, param: must(param, `${op} without parameter`), paramPosition, grouping };
    return { kind: 'aggregate', grid, position, op, input, inputPosition: unwrapParens(expr.expr).position, param, paramPosition, grouping };
  }
}

function isRankOp(op: Aggregate['op']): op is RankOp {
  return op === 'topk' || op === 'bottomk' || op === 'limitk' || op === 'limit_ratio';
}
