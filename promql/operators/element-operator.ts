import { atan2 } from '../../storage/model/go-math/arcs.ts';
import { power } from '../../storage/model/go-math/power.ts';
import { incompatibleTypes } from '../annotations.ts';
import type { Annotation } from '../annotations.ts';
import { compareFloats } from '../functions/binary-floats.ts';
import { binaryOfHistograms } from '../functions/binary-samples.ts';
import type { Sample } from '../functions/binary-samples.ts';
import { isComparison } from '../parser/operators.ts';
import type { ElementOp } from '../plan/plan-node.ts';
import { FLOAT, HISTOGRAM } from './step-series.ts';
import type { StepColumns, StepSeries } from './step-series.ts';

/** How the result of a comparison is made. */
export interface ComparisonResult {
  /** 1 or 0 instead of a filter. */
  readonly returnBool: boolean;
  /** What a filter passes on: usually the left sample; the vector's when a scalar stands on its left. */
  readonly keeps: 'left' | 'right';
}

/**
 * A binary operator between two series, one step at a time. Both must be present at the step. False when there is no such operation on
 * what stands there, which is not the same as a filter that lets nothing pass: the two samples have not met then.
 */
export type ElementOperator = (step: number, lhs: StepSeries, rhs: StepSeries, out: StepColumns) => boolean;

/** The operator of two series. `annotate` is told of samples that nothing can be made of. */
export function elementOperator(op: ElementOp, result: ComparisonResult, annotate: (annotation: Annotation) => void): ElementOperator {
  const ofHistograms = histogramOperator(op, result, annotate);
  const ofFloats = floatOperator(op, result, annotate);
  const isOfFloats = op !== '</' && op !== '>/';
  return (step, lhs, rhs, out) => {
    if (lhs.present[step] !== FLOAT || rhs.present[step] !== FLOAT) return ofHistograms(step, lhs, rhs, out);
    ofFloats(step, lhs.values[step]!, rhs.values[step]!, out);
    return isOfFloats;
  };
}

type FloatElementOperator = (step: number, lhs: number, rhs: number, out: StepColumns) => void;

function floatOperator(op: ElementOp, result: ComparisonResult, annotate: (annotation: Annotation) => void): FloatElementOperator {
  switch (op) {
    case '+':
      return (step, lhs, rhs, out) => out.setFloat(step, lhs + rhs);
    case '-':
      return (step, lhs, rhs, out) => out.setFloat(step, lhs - rhs);
    case '*':
      return (step, lhs, rhs, out) => out.setFloat(step, lhs * rhs);
    case '/':
      return (step, lhs, rhs, out) => out.setFloat(step, lhs / rhs);
    case '%':
      return (step, lhs, rhs, out) => out.setFloat(step, lhs % rhs);
    case '^':
      return (step, lhs, rhs, out) => out.setFloat(step, power(lhs, rhs));
    case 'atan2':
      return (step, lhs, rhs, out) => out.setFloat(step, atan2(lhs, rhs));
    case '</':
    case '>/':
      return () => annotate(incompatibleTypes('float', op, 'float'));
    default:
      return (step, lhs, rhs, out) => {
        const holds = compareFloats(op, lhs, rhs);
        if (result.returnBool) out.setFloat(step, holds ? 1 : 0);
        else if (holds) out.setFloat(step, result.keeps === 'left' ? lhs : rhs);
      };
  }
}

function histogramOperator(op: ElementOp, result: ComparisonResult, annotate: (annotation: Annotation) => void): ElementOperator {
  const isBool = isComparison(op) && result.returnBool;
  return (step, lhs, rhs, out) => {
    const outcome = binaryOfHistograms(op, sampleAt(lhs, step), sampleAt(rhs, step), annotate);
    if (outcome.kind === 'incompatible') return false;
    if (isBool) out.setFloat(step, outcome.kind === 'kept' ? 1 : 0);
    else if (outcome.kind === 'kept') out.setHistogram(step, outcome.histogram);
    return true;
  };
}

function sampleAt(series: StepSeries, step: number): Sample {
  return { value: series.values[step]!, histogram: series.present[step] === HISTOGRAM ? series.histograms![step] : undefined };
}
