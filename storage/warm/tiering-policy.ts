import { mayApply, oldestKept, SeriesRetention, type RetentionOf } from '../archive/series-retention.ts';
import { ROLLUP_TABLES, type RollupTable, type RollupTableName } from '../catalog/iceberg/rollup-tables.ts';
import { SAMPLES_TABLE } from '../catalog/iceberg/samples-table.ts';
import { tableDefinition } from '../catalog/iceberg/table-definitions.ts';
import { compileSelector } from '../model/compile-matcher.ts';
import type { Labels } from '../model/labels.ts';
import type { Matcher } from '../model/matcher.ts';
import { DAY_MS } from '../runtime/units.ts';
import { ROLLUP_AGGREGATES, type RollupAggregate, type RollupAggregates } from './rollup-aggregates.ts';

export type Resolution = RollupTable['resolution'];

/** What is rolled up of the series that all of its matchers match. The first rule that matches a series counts. */
export interface WarmRule {
  readonly matchers: readonly Matcher[];
  readonly resolutions: readonly Resolution[];
  readonly aggregates: readonly RollupAggregate[];
}

/** What a tenant's warm tier has. */
export interface WarmPolicy {
  /** The last one matches everything. */
  readonly rules: readonly WarmRule[];
  /** How long the roll-ups of a resolution are kept. */
  readonly retention: Readonly<Record<Resolution, SeriesRetention>>;
}

/** What a tenant's tiers keep: the seed's `tieringPolicy`. */
export interface TieringPolicy {
  /** How long shards keep samples; `undefined`: as VARVE_HOT_RETENTION says. */
  readonly hotRetentionMs: number | undefined;
  readonly warm: WarmPolicy;
  /** How long the archive keeps samples and exemplars. */
  readonly cold: SeriesRetention;
  /** The same, rule by rule; the last one matches everything. */
  readonly kept: readonly KeptRule[];
}

/** How long the series that all matchers match are kept, in milliseconds. */
export interface KeptRule {
  readonly matchers: readonly Matcher[];
  readonly warmMs: Readonly<Record<Resolution, number>>;
  readonly coldMs: number;
}

/** Days (since 1970) of a table of roll-ups, as a query that selects some series may count on them. */
export interface KeptDays {
  /** From here on nothing has left of which there still are samples. */
  readonly completeFromDay: number;
  /** Before it there are no samples: what roll-ups have is all there is. */
  readonly samplesFromDay: number;
}

export const DEFAULT_WARM_RETENTION_MS: Readonly<Record<Resolution, number>> = { '1m': 7 * DAY_MS, '5m': 7 * DAY_MS, '1h': 365 * DAY_MS };

/**
 * Five minutes for a week and hours for a year, with all there is. Not one minute: of samples 15 seconds apart its rows take 2.6 times the
 * bytes of the samples, where those of 5 minutes take two thirds and those of an hour a tenth (FORMAT.md).
 */
export const DEFAULT_WARM_POLICY: WarmPolicy = {
  rules: [{ matchers: [], resolutions: ['5m', '1h'], aggregates: ROLLUP_AGGREGATES }],
  retention: { '1m': SeriesRetention.ofAll(DEFAULT_WARM_RETENTION_MS['1m']), '5m': SeriesRetention.ofAll(DEFAULT_WARM_RETENTION_MS['5m']), '1h': SeriesRetention.ofAll(DEFAULT_WARM_RETENTION_MS['1h']) },
};

/** How long each table of a tenant keeps its rows. All of the table of metadata is of today, whenever it was written. */
export function retentionOf({ warm, cold }: TieringPolicy): RetentionOf {
  return (table) => {
    if (table === 'metadata') return undefined;
    const rollup = ROLLUP_TABLES.find(({ name }) => name === table);
    return rollup === undefined ? cold : warm.retention[rollup.resolution];
  };
}

/** Which days of a table of roll-ups a query may count on, `nowMs` being the time (Unix ms). */
export function keptDays({ kept }: TieringPolicy, table: RollupTableName, selector: readonly Matcher[], nowMs: number): KeptDays {
  const { resolution } = ROLLUP_TABLES.find(({ name }) => name === table)!;
  let completeFromDay = -Infinity;
  let samplesFromDay = Infinity;
  for (const { warmMs, coldMs } of mayApply(kept, selector)) {
    const coldDay = oldestKept(SAMPLES_TABLE, coldMs, nowMs);
    const warmDay = oldestKept(tableDefinition(table), warmMs[resolution], nowMs);
    samplesFromDay = Math.min(samplesFromDay, coldDay);
    if (coldDay < warmDay) completeFromDay = Math.max(completeFromDay, warmDay);
  }
  return { completeFromDay, samplesFromDay };
}

/** What is kept of a series; `undefined` when nothing is. */
export function aggregatesOf(warmRules: readonly WarmRule[], resolution: Resolution): (labels: Labels) => RollupAggregates | undefined {
  const rules = warmRules.map(({ matchers, resolutions, aggregates }) => ({
    matches: compileSelector(matchers),
    aggregates: resolutions.includes(resolution) ? new Set(aggregates) : undefined,
  }));
  return (labels) => rules.find(({ matches }) => matches(labels))?.aggregates;
}

/** Whether a policy rolls anything up to a resolution. */
export function hasResolution(policy: WarmPolicy, resolution: Resolution): boolean {
  return policy.rules.some(({ resolutions }) => resolutions.includes(resolution));
}

/**
 * Whether all series that a selector may match have some aggregates at a resolution. Where that cannot be told from the matchers, the
 * answer is no: then the samples are read. Where there are none, `hasSamples` false, series that have nothing at the resolution do not matter.
 */
export function covers(rules: readonly WarmRule[], selector: readonly Matcher[], resolution: Resolution, aggregates: Iterable<RollupAggregate>, hasSamples = true): boolean {
  const wanted = [...aggregates];
  return mayApply(rules, selector).every(({ resolutions, aggregates: kept }) => {
    if (!resolutions.includes(resolution)) return !hasSamples;
    return wanted.every((name) => kept.includes(name) || isEndOfIncrease(name, kept));
  });
}

/** `increase` brings both ends with it. */
function isEndOfIncrease(name: RollupAggregate, kept: readonly RollupAggregate[]): boolean {
  return (name === 'first' || name === 'last') && kept.includes('increase');
}
