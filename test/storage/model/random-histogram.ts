import { EMPTY_HISTOGRAM, type FloatHistogram, type Span } from '../../../storage/model/histogram.ts';

/** The same numbers in [0, 1) for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Side {
  readonly spans: Span[];
  readonly buckets: number[];
}

/** Spans of any cut: adjacent ones, empty ones, empty buckets. Counts are whole, so that sums are exact. */
function randomSide(random: () => number, firstOffset: number): Side {
  const below = (limit: number): number => Math.floor(random() * limit);
  const spans: Span[] = [];
  const buckets: number[] = [];
  for (let i = below(4); i > 0; i--) {
    const length = below(4);
    spans.push({ offset: spans.length === 0 ? firstOffset + below(5) : below(4), length });
    for (let j = 0; j < length; j++) buckets.push(random() < 0.2 ? 0 : below(100));
  }
  return { spans, buckets };
}

const ZERO_THRESHOLDS = [0, 0.001, 0.5, 1, 1.2];

export function randomExponential(random: () => number): FloatHistogram {
  const positive = randomSide(random, -3);
  const negative = randomSide(random, -3);
  const zeroCount = Math.floor(random() * 10);
  const total = [...positive.buckets, ...negative.buckets].reduce((sum, count) => sum + count, zeroCount);
  return {
    ...EMPTY_HISTOGRAM,
    schema: Math.floor(random() * 6) - 2,
    zeroThreshold: ZERO_THRESHOLDS[Math.floor(random() * ZERO_THRESHOLDS.length)]!,
    zeroCount,
    count: total,
    sum: Math.floor(random() * 1000),
    positiveSpans: positive.spans,
    positiveBuckets: positive.buckets,
    negativeSpans: negative.spans,
    negativeBuckets: negative.buckets,
  };
}

export function randomCustom(random: () => number): FloatHistogram {
  const customValues = [-5, -1, 0, 1, 2, 5, 10, 20].filter(() => random() < 0.6);
  const positiveBuckets = Array.from({ length: customValues.length + 1 }, () => (random() < 0.2 ? 0 : Math.floor(random() * 100)));
  return {
    ...EMPTY_HISTOGRAM,
    schema: -53,
    count: positiveBuckets.reduce((sum, count) => sum + count, 0),
    sum: Math.floor(random() * 1000),
    positiveSpans: [{ offset: 0, length: positiveBuckets.length }],
    positiveBuckets,
    customValues,
  };
}
