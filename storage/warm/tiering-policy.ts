import { ROLLUP_TABLES, type RollupTable } from '../catalog/rollup-tables.ts';
import { compileMatcher } from '../model/compile-matcher.ts';
import { labelValue, type Labels } from '../model/labels.ts';
import type { Matcher, MatchType } from '../model/matcher.ts';
import { VarveError } from '../runtime/errors.ts';
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
  readonly retentionMs: Readonly<Record<Resolution, number>>;
}

const DAY_MS = 86_400_000;
const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, d: DAY_MS, w: 7 * DAY_MS, y: 365 * DAY_MS };
const RESOLUTIONS = ROLLUP_TABLES.map(({ resolution }) => resolution);

/**
 * Five minutes for a week and hours for a year, with all there is. Not one minute: of samples 15 seconds apart its rows take 2.6 times the
 * bytes of the samples, where those of 5 minutes take two thirds and those of an hour a tenth (FORMAT.md).
 */
export const DEFAULT_WARM_POLICY: WarmPolicy = {
  rules: [{ matchers: [], resolutions: ['5m', '1h'], aggregates: ROLLUP_AGGREGATES }],
  retentionMs: { '1m': 7 * DAY_MS, '5m': 7 * DAY_MS, '1h': 365 * DAY_MS },
};

export type PolicyOfTenant = (tenant: string) => WarmPolicy;

/** What the seed calls them, and what a bucket keeps for them: the mean is the sum by the count, which is always there. */
const AGGREGATE_NAMES: Readonly<Record<string, readonly RollupAggregate[]>> = {
  ...Object.fromEntries(ROLLUP_AGGREGATES.map((name) => [name, [name]])),
  avg: ['sum'],
  count: [],
};

/** For all tenants without an entry of their own. */
const ALL = '*';

/**
 * Reads VARVE_TIERING: a JSON object from tenant to policy, `*` for all that are not named. A policy has the seed's shape:
 *
 *   { "warm": { "retention": "7d" | { "5m": "7d", "1h": "1y" }, "resolution": "5m" | ["5m", "1h"], "aggregates": ["min", "max", "avg"],
 *               "rules": [{ "match": { "job": "node", "__name__": "=~http_.*" }, "resolution": [], "aggregates": [] }] } }
 *
 * What is left out is as by default. Everything about it must be right: data that nobody meant to lose must not hang on a typing error.
 */
export function readTieringPolicy(text: string | undefined): PolicyOfTenant {
  if (text === undefined || text.trim() === '') return () => DEFAULT_WARM_POLICY;
  const table = objectOf(parse(text), 'it');
  const policies = new Map(Object.entries(table).map(([tenant, entry]) => [tenant, readPolicy(entry, JSON.stringify(tenant))]));
  const base = policies.get(ALL) ?? DEFAULT_WARM_POLICY;
  return (tenant) => policies.get(tenant) ?? base;
}

/** What is kept of a series; `undefined` when nothing is. */
export function aggregatesOf(warmRules: readonly WarmRule[], resolution: Resolution): (labels: Labels) => RollupAggregates | undefined {
  const rules = warmRules.map(({ matchers, resolutions, aggregates }) => ({
    tests: matchers.map((matcher) => ({ name: matcher.name, test: compileMatcher(matcher) })),
    aggregates: resolutions.includes(resolution) ? new Set(aggregates) : undefined,
  }));
  return (labels) => rules.find(({ tests }) => tests.every(({ name, test }) => test(labelValue(labels, name))))?.aggregates;
}

/** Whether a policy rolls anything up to a resolution. */
export function hasResolution(policy: WarmPolicy, resolution: Resolution): boolean {
  return policy.rules.some(({ resolutions }) => resolutions.includes(resolution));
}

/**
 * Whether all series that a selector may match have some aggregates at a resolution. Where that cannot be told from the matchers, the
 * answer is no: then the samples are read.
 */
export function covers(rules: readonly WarmRule[], selector: readonly Matcher[], resolution: Resolution, aggregates: Iterable<RollupAggregate>): boolean {
  const wanted = [...aggregates];
  for (const { matchers, resolutions, aggregates: kept } of rules) {
    const relation = matchers.map((matcher) => relationOf(matcher, selector));
    if (relation.includes('never')) continue;
    if (!resolutions.includes(resolution) || !wanted.every((name) => kept.includes(name) || isEndOfIncrease(name, kept))) return false;
    if (relation.every((each) => each === 'always')) return true;
  }
  return true;
}

/** `increase` brings both ends with it. */
function isEndOfIncrease(name: RollupAggregate, kept: readonly RollupAggregate[]): boolean {
  return (name === 'first' || name === 'last') && kept.includes('increase');
}

/** Whether what a selector selects is matched by a rule's matcher. */
function relationOf(matcher: Matcher, selector: readonly Matcher[]): 'always' | 'never' | 'perhaps' {
  const test = compileMatcher(matcher);
  for (const { name, type, value } of selector) {
    if (name !== matcher.name) continue;
    if (type === '=') return test(value) ? 'always' : 'never';
    if (type === matcher.type && value === matcher.value) return 'always';
  }
  return 'perhaps';
}

