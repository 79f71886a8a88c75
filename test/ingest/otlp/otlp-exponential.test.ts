import { expect, test } from 'vitest';
import { exponentialHistogram } from '../../../ingest/otlp/otlp-exponential.ts';
import { ExponentialPoint, type ExponentialBuckets } from '../../../proto/otlp-histogram-points.ts';
import { decodeHistogram, encodeHistogram, isIntegerHistogram } from '../../../storage/chunk/index.ts';
import { validateFloatHistogram } from '../../../storage/model/histogram-validate.ts';
import type { FloatHistogram, Span } from '../../../storage/model/histogram.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';

const BUCKETS_MAX = 4096;

function fill(side: ExponentialBuckets, offset: number, counts: readonly number[]): void {
  side.offset = offset;
  side.counts.length = 0;
  for (const count of counts) side.counts.push(count);
}

interface Content {
  readonly scale: number;
  readonly positive: readonly [offset: number, counts: readonly number[]];
  readonly negative?: readonly [offset: number, counts: readonly number[]];
  readonly count?: number;
  readonly sum?: number;
}

function convert({ scale, positive, negative = [0, []], count, sum = 1 }: Content): ReturnType<typeof exponentialHistogram> {
  const point = new ExponentialPoint(BUCKETS_MAX);
  fill(point.positive, ...positive);
  fill(point.negative, ...negative);
  point.scale = scale;
  point.sum = sum;
  point.count = count ?? [...positive[1], ...negative[1]].reduce((total, bucket) => total + bucket, 0);
  return exponentialHistogram(point);
}

/** What the specification says: bucket i of OpenTelemetry is Prometheus' i + 1, and two of a scale are one of the next lower. */
function expected(scale: number, [offset, counts]: readonly [number, readonly number[]]): Map<number, number> {
  const buckets = new Map<number, number>();
  counts.forEach((count, i) => {
    let index = offset + i;
    for (let s = scale; s > 8; s--) index = Math.floor(index / 2);
    if (count > 0) buckets.set(index + 1, (buckets.get(index + 1) ?? 0) + count);
  });
  return buckets;
}

function found(spans: readonly Span[], counts: readonly number[]): Map<number, number> {
  const buckets = new Map<number, number>();
  let index = 0;
  let at = 0;
  for (const { offset, length } of spans) {
    index += offset;
    for (let i = 0; i < length; i++, index++) if (counts[at++]! > 0) buckets.set(index, counts[at - 1]!);
  }
  return buckets;
}

/** From sparse to dense, of small counts and large ones. */
function counts(random: SeededRandom): number[] {
  const emptyPercent = random.below(100);
  const most = 2 ** random.between(1, 40);
  return Array.from({ length: random.below(200) }, () => (random.below(100) < emptyPercent ? 0 : random.below(most)));
}

/** As often near zero as far away. */
function offset(random: SeededRandom): number {
  const most = 2 ** random.between(0, 25);
  return random.between(-most, most);
}

test('whatever the buckets, the payload has them, in the form that a histogram of the model has', () => {
  const random = new SeededRandom(5);
  for (let round = 0; round < 2_000; round++) {
    const scale = random.between(-4, 20);
    const content = { scale, positive: [offset(random), counts(random)], negative: [offset(random), counts(random)] } as const;
    const payload = convert(content);
    if ('invalid' in payload) throw new Error(payload.invalid);
    const bytes = payload.slice();
    const histogram = decodeHistogram(bytes);
    expect(encodeHistogram(histogram, true)).toEqual(bytes);
    expect(isIntegerHistogram(bytes)).toBe(true);
    expect(validateFloatHistogram(histogram)).toBeUndefined();
    expect(found(histogram.positiveSpans, histogram.positiveBuckets)).toEqual(expected(scale, content.positive));
    expect(found(histogram.negativeSpans, histogram.negativeBuckets)).toEqual(expected(scale, content.negative));
    for (const side of [histogram.positiveBuckets, histogram.negativeBuckets]) expect([side.at(0), side.at(-1)]).not.toContain(0);
  }
});

function spansOf(content: Content): Pick<FloatHistogram, 'positiveSpans' | 'positiveBuckets'> {
  const payload = convert(content);
  if ('invalid' in payload) throw new Error(payload.invalid);
  const { positiveSpans, positiveBuckets } = decodeHistogram(payload);
  return { positiveSpans, positiveBuckets };
}

test('gaps of up to two buckets are written out, longer ones begin a span', () => {
  expect(spansOf({ scale: 0, positive: [-3, [0, 1, 0, 0, 2, 0, 0, 0, 3, 0]] })).toEqual({
    positiveSpans: [{ offset: -1, length: 4 }, { offset: 3, length: 1 }],
    positiveBuckets: [1, 0, 0, 2, 3],
  });
});

test('counts that are above 2^52, or 2^53', () => {
  const large = 2 ** 53 - 1;
  expect(spansOf({ scale: 0, positive: [0, [large]] }).positiveBuckets).toEqual([large]);
  expect(convert({ scale: 0, positive: [0, [2 ** 53]] })).toEqual({ invalid: 'histogram has a count above 2^53, which cannot be kept exactly' });
});

test('a bucket beyond all numbers', () => {
  for (const positive of [[2 ** 31 - 1, [1]], [-(2 ** 31), [1]], [2 ** 30 - 1, [1, 1]]] as const) {
    expect(convert({ scale: 8, positive })).toEqual({ invalid: expect.stringContaining('beyond all numbers') });
  }
  expect(convert({ scale: 8, positive: [2 ** 31 - 1, [0, 0]] })).not.toHaveProperty('invalid');
  expect(convert({ scale: 20, positive: [2 ** 31 - 1, [1]] })).not.toHaveProperty('invalid');
});

test('observations that were NaN are in no bucket', () => {
  expect(convert({ scale: 0, positive: [0, [1]], count: 3, sum: NaN })).not.toHaveProperty('invalid');
  expect(convert({ scale: 0, positive: [0, [1]], count: 0, sum: NaN })).toEqual({ invalid: expect.stringContaining('at least') });
});
