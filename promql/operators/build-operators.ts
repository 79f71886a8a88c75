import { unreachable } from '../../storage/runtime/assert.ts';
import type { PlanNode, WindowSource } from '../plan/plan-node.ts';
import { AbsentOperator, AbsentOverTimeOperator } from './absent.ts';
import { AggregateOperator } from './aggregate.ts';
import { ConstantOperator } from './constant.ts';
import { CountValuesOperator } from './count-values.ts';
import { DateOfTimeOperator } from './date-of-time.ts';
import { ElementwiseOperator } from './elementwise.ts';
import type { ExecutionContext } from './execution-context.ts';
import { HistogramFractionOperator, HistogramQuantileOperator, HistogramQuantilesOperator } from './histogram-quantile.ts';
import { InfoOperator } from './info.ts';
import { InstantSelectOperator, SampleTimeOperator } from './instant-select.ts';
import { LabelJoinOperator, LabelReplaceOperator } from './label-functions.ts';
import { MergeSeries } from './merge-series.ts';
import { MeasuredOperator } from './measured.ts';
import { NegateOperator } from './negate.ts';
import { OnNewStack } from './on-new-stack.ts';
import type { Operator } from './operator.ts';
import { RankAggregateOperator } from './rank-aggregate.ts';
import { RepeatOperator } from './repeat.ts';
import { ScalarsOperator } from './scalars.ts';
import { ScalarOfVectorOperator, VectorOfScalarOperator } from './scalar-conversions.ts';
import { SetVectorsOperator } from './set-vectors.ts';
import { SortOperator } from './sort.ts';
import { VectorWithScalarOperator } from './vector-with-scalar.ts';
import { VectorsOperator } from './vectors.ts';
import { WindowCallOperator } from './window-call.ts';
import { WindowSamples } from './window-samples.ts';

/** Every so many levels below each other, operators begin on a new call stack. */
const LEVELS_PER_STACK = 64;

/** The operator of a plan node and all below it, each measured if the context has a stopwatch. `level` is how many are above it. */
export function buildOperator(node: PlanNode, context: ExecutionContext, level = 0): Operator {
  const created = createOperator(node, context, level);
  const operator = (level + 1) % LEVELS_PER_STACK === 0 ? new OnNewStack(created) : created;
  return context.stopwatch === undefined ? operator : new MeasuredOperator(operator, context.stopwatch);
}

function createOperator(node: PlanNode, context: ExecutionContext, level: number): Operator {
  const build = (input: PlanNode): Operator => buildOperator(input, context, level + 1);
  /** Where a name may go at once, series may come out alike. */
  const renaming = (operator: Operator): Operator => (context.features.delayedNameRemoval ? operator : new MergeSeries(operator, context.budget));
  switch (node.kind) {
    case 'absent':
      return new AbsentOperator(node, build(node.input), context);
    case 'absent-over-time':
      return new AbsentOverTimeOperator(node, windowSamples(node.source, context, level + 1));
    case 'aggregate':
      return new AggregateOperator(node, build(node.input), node.param && build(node.param), context);
    case 'constant':
    case 'time':
      return new ConstantOperator(node);
    case 'count-values':
      return new CountValuesOperator(node, build(node.input), context);
    case 'date-of-time':
      return new DateOfTimeOperator(node);
    case 'elementwise':
      return renaming(new ElementwiseOperator(node, build(node.input), node.args.map(build), context));
    case 'histogram-fraction':
      return renaming(new HistogramFractionOperator(node, build(node.lower), build(node.upper), build(node.input), context));
    case 'histogram-quantile':
      return renaming(new HistogramQuantileOperator(node, build(node.quantile), build(node.input), context));
    case 'histogram-quantiles': {
      const operator = new HistogramQuantilesOperator(node, build(node.input), node.quantiles.map(build), context);
      // Of one step only what is left at the end must not be alike.
      return node.grid.count > 1 ? new MergeSeries(operator, context.budget) : renaming(operator);
    }
    case 'info':
      return new InfoOperator(node, build(node.input), context);
    case 'instant-select':
      return new InstantSelectOperator(node, context);
    case 'label-join':
      return new MergeSeries(new LabelJoinOperator(node, build(node.input), context), context.budget);
    case 'label-replace':
      return new MergeSeries(new LabelReplaceOperator(node, build(node.input), context), context.budget);
    case 'negate':
      return renaming(new NegateOperator(node, build(node.input), context));
    case 'rank-aggregate':
      return new RankAggregateOperator(node, build(node.input), build(node.param), context);
    case 'repeat':
      return new RepeatOperator(node, build(node.input), context);
    case 'sample-time':
      return renaming(new SampleTimeOperator(node, context));
    case 'scalar-of-vector':
      return new ScalarOfVectorOperator(node, build(node.input));
    case 'scalars':
      return new ScalarsOperator(node, build(node.lhs), build(node.rhs), context);
    case 'set-vectors':
      return new SetVectorsOperator(node, build(node.lhs), build(node.rhs), context);
    case 'sort':
      return new SortOperator(node, build(node.input), context);
    case 'vector-of-scalar':
      return new VectorOfScalarOperator(node, build(node.input));
    case 'vector-with-scalar':
      return renaming(new VectorWithScalarOperator(node, build(node.vector), build(node.scalar), context));
    case 'vectors':
      return new VectorsOperator(node, build(node.lhs), build(node.rhs), context);
    case 'window-call':
      return renaming(new WindowCallOperator(node, windowSamples(node.source, context, level + 1), node.args.map(build), context));
    default:
      return unreachable(node);
  }
}

/** The series of a range vector, and the operators below it. `level` is how many are above. */
export function windowSamples(source: WindowSource, context: ExecutionContext, level = 0): WindowSamples {
  const input = source.kind === 'subquery' ? buildOperator(source.input, context, level) : undefined;
  return new WindowSamples(source, input, context);
}
