import { addHistograms, subtractHistograms, type HistogramResult } from './histogram-add.ts';
import { detectReset } from './histogram-reset.ts';
import { multiplyHistogram } from './histogram-scale.ts';
import { isCustomSchema, type FloatHistogram } from './histogram.ts';

export interface HistogramAt {
  readonly timestampMs: number;
  readonly histogram: FloatHistogram;
}

/**
 * A histogram between two samples of a series: h1 + (h2 - h1) × the part of the time that has passed. A counter that was reset in between
 * is taken to have begun at zero at the earlier sample.
 */
export function interpolateHistograms(earlier: HistogramAt, later: HistogramAt, timestampMs: number, isCounter: boolean): InterpolatedHistogram {
  if (timestampMs === earlier.timestampMs) return unchanged(earlier.histogram);
  if (timestampMs === later.timestampMs) return unchanged(later.histogram);
  if (isCustomSchema(earlier.histogram.schema) !== isCustomSchema(later.histogram.schema)) return { kind: 'mixed-schemas' };
  const fraction = (timestampMs - earlier.timestampMs) / (later.timestampMs - earlier.timestampMs);
  if (isCounter && detectReset(later.histogram, earlier.histogram)) return unchanged(multiplyHistogram(later.histogram, fraction));
  const difference = subtractHistograms(later.histogram, earlier.histogram);
  if (difference.kind !== 'histogram') return difference;
  const result = addHistograms(multiplyHistogram(difference.histogram, fraction), earlier.histogram);
  if (result.kind !== 'histogram') return result;
  return {
    kind: 'histogram',
    histogram: result.histogram,
    reconciledInSubtraction: difference.boundsReconciled,
    reconciledInAddition: result.boundsReconciled,
  };
}

/** Custom bounds may have been brought together when the difference was taken, or when it was added, or both. */
export type InterpolatedHistogram =
  | {
      readonly kind: 'histogram';
      readonly histogram: FloatHistogram;
      readonly reconciledInSubtraction: boolean;
      readonly reconciledInAddition: boolean;
    }
  | Extract<HistogramResult, { kind: 'mixed-schemas' }>;

function unchanged(histogram: FloatHistogram): InterpolatedHistogram {
  return { kind: 'histogram', histogram, reconciledInSubtraction: false, reconciledInAddition: false };
}
