import { sameBounds } from '../../storage/model/histogram-custom.ts';
import { detectReset } from '../../storage/model/histogram-reset.ts';
import { withHint, type CounterResetHint, type FloatHistogram } from '../../storage/model/histogram.ts';

/**
 * What Prometheus' storage, which scripts are written for, lets a reader know of `current` when `previous` is the sample before it in the same
 * series: a gauge stays one; a counter that went on in the same layout is `not-reset`; and where a counter began anew, the layout changed or
 * the series begins, nothing is known, because samples may still arrive in between. A writer's claim of a reset is believed, one of no reset
 * is not.
 */
export function hintAfter(current: FloatHistogram, previous: FloatHistogram | undefined): CounterResetHint {
  if (current.counterResetHint === 'gauge') return 'gauge';
  if (previous === undefined || previous.counterResetHint === 'gauge') return 'unknown';
  const sameResolution =
    current.schema === previous.schema &&
    current.zeroThreshold === previous.zeroThreshold &&
    sameBounds(current.customValues, previous.customValues);
  const isReset = current.counterResetHint === 'reset' || detectReset(withHint(current, 'unknown'), previous);
  return sameResolution && !isReset ? 'not-reset' : 'unknown';
}
