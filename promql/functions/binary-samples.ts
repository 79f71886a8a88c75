import { addHistograms, compactHistogram, subtractHistograms } from '../../storage/model/histogram-add.ts';
import type { HistogramResult } from '../../storage/model/histogram-add.ts';
import { equalHistograms } from '../../storage/model/histogram-equal.ts';
import { divideHistogram, multiplyHistogram } from '../../storage/model/histogram-scale.ts';
import { trimHistogram } from '../../storage/model/histogram-trim.ts';
import type { FloatHistogram } from '../../storage/model/histogram.ts';
import { counterResetCollision, incompatibleBucketLayout, incompatibleTypes, reconciledCustomBuckets } from '../annotations.ts';
import type { Annotation } from '../annotations.ts';
import type { ElementOp } from '../plan/plan-node.ts';

/** A sample: `histogram` when it is set, otherwise `value`. */
export interface Sample {
  readonly value: number;
  readonly histogram: FloatHistogram | undefined;
}

/** What came of two samples of which at least one is a histogram. `incompatible` are those that the operator makes nothing of. */
export type HistogramOutcome =
  | { readonly kind: 'kept'; readonly histogram: FloatHistogram }
  | { readonly kind: 'filtered' }
  | { readonly kind: 'incompatible' };

const INCOMPATIBLE: HistogramOutcome = { kind: 'incompatible' };
const FILTERED: HistogramOutcome = { kind: 'filtered' };

/** What a binary operator makes of two samples, at least one of them a histogram. `annotate` is told why nothing comes of them. */
export function binaryOfHistograms(op: ElementOp, lhs: Sample, rhs: Sample, annotate: (annotation: Annotation) => void): HistogramOutcome {
  if (lhs.histogram !== undefined && rhs.histogram !== undefined) return bothHistograms(op, lhs.histogram, rhs.histogram, annotate);
  if (lhs.histogram !== undefined) {
    switch (op) {
      case '*':
        return kept(compactHistogram(multiplyHistogram(lhs.histogram, rhs.value)));
      case '/':
        return kept(compactHistogram(divideHistogram(lhs.histogram, rhs.value)));
      case '</':
        return kept(trimHistogram(lhs.histogram, rhs.value, 'keep-below'));
      case '>/':
        return kept(trimHistogram(lhs.histogram, rhs.value, 'keep-above'));
      default:
        annotate(incompatibleTypes('histogram', op, 'float'));
        return INCOMPATIBLE;
    }
  }
  if (op === '*' && rhs.histogram !== undefined) return kept(compactHistogram(multiplyHistogram(rhs.histogram, lhs.value)));
  annotate(incompatibleTypes('float', op, rhs.histogram === undefined ? 'float' : 'histogram'));
  return INCOMPATIBLE;
}

function bothHistograms(op: ElementOp, lhs: FloatHistogram, rhs: FloatHistogram, annotate: (annotation: Annotation) => void): HistogramOutcome {
  switch (op) {
    case '+':
      return combined(addHistograms(lhs, rhs), op, annotate);
    case '-':
      return combined(subtractHistograms(lhs, rhs), op, annotate);
    case '==':
      return equalHistograms(lhs, rhs) ? kept(lhs) : FILTERED;
    case '!=':
      return equalHistograms(lhs, rhs) ? FILTERED : kept(lhs);
    default:
      annotate(incompatibleTypes('histogram', op, 'histogram'));
      return INCOMPATIBLE;
  }
}

/**
 * A difference may fall from one moment to the next, so it is a gauge. Where one side says that its counter was reset and the other that its
 * own was not, Prometheus warns and gives no result.
 */
function combined(result: HistogramResult, op: '+' | '-', annotate: (annotation: Annotation) => void): HistogramOutcome {
  if (result.kind === 'mixed-schemas') {
    annotate(incompatibleBucketLayout(op));
    return INCOMPATIBLE;
  }
  const operation = op === '+' ? 'addition' : 'subtraction';
  if (result.hintCollision) {
    annotate(counterResetCollision(operation));
    return INCOMPATIBLE;
  }
  if (result.boundsReconciled) annotate(reconciledCustomBuckets(operation));
  const histogram = compactHistogram(result.histogram);
  return kept(op === '-' ? { ...histogram, counterResetHint: 'gauge' } : histogram);
}

function kept(histogram: FloatHistogram): HistogramOutcome {
  return { kind: 'kept', histogram };
}
