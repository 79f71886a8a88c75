import { jsonVariable } from './json-variable.ts';
import { LIMITS } from './limits.ts';
import { DAY_MS } from './units.ts';

const { invalid, parse, objectOf } = jsonVariable('VARVE_TENANT_LIMITS');

/** Where a limit is asked for, and what it may be set to. */
interface TenantLimit {
  readonly default: number;
  /** Memory is sized for this: no tenant may have more. */
  readonly max: number;
  readonly reason: string;
}

/**
 * What one tenant may do, in one table. All doors ask for these and no others. A tenant's own values come from the variable
 * VARVE_TENANT_LIMITS; what is the same for everybody is in limits.ts.
 */
export const TENANT_LIMITS = {
  writeBodyBytesMax: {
    default: LIMITS.writeBodyBytesMax,
    max: LIMITS.writeBodyBytesMax,
    reason: "Prometheus' own receiver has the same, compressed and not; a usual request is 60 KiB",
  },
  importBodyBytesMax: {
    default: LIMITS.importBodyBytesMax,
    max: LIMITS.importBodyBytesMax,
    reason: 'an import is streamed, so that only its time is bounded by it',
  },
  samplesPerRequestMax: {
    default: LIMITS.writeEntriesMax,
    max: LIMITS.writeEntriesMax,
    reason: 'samples, histograms and exemplars of one write request are columns in memory; senders send 2,000 to 10,000',
  },
  seriesPerRequestMax: {
    default: LIMITS.writeEntriesMax,
    max: LIMITS.writeEntriesMax,
    reason: 'the same, for its series',
  },
  labelsPerSeriesMax: {
    default: LIMITS.labelsPerSeriesMax,
    max: LIMITS.labelsPerSeriesMax,
    reason: "Mimir's default is 30; clusters with many Kubernetes labels need more. Rows are sized for it",
  },
  labelNameBytesMax: { default: LIMITS.labelNameBytesMax, max: LIMITS.labelNameBytesMax, reason: "Mimir's default" },
  labelValueBytesMax: {
    default: LIMITS.labelValueBytesMax,
    max: LIMITS.labelValueBytesMax,
    reason: "Mimir's default; above it is nearly always a mistake (a URL, a stack trace)",
  },
  activeSeriesMax: {
    default: LIMITS.activeSeriesMax,
    max: LIMITS.activeSeriesMax,
    reason: 'series that each shard of the tenant holds: their index is in memory. New ones over it are refused with 400, known ones go on',
  },
  timestampAheadMsMax: {
    default: LIMITS.timestampAheadMsMax,
    max: DAY_MS,
    reason: 'Prometheus refuses samples further ahead than 10 minutes: a clock is wrong, or seconds were meant',
  },
  samplesPerSecondMax: {
    default: 2_000_000,
    max: 1_000_000_000,
    reason: 'above what one shard takes, so that it only stops what has run away; a tenant who shares a deployment gets less. Counted by each isolate',
  },
  samplesBurstMax: {
    default: 20_000_000,
    max: 10_000_000_000,
    reason: 'ten seconds of the rate: senders come back from an outage with what they kept',
  },
  queriesAtOnceMax: {
    default: 20,
    max: 1000,
    reason: "Prometheus' query.max-concurrency; queries over it wait, and are refused when none gets done for a while. Counted by each isolate",
  },
} as const satisfies Record<string, TenantLimit>;

export type TenantLimitName = keyof typeof TENANT_LIMITS;
export type TenantLimits = { readonly [Name in TenantLimitName]: number };

const NAMES = Object.keys(TENANT_LIMITS) as TenantLimitName[];

export const DEFAULT_TENANT_LIMITS: TenantLimits = Object.fromEntries(NAMES.map((name) => [name, TENANT_LIMITS[name].default])) as TenantLimits;

/** The limits of a tenant. The same object for the same tenant, every time. */
export type LimitsOfTenant = (tenant: string) => TenantLimits;

/** The bounds of the system with a tenant's in their place, for code that asks for its bounds by name and knows no tenants. */
export function limitsForTenant(limits: typeof LIMITS, tenantLimits: TenantLimits): typeof LIMITS {
  const { samplesPerRequestMax: _, seriesPerRequestMax: __, samplesPerSecondMax: ___, samplesBurstMax: ____, queriesAtOnceMax: _____, ...shared } = tenantLimits;
  return { ...limits, ...shared };
}

/** For all tenants without an entry of their own. */
const ALL = '*';

/**
 * Reads VARVE_TENANT_LIMITS: a JSON object from tenant to limits, `*` for all that are not named. What an entry leaves out is as `*` has it,
 * and then as the default. Everything about it must be right: a limit that was mistyped must not be one that does not hold.
 */
export function readTenantLimits(text: string | undefined): LimitsOfTenant {
  if (text === undefined || text.trim() === '') return () => DEFAULT_TENANT_LIMITS;
  const table = objectOf(parse(text), 'it');
  const base = { ...DEFAULT_TENANT_LIMITS, ...(Object.hasOwn(table, ALL) ? readEntry(ALL, table[ALL]) : {}) };
  const byTenant = new Map(Object.entries(table).map(([tenant, entry]) => [tenant, checked(tenant, { ...base, ...readEntry(tenant, entry) })]));
  return (tenant) => byTenant.get(tenant) ?? base;
}

function readEntry(tenant: string, entry: unknown): Partial<TenantLimits> {
  const limits: Partial<Record<TenantLimitName, number>> = {};
  for (const [name, value] of Object.entries(objectOf(entry, `the entry of ${JSON.stringify(tenant)}`))) {
    if (!Object.hasOwn(TENANT_LIMITS, name)) throw invalid(`${JSON.stringify(name)} of ${JSON.stringify(tenant)} is no limit; there are ${NAMES.join(', ')}`);
    const { max } = TENANT_LIMITS[name as TenantLimitName];
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > max) {
      throw invalid(`${name} of ${JSON.stringify(tenant)} is ${JSON.stringify(value)}; it must be a whole number from 1 to ${max}`);
    }
    limits[name as TenantLimitName] = value;
  }
  return limits;
}

function checked(tenant: string, limits: TenantLimits): TenantLimits {
  if (limits.samplesBurstMax < limits.samplesPerSecondMax) {
    throw invalid(`samplesBurstMax of ${JSON.stringify(tenant)} is ${limits.samplesBurstMax}; it must not be less than its samplesPerSecondMax of ${limits.samplesPerSecondMax}`);
  }
  return limits;
}
