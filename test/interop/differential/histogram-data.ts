import { writeStale } from '../../../storage/model/sample.ts';
import type { SeededRandom } from '../../fakes/seeded-random.ts';
import type { ReferenceHistogram, ReferenceSpan } from '../../proto/reference-messages.ts';
import { type HistogramFamily, histogramFamiliesOf } from './histogram-families.ts';
import { combine, type Scrapes, scrapesOf, sorted } from './random-data.ts';
import { startsOf } from './start-timestamps.ts';
import { type DataTimes, type Dialect, LATTICES } from './timing.ts';

/** Samples of one kind in a row: histograms, or floats, of which some are stale markers. */
export type Run =
  | { readonly kind: 'histograms'; readonly histograms: readonly ReferenceHistogram[] }
  | { readonly kind: 'floats'; readonly timestampsMs: number[]; readonly values: Float64Array; readonly startTimestampsMs?: number[] };

export interface HistogramSeries {
  readonly labels: readonly string[];
  readonly runs: readonly Run[];
  /** Samples say when their counter began. */
  readonly hasStarts: boolean;
}

/** Nearly everywhere: 3.5 does not bring together what has others. */
const BOUNDS = [0.1, 0.25, 0.5, 1, 2.5];
const LOOSE_BOUNDS = [BOUNDS, [0.1, 0.5, 1], [0.25, 0.5, 2.5, 10], [-1, 0, 0.5, 1], [1], [0.3, 0.7]];
const SCHEMAS = [-1, 0, 1, 2, 3];
const LOOSE_SCHEMAS = [...SCHEMAS, 5, 8];
const ZERO_THRESHOLDS = [0, 0.001, 0.25, 1];
const HINT_RESET = 1;
const HINT_GAUGE = 3;
/** Of indexes: with schema 0 observations from 1/8 to 64. */
const INDEX_MIN = -3;
const INDEX_MAX = 6;

/** With coarser buckets a zero bucket up to 1/4 cuts one in two, and Prometheus counts twice what lies in it when it merges such histograms. */
const SCHEMA_MIN = -1;
const BASE_SCRAPES = 12;

/** What a histogram has counted so far, as Prometheus' clients keep it. */
interface Counted {
  schema: number;
  bounds: readonly number[];
  zeroThreshold: number;
  zeroCount: number;
  positive: Map<number, number>;
  negative: Map<number, number>;
  nans: number;
  sum: number;
}

/** Everything of the native histograms' families, series by series, each in order. */
export function histogramData(random: SeededRandom, times: DataTimes, dialect: Dialect): HistogramSeries[] {
  return histogramFamiliesOf(dialect).flatMap((family) =>
    combine(Object.entries(family.labels)).flatMap((labels) => {
      if (random.oneIn(9)) return [];
      const scrapes = scrapesOf(random, { ...family, kind: 'histogram', isDyadic: true, oddOneIn: 0 }, times, LATTICES.new);
      return [{ labels: sorted(['__name__', family.name, ...labels]), runs: runsOf(random, family, scrapes), hasStarts: family.hasStarts }];
    }),
  );
}

