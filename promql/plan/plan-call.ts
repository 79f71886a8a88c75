import { assert, must } from '../../storage/runtime/assert.ts';
import { VarveError } from '../../storage/runtime/errors.ts';
import { FUNCTIONS } from '../functions/function-table.ts';
import type { Call, Position, ResolvedExpr } from '../parser/ast.ts';
import { unwrapParens } from '../parser/ast.ts';
import { absentLabels } from './absent-labels.ts';
import type { Planner } from './build-plan.ts';
import { infoReference } from './info-reference.ts';
import type { PlanNode, SortOrder } from './plan-node.ts';
import { queryContextSeconds } from './query-context.ts';
import { checkRangeModifier } from './range-modifiers.ts';
import type { StepGrid } from './step-grid.ts';

/** The node of a function call. Functions that need more than one series, or none, have nodes of their own. */
export function planCall(planner: Planner, call: Call<number>, grid: StepGrid): PlanNode {
  const { name, position } = call;
  const args = call.args.map((arg) => unwrapParens(arg));
  const base = { grid, position };
  const planArg = (index: number): PlanNode => planner.plan(must(args[index], `${name} without argument ${index + 1}`), grid);
  const lookbackMs = planner.settings.lookbackMs;
  switch (name) {
    case 'absent':
      return { kind: 'absent', ...base, input: planArg(0), labels: absentLabels(args[0]!) };
    case 'absent_over_time': {
      const range = rangeArgument(args[0]);
      checkRangeModifier(range, name, grid);
      return { kind: 'absent-over-time', ...base, source: planner.windowSource(range, grid), rangeMs: range.rangeMs, labels: absentLabels(range) };
    }
    case 'start':
    case 'end':
    case 'range':
    case 'step':
      return { kind: 'constant', ...base, value: queryContextSeconds(name, planner.settings) };
    case 'pi':
      return { kind: 'constant', ...base, value: Math.PI };
    case 'min_of':
    case 'max_of':
      return { kind: 'scalars', ...base, op: name, lhs: planArg(0), rhs: planArg(1) };
    case 'time':
      return { kind: 'time', ...base };
    case 'scalar':
      return { kind: 'scalar-of-vector', ...base, input: planArg(0) };
    case 'vector':
      return { kind: 'vector-of-scalar', ...base, input: planArg(0) };
    case 'timestamp':
    case 'start_timestamp':
      return planSampleTime(planner, call, args[0]!, grid);
    case 'sort':
    case 'sort_desc':
    case 'sort_by_label':
    case 'sort_by_label_desc':
      return { kind: 'sort', ...base, input: planArg(0), order: sortOrder(name, args) };
    case 'label_replace':
      return {
        kind: 'label-replace', ...base, input: planArg(0),
        target: text(args[1]), replacement: text(args[2]), source: text(args[3]), pattern: text(args[4]),
      };
    case 'label_join':
      return { kind: 'label-join', ...base, input: planArg(0), target: text(args[1]), separator: text(args[2]), sources: args.slice(3).map(text) };
    case 'histogram_quantile':
      return { kind: 'histogram-quantile', ...base, quantile: planArg(0), quantilePosition: args[0]!.position, input: planArg(1), inputPosition: args[1]!.position };
    case 'histogram_quantiles':
      return {
        kind: 'histogram-quantiles', ...base, input: planArg(0), inputPosition: args[0]!.position, label: text(args[1]),
        quantiles: args.slice(2).map((_, index) => planArg(index + 2)),
      };
    case 'histogram_fraction':
      return { kind: 'histogram-fraction', ...base, lower: planArg(0), upper: planArg(1), input: planArg(2), inputPosition: args[2]!.position };
    case 'info': {
      const selector = args[1];
      assert(selector === undefined || selector.kind === 'vector', 'info without a selector');
      return { kind: 'info', ...base, input: planArg(0), matchers: selector?.matchers, reference: infoReference(planner, args[0]!, grid), lookbackMs };
    }
    default:
      return planTableCall(planner, call, args, grid);
  }
}

/** Functions that the table implements: over windows, or sample by sample. */
function planTableCall(planner: Planner, call: Call<number>, args: readonly ResolvedExpr[], grid: StepGrid): PlanNode {
  const { name, position } = call;
  const implementation = must(FUNCTIONS[name], `no implementation of ${name}`);
  if (implementation.kind === 'window') {
    const rangeIndex = args.findIndex((arg) => arg.kind === 'matrix' || arg.kind === 'subquery');
    const range = rangeArgument(args[rangeIndex]);
    checkRangeModifier(range, name, grid);
    return {
      kind: 'window-call', grid, position, name,
      source: planner.windowSource(range, grid, name),
      rangeMs: range.rangeMs,
      lookbackMs: planner.settings.lookbackMs,
      args: args.filter((_, index) => index !== rangeIndex).map((arg) => planner.plan(arg, grid)),
      argPosition: annotatedPosition(args[0]!),
      keepsName: implementation.keepsName,
    };
  }
  if (args.length === 0) return { kind: 'date-of-time', grid, position, name };
  const [input, ...scalars] = args.map((arg) => planner.plan(arg, grid));
  return { kind: 'elementwise', grid, position, name, input: input!, args: scalars };
}

/**
 * What annotations about a function's argument point at. Prometheus puts a selector without a place into the place of a subquery: the query's
 * beginning.
 */
function annotatedPosition(arg: ResolvedExpr): Position {
  return arg.kind === 'subquery' ? { start: 0, end: 0 } : arg.position;
}

/** Of a plain selector the samples' own times; of anything else the time of evaluation, since samples are made there and then. */
function planSampleTime(planner: Planner, call: Call<number>, arg: ResolvedExpr, grid: StepGrid): PlanNode {
  const { position } = call;
  if (arg.kind === 'vector') {
    const of = call.name === 'timestamp' ? 'timestamp' : 'start-timestamp';
    return { kind: 'sample-time', grid, position, source: planner.selector(arg, grid), lookbackMs: planner.settings.lookbackMs, of };
  }
  return { kind: 'elementwise', grid, position, name: call.name, input: planner.plan(arg, grid), args: [] };
}

function rangeArgument(arg: ResolvedExpr | undefined): Extract<ResolvedExpr, { kind: 'matrix' | 'subquery' }> {
  if (arg === undefined || (arg.kind !== 'matrix' && arg.kind !== 'subquery')) throw new VarveError('bad-data', 'expected a range vector');
  return arg;
}

function text(arg: ResolvedExpr | undefined): string {
  assert(arg !== undefined && arg.kind === 'string', 'expected a string literal');
  return arg.value;
}

function sortOrder(name: 'sort' | 'sort_desc' | 'sort_by_label' | 'sort_by_label_desc', args: readonly ResolvedExpr[]): SortOrder {
  const descending = name.endsWith('_desc');
  if (name === 'sort' || name === 'sort_desc') return { by: 'value', descending };
  return { by: 'labels', descending, names: args.slice(1).map(text) };
}
