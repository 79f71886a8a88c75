import type { WireHistogram } from '../../proto/remote-write-histogram.ts';
import { reduceRun, toRun, toSpans } from '../../storage/model/histogram-layout.ts';
import { fromIntegerHistogram } from '../../storage/model/histogram-integer.ts';
import { COUNT_NOT_EXACT, validateFloatHistogram, validateIntegerCounts } from '../../storage/model/histogram-validate.ts';
import { EXPONENTIAL_SCHEMA_MAX, type CounterResetHint, type FloatHistogram } from '../../storage/model/histogram.ts';
import { isStaleBits } from '../../storage/model/sample.ts';
import type { Invalid } from '../validate.ts';

/** Finer schemas than Prometheus computes with are promised to stay of the same kind: they are joined into its finest. */
const RESERVED_SCHEMA_MAX = 52;

const RESET_HINTS: readonly CounterResetHint[] = ['unknown', 'reset', 'not-reset', 'gauge'];

/** A histogram of remote write in the form of the model. `isStale` is a marker, of which nothing else counts. */
export type SentHistogram =
  | { readonly isStale: true }
  | { readonly isStale: false; readonly isInteger: boolean; readonly histogram: FloatHistogram }
  | Invalid;

/** Checks as Prometheus does; what is wrong comes back as a text for the sender. */
export function fromWireHistogram(wire: WireHistogram): SentHistogram {
  if (isStaleBits(...wire.sumBits)) return { isStale: true };
  const shared = {
    counterResetHint: RESET_HINTS[wire.resetHint] ?? 'unknown',
    schema: wire.schema,
    zeroThreshold: wire.zeroThreshold,
    zeroCount: wire.zeroCount,
    count: wire.count,
    sum: wire.sum,
    positiveSpans: wire.positiveSpans,
    negativeSpans: wire.negativeSpans,
    customValues: wire.customValues,
  };
  const sent: FloatHistogram = wire.isFloat
    ? { ...shared, positiveBuckets: wire.positiveCounts, negativeBuckets: wire.negativeCounts }
    : fromIntegerHistogram({ ...shared, positiveDeltas: wire.positiveDeltas, negativeDeltas: wire.negativeDeltas });
  const isTooFine = sent.schema > EXPONENTIAL_SCHEMA_MAX && sent.schema <= RESERVED_SCHEMA_MAX;
  // Spans and counts are checked before buckets are joined by them.
  const invalid =
    validateFloatHistogram(isTooFine ? { ...sent, schema: EXPONENTIAL_SCHEMA_MAX } : sent) ?? (wire.isFloat ? undefined : validateIntegers(sent));
  if (invalid !== undefined) return { invalid };
  return { isStale: false, isInteger: !wire.isFloat, histogram: isTooFine ? coarsened(sent) : sent };
}

function validateIntegers(histogram: FloatHistogram): string | undefined {
  if (![histogram.count, histogram.zeroCount, ...histogram.positiveBuckets, ...histogram.negativeBuckets].every(Number.isSafeInteger)) {
    return COUNT_NOT_EXACT;
  }
  return validateIntegerCounts(histogram);
}

function coarsened(histogram: FloatHistogram): FloatHistogram {
  const schema = EXPONENTIAL_SCHEMA_MAX;
  const positive = reduceRun(toRun(histogram.positiveSpans, histogram.positiveBuckets), histogram.schema, schema);
  const negative = reduceRun(toRun(histogram.negativeSpans, histogram.negativeBuckets), histogram.schema, schema);
  return {
    ...histogram,
    schema,
    positiveSpans: toSpans(positive.indexes),
    negativeSpans: toSpans(negative.indexes),
    positiveBuckets: positive.counts,
    negativeBuckets: negative.counts,
  };
}