function runsOf(random: SeededRandom, family: HistogramFamily, { timestampsMs, isStale }: Scrapes): Run[] {
  const runs: Run[] = [];
  const addFloat = (timestampMs: number, value: number | undefined): void => {
    const values = new Float64Array([value ?? 0]);
    if (value === undefined) writeStale(values, 0);
    runs.push({ kind: 'floats', timestampsMs: [timestampMs], values });
  };
  let counted = begin(random, family);
  let isReset = true;
  let isFloatRun = false;
  const resetAt: boolean[] = [];
  timestampsMs.forEach((timestampMs, index) => {
    if (isStale[index]) return addFloat(timestampMs, undefined);
    if (index % 7 === 0) isFloatRun = family.floatsOneIn > 0 && random.oneIn(family.floatsOneIn);
    if (isFloatRun) return addFloat(timestampMs, random.below(64) / 4);
    if (index > 0 && random.oneIn(25)) {
      counted = begin(random, family);
      isReset = true;
    } else change(random, family, counted);
    observe(random, family, counted);
    // Prometheus forgets a claim that the counts do not bear out, as they need not where few are counted.
    const histogram = encodable(family, counted, timestampMs, isReset && !family.isLoose && random.oneIn(3));
    resetAt[index] = isReset;
    isReset = false;
    const last = runs.at(-1);
    if (last?.kind === 'histograms') runs[runs.length - 1] = { ...last, histograms: [...last.histograms, histogram] };
    else runs.push({ kind: 'histograms', histograms: [histogram] });
  });
  if (!family.hasStarts) return runs;
  const starts = startsOf(random, timestampsMs, (index) => resetAt[index] ?? false);
  const startAt = new Map(timestampsMs.map((timestampMs, index) => [timestampMs, starts[index]!]));
  return runs.map((run) => (run.kind === 'floats' ? run : { ...run, histograms: run.histograms.map((each) => ({ ...each, startTimestamp: startAt.get(Number(each.timestamp))! })) }));
}

/** With as many observations as there will be in a dozen scrapes: the extrapolation to zero, which 3.5 does not do, then hardly ever matters. */
function begin(random: SeededRandom, family: HistogramFamily): Counted {
  const counted = empty(random, family);
  if (family.isLoose) {
    if (family.buckets === 'exponential') counted.positive.set(INDEX_MAX, 1);
    for (let i = random.below(4); i > 0; i--) observe(random, family, counted);
    return counted;
  }
  // Where one side is empty, a quantile in the zero bucket is another one, and Prometheus' chunks remember sides that once were not.
  if (family.buckets === 'exponential') for (const side of [counted.positive, counted.negative]) side.set(INDEX_MAX, 1);
  if (!family.isSparse) fillBuckets(family, counted);
  if (!family.isGauge) for (let i = 0; i < BASE_SCRAPES; i++) observe(random, family, counted);
  return counted;
}

/** Every bucket that can ever be counted in. */
function fillBuckets({ buckets, isFloat }: HistogramFamily, counted: Counted): void {
  const unit = isFloat ? 1 / 4 : 1;
  if (buckets === 'custom') for (let index = 0; index <= counted.bounds.length; index++) counted.positive.set(index, unit);
  else for (let index = INDEX_MIN; index <= INDEX_MAX; index++) if (!isInZeroBucket(counted, index)) for (const side of [counted.positive, counted.negative]) side.set(index, unit);
}

function empty(random: SeededRandom, { buckets, isGauge, isLoose }: HistogramFamily): Counted {
  const [positive, negative] = [new Map<number, number>(), new Map<number, number>()];
  const schema = buckets === 'custom' ? -53 : random.pick(isLoose ? LOOSE_SCHEMAS : SCHEMAS);
  return { schema, bounds: isLoose ? random.pick(LOOSE_BOUNDS) : BOUNDS, zeroThreshold: buckets === 'custom' || isGauge ? 0 : random.pick(ZERO_THRESHOLDS), zeroCount: 0, positive, negative, nans: 0, sum: 0 };
}

/** Now and then the resolution becomes half or the zero bucket grows; mostly nothing happens. */
function change(random: SeededRandom, { buckets, isGauge }: HistogramFamily, counted: Counted): void {
  if (buckets === 'custom') return;
  if (counted.schema > SCHEMA_MIN && random.oneIn(30)) {
    counted.schema--;
    counted.positive = halved(counted.positive);
    counted.negative = halved(counted.negative);
  } else if (!isGauge && random.oneIn(30)) {
    counted.zeroThreshold = random.pick(ZERO_THRESHOLDS.filter((threshold) => threshold >= counted.zeroThreshold));
    for (const buckets of [counted.positive, counted.negative]) {
      for (const [index, count] of buckets) {
        if (!isInZeroBucket(counted, index)) continue;
        counted.zeroCount += count;
        buckets.delete(index);
      }
    }
  }
}

