import type { Family } from './families.ts';
import type { Dialect } from './timing.ts';

/** A metric whose samples are native histograms. */
export interface HistogramFamily extends Pick<Family, 'name' | 'labels' | 'intervalMs' | 'gapOneIn' | 'isJittery' | 'hasStarts'> {
  /** Exponential buckets, or custom bounds as those of classic histograms. */
  readonly buckets: 'exponential' | 'custom';
  /** Counts as doubles, whole or not. */
  readonly isFloat: boolean;
  readonly isGauge: boolean;
  /** One run of samples in so many consists of plain floats. 0: none. */
  readonly floatsOneIn: number;
  /** Sends only the buckets with something in them. Prometheus adds empty ones that other samples of a chunk have, which shows in `==` and `changes`. */
  readonly isSparse: boolean;
  /** One observation in so many is NaN, which is counted and lies in no bucket. 0: none. */
  readonly nansOneIn: number;
  /** Of any resolution, with sides that may be empty, and with bounds that change. */
  readonly isLoose: boolean;
}

const JOBS = ['api', 'web'];
const INSTANCES = ['a:1', 'b:1', 'c:2'];

function family(name: string, intervalMs: number, more: Partial<HistogramFamily> = {}): HistogramFamily {
  const labels = { job: JOBS, instance: INSTANCES };
  return { name, intervalMs, labels, buckets: 'exponential', isFloat: false, isGauge: false, gapOneIn: 0, isJittery: false, hasStarts: false, floatsOneIn: 0, nansOneIn: 0, isSparse: false, isLoose: false, ...more };
}

const HISTOGRAM_FAMILIES: readonly HistogramFamily[] = [
  family('native_seconds', 15_000, { labels: { job: JOBS, instance: INSTANCES, path: ['/', '/login'] } }),
  family('native_float', 10_000, { isFloat: true, gapOneIn: 10, isSparse: true }),
  family('native_gauge', 15_000, { isGauge: true, isFloat: true }),
  family('native_custom', 15_000, { buckets: 'custom', gapOneIn: 12 }),
  family('native_mixed', 20_000, { floatsOneIn: 4, gapOneIn: 15 }),
  family('native_odd', 30_000, { nansOneIn: 30 }),
  // Its name is that of a classic histogram, as in a metric that moves from one kind to the other.
  family('latency_seconds', 15_000, { buckets: 'custom' }),
];

/** What 3.5 is not right about. */
const LOOSE_FAMILIES: readonly HistogramFamily[] = [
  family('native_loose', 15_000, { isLoose: true, floatsOneIn: 20, gapOneIn: 12 }),
  family('native_bounds', 15_000, { isLoose: true, buckets: 'custom' }),
  family('native_level', 20_000, { isLoose: true, isGauge: true }),
  family('native_started', 15_000, { hasStarts: true, gapOneIn: 12 }),
];

/** Those that a server can be asked about, apart from the oldest, which has none. */
export function histogramFamiliesOf(dialect: Dialect): readonly HistogramFamily[] {
  return dialect === 'current' ? [...HISTOGRAM_FAMILIES, ...LOOSE_FAMILIES] : HISTOGRAM_FAMILIES;
}
