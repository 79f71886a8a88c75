import type { Dialect } from './timing.ts';

/** How a family's values move. */
export type FamilyKind = 'counter' | 'gauge' | 'histogram';

/**
 * The metrics of the random data, which the random queries know too. `labels` lists each label's values; a series stands for each
 * combination.
 */
export interface Family {
  readonly name: string;
  readonly kind: FamilyKind;
  readonly labels: Readonly<Record<string, readonly string[]>>;
  readonly intervalMs: number;
  /**
   * All values are small multiples of 1/64: any sum of them is exact, in whatever order and with or without compensation. Other
   * families have decimals, on whose sums two right engines differ in the last bits.
   */
  readonly isDyadic: boolean;
  /** One sample in so many is missing, and so is a run of samples now and then. 0: none. */
  readonly gapOneIn: number;
  /** One sample in so many is NaN or infinite. 0: none. */
  readonly oddOneIn: number;
  /** Timestamps jump about by a tenth of the interval. */
  readonly isJittery: boolean;
  /** Samples say when their counter began. */
  readonly hasStarts: boolean;
}

const JOBS = ['api', 'web'];
const INSTANCES = ['a:1', 'b:1', 'c:2'];

export const BUCKET_BOUNDS = ['0.1', '0.25', '0.5', '1', '2.5', '+Inf'] as const;

function family(name: string, kind: FamilyKind, intervalMs: number, labels: Family['labels'], more: Partial<Family> = {}): Family {
  return { name, kind, intervalMs, labels, isDyadic: true, gapOneIn: 0, oddOneIn: 0, isJittery: false, hasStarts: false, ...more };
}

export const FAMILIES: readonly Family[] = [
  family('requests_total', 'counter', 15_000, { job: JOBS, instance: INSTANCES, path: ['/', '/login', '/x.y'], code: ['200', '500'] }),
  family('errors_total', 'counter', 10_000, { job: JOBS, instance: INSTANCES, path: ['/', '/login'] }, { gapOneIn: 9 }),
  family('bytes_total', 'counter', 5_000, { job: JOBS, instance: INSTANCES }, { isDyadic: false, isJittery: true }),
  family('temperature', 'gauge', 15_000, { job: JOBS, instance: INSTANCES, sensor: ['cpu', 'disk'] }),
  family('memory_bytes', 'gauge', 30_000, { job: JOBS, instance: INSTANCES, kind: ['free', 'used', 'cached'] }, { gapOneIn: 12 }),
  family('limit', 'gauge', 60_000, { job: JOBS, instance: INSTANCES, tier: ['gold'] }),
  family('level', 'gauge', 10_000, { job: JOBS, instance: INSTANCES, zone: ['eu', 'us'] }, { isDyadic: false, gapOneIn: 20, isJittery: true }),
  family('odd', 'gauge', 20_000, { job: JOBS, instance: INSTANCES }, { oddOneIn: 5, gapOneIn: 15 }),
  family('sparse', 'gauge', 120_000, { job: JOBS, zone: ['eu', 'us', 'asia'] }, { gapOneIn: 4 }),
  family('small', 'gauge', 15_000, { job: JOBS, instance: INSTANCES }),
  family('latency_seconds', 'histogram', 15_000, { job: JOBS, instance: INSTANCES }),
  family('size', 'histogram', 30_000, { job: JOBS, path: ['/', '/login'] }, { gapOneIn: 10 }),
];

/** What info() joins, with labels that change: of the two metrics the first is the one it takes by itself. */
const INFO_FAMILIES: readonly Family[] = [
  family('target_info', 'gauge', 30_000, { job: JOBS, instance: INSTANCES, version: ['1.0', '2.0'], cluster: ['x'] }, { gapOneIn: 10 }),
  family('build_info', 'gauge', 60_000, { job: JOBS, instance: INSTANCES, commit: ['abc'] }),
];

/** Counters with start timestamps, of which 3.12 began to make something. */
const STARTED_FAMILIES: readonly Family[] = [family('started_total', 'counter', 15_000, { job: JOBS, instance: INSTANCES }, { gapOneIn: 9, hasStarts: true })];

/** Those that a server can be asked about. */
export function familiesOf(dialect: Dialect): readonly Family[] {
  if (dialect === 'old') return FAMILIES;
  return [...FAMILIES, ...INFO_FAMILIES, ...(dialect === 'current' ? STARTED_FAMILIES : [])];
}