function readPolicy(value: unknown, tenant: string): WarmPolicy {
  const policy = objectOf(value, `the policy of ${tenant}`);
  onlyKeys(policy, ['warm'], `the policy of ${tenant}`);
  const what = `warm of ${tenant}`;
  const warm = objectOf(policy['warm'] ?? {}, what);
  onlyKeys(warm, ['retention', 'resolution', 'aggregates', 'rules'], what);
  const [fallback] = DEFAULT_WARM_POLICY.rules as [WarmRule];
  const last: WarmRule = { matchers: [], ...readKept(warm, fallback, what) };
  const rules = listOf(warm['rules'] ?? [], `rules of ${what}`).map((entry, i): WarmRule => {
    const where = `rule ${i + 1} of ${what}`;
    const rule = objectOf(entry, where);
    onlyKeys(rule, ['match', 'resolution', 'aggregates'], where);
    const matchers = Object.entries(objectOf(rule['match'], `match of ${where}`)).map(([name, condition]) => readMatcher(name, condition, where));
    if (matchers.length === 0) throw invalid(`match of ${where} is empty; what is meant for all series stands in warm itself`);
    return { matchers, ...readKept(rule, last, where) };
  });
  return { rules: [...rules, last], retentionMs: readRetention(warm['retention'], what) };
}

function readKept(entry: Record<string, unknown>, fallback: WarmRule, what: string): Pick<WarmRule, 'resolutions' | 'aggregates'> {
  const { resolution, aggregates } = entry;
  const resolutions = resolution === undefined ? fallback.resolutions : (typeof resolution === 'string' ? [resolution] : listOf(resolution, `resolution of ${what}`)).map((name) => resolutionOf(name, what));
  const names = aggregates === undefined ? undefined : listOf(aggregates, `aggregates of ${what}`);
  const kept = names === undefined ? fallback.aggregates : names.flatMap((name) => {
    if (typeof name === 'string' && Object.hasOwn(AGGREGATE_NAMES, name)) return AGGREGATE_NAMES[name]!;
    throw invalid(`${JSON.stringify(name)} among the aggregates of ${what} is none; there are ${Object.keys(AGGREGATE_NAMES).join(', ')}`);
  });
  return { resolutions: [...new Set(resolutions)], aggregates: [...new Set(kept)] };
}

function readRetention(value: unknown, what: string): WarmPolicy['retentionMs'] {
  const { retentionMs } = DEFAULT_WARM_POLICY;
  if (value === undefined) return retentionMs;
  if (typeof value === 'string') {
    const allMs = durationMs(value, what);
    return { '1m': allMs, '5m': allMs, '1h': allMs };
  }
  const own = Object.entries(objectOf(value, `retention of ${what}`)).map(([name, text]) => [resolutionOf(name, what), durationMs(text, what)] as const);
  return { ...retentionMs, ...Object.fromEntries(own) };
}

/** At least a day: less is not worth a roll-up, and is in the hot tier anyway. */
function durationMs(text: unknown, what: string): number {
  const parts = typeof text === 'string' ? /^(\d{1,6})([hdwy])$/.exec(text) : null;
  const ms = parts === null ? NaN : Number(parts[1]) * UNIT_MS[parts[2]!]!;
  if (!(ms >= DAY_MS)) throw invalid(`retention of ${what} is ${JSON.stringify(text)}; it must be a duration like 36h, 7d or 1y, at least 1d`);
  return ms;
}

function resolutionOf(name: unknown, what: string): Resolution {
  const known = RESOLUTIONS.find((each) => each === name);
  if (known === undefined) throw invalid(`${JSON.stringify(name)} of ${what} is no resolution; there are ${RESOLUTIONS.join(', ')}`);
  return known;
}

/** A value, or one with an operator before it: `=~http_.*`, `!=test`. A value that begins like an operator takes a `=` before it. */
function readMatcher(name: string, condition: unknown, where: string): Matcher {
  if (typeof condition !== 'string' || name === '') throw invalid(`${JSON.stringify(name)} of ${where} is ${JSON.stringify(condition)}; it must be the name of a label and a text`);
  const [, operator = '=', value = ''] = /^(=~|!~|!=|=)?([\s\S]*)$/.exec(condition)!;
  const matcher: Matcher = { name, type: operator as MatchType, value };
  try {
    compileMatcher(matcher);
  } catch (error) {
    throw invalid(`${JSON.stringify(name)} of ${where}: ${error instanceof Error ? error.message : String(error)}`);
  }
  return matcher;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid(`it is not valid JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function objectOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`${what} must be a JSON object`);
  return value as Record<string, unknown>;
}

function listOf(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid(`${what} must be a list`);
  return value as readonly unknown[];
}

function onlyKeys(value: Record<string, unknown>, keys: readonly string[], what: string): void {
  const other = Object.keys(value).find((key) => !keys.includes(key));
  if (other === undefined) return;
  const hint = other === 'hot' || other === 'cold' ? '; the other tiers have variables of their own' : '';
  throw invalid(`${what} has ${JSON.stringify(other)}; there are ${keys.join(', ')}${hint}`);
}

function invalid(reason: string): VarveError {
  return new VarveError('bad-data', `VARVE_TIERING: ${reason}`);
}