/** Whether a bucket reaches below the zero bucket's threshold. */
function isInZeroBucket({ schema, zeroThreshold }: Counted, index: number): boolean {
  return 2 ** ((index - 1) / 2 ** schema) < zeroThreshold;
}

function halved(buckets: ReadonlyMap<number, number>): Map<number, number> {
  const merged = new Map<number, number>();
  for (const [index, count] of buckets) merged.set(Math.ceil(index / 2), (merged.get(Math.ceil(index / 2)) ?? 0) + count);
  return merged;
}

function observe(random: SeededRandom, family: HistogramFamily, counted: Counted): void {
  const unit = family.isFloat ? 1 / 4 : 1;
  const add = (buckets: Map<number, number>, index: number): void => {
    const observations = random.below(4) * unit;
    const before = buckets.get(index) ?? 0;
    const after = family.isGauge && random.oneIn(2) ? Math.max(before - observations, 0) : before + observations;
    // Clients leave out no bucket that they once had; others do.
    if (after > 0 || !family.isSparse || random.oneIn(3)) buckets.set(index, after);
    else buckets.delete(index);
    counted.sum += (after - before) * (index / 2);
  };
  for (let i = random.below(4); i > 0; i--) {
    const index = random.between(family.buckets === 'custom' ? 0 : INDEX_MIN, family.buckets === 'custom' ? counted.bounds.length : INDEX_MAX);
    if (family.buckets === 'custom') add(counted.positive, index);
    else if (isInZeroBucket(counted, index)) counted.zeroCount += unit;
    else add(!family.isLoose && random.oneIn(5) ? counted.negative : counted.positive, index);
  }
  if (family.buckets === 'exponential' && random.oneIn(3)) counted.zeroCount += random.below(3) * unit;
  if (family.nansOneIn > 0 && random.oneIn(family.nansOneIn)) {
    counted.nans++;
    counted.sum = Number.NaN;
  }
}

function encodable({ isFloat, isGauge }: HistogramFamily, counted: Counted, timestampMs: number, saysReset: boolean): ReferenceHistogram {
  // Whether a side has only empty buckets or none shows in 3.5 where a quantile falls into the zero bucket: here it has none.
  const [positive, negative] = [sortedBuckets(counted.positive), sortedBuckets(counted.negative)];
  const total = [...positive, ...negative].reduce((sum, [, count]) => sum + count, counted.zeroCount + counted.nans);
  const counts = isFloat
    ? { countFloat: total, zeroCountFloat: counted.zeroCount, positiveCounts: positive.map(([, count]) => count), negativeCounts: negative.map(([, count]) => count) }
    : { countInt: total, zeroCountInt: counted.zeroCount, positiveDeltas: deltas(positive), negativeDeltas: deltas(negative) };
  const isCustom = counted.schema === -53;
  return {
    ...counts,
    sum: counted.sum,
    schema: counted.schema,
    zeroThreshold: counted.zeroThreshold,
    positiveSpans: spansOf(positive),
    negativeSpans: spansOf(negative),
    customValues: isCustom ? counted.bounds : [],
    resetHint: isGauge ? HINT_GAUGE : saysReset ? HINT_RESET : 0,
    timestamp: timestampMs,
  };
}

type Bucket = readonly [index: number, count: number];

/** None when all are empty. */
function sortedBuckets(buckets: ReadonlyMap<number, number>): Bucket[] {
  const sorted = [...buckets].sort(([a], [b]) => a - b);
  return sorted.some(([, count]) => count > 0) ? sorted : [];
}

function deltas(buckets: readonly Bucket[]): number[] {
  return buckets.map(([, count], at) => count - (buckets[at - 1]?.[1] ?? 0));
}

function spansOf(buckets: readonly Bucket[]): ReferenceSpan[] {
  const spans: { offset: number; length: number }[] = [];
  let end = 0;
  for (const [index] of buckets) {
    const last = spans.at(-1);
    if (last !== undefined && index === end) last.length++;
    else spans.push({ offset: index - end, length: 1 });
    end = index + 1;
  }
  return spans;
}
