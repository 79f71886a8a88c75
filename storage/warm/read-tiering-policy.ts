import { SeriesRetention, type RetentionRule } from '../archive/series-retention.ts';
import { ROLLUP_TABLES } from '../catalog/iceberg/rollup-tables.ts';
import { compileMatcher } from '../model/compile-matcher.ts';
import type { Matcher, MatchType } from '../model/matcher.ts';
import { messageOf } from '../runtime/errors.ts';
import { jsonVariable } from '../runtime/json-variable.ts';
import { LIMITS } from '../runtime/limits.ts';
import { retentionMsOf } from '../runtime/retention-text.ts';
import { DAY_MS, HOUR_MS } from '../runtime/units.ts';
import { ROLLUP_AGGREGATES, type RollupAggregate } from './rollup-aggregates.ts';
import { DEFAULT_WARM_POLICY, DEFAULT_WARM_RETENTION_MS, type KeptRule, type Resolution, type TieringPolicy, type WarmRule } from './tiering-policy.ts';

const { invalid, parse, objectOf } = jsonVariable('VARVE_TIERING');

export type PolicyOfTenant = (tenant: string) => TieringPolicy;

/** What a rule says, whatever it leaves out filled in. */
type TierRule = WarmRule & KeptRule;

const RESOLUTIONS = ROLLUP_TABLES.map(({ resolution }) => resolution);
/** Less is not worth a roll-up, and is in the hot tier anyway. */
const WARM_LEAST = { text: '1d', ms: DAY_MS };
/** As of VARVE_ARCHIVE_RETENTION: what has just been archived must be readable for a day. */
const COLD_LEAST = { text: '3d', ms: 3 * DAY_MS };
/** Whatever is accepted can be read for an hour. A policy may ask for less, as the seed's does: where samples are changes no answer. */
const HOT_LEAST_MS = LIMITS.hotWindowMs + HOUR_MS;

/** What the seed calls them, and what a bucket keeps for them: the mean is the sum by the count, which is always there. */
const AGGREGATE_NAMES: Readonly<Record<string, readonly RollupAggregate[]>> = {
  ...Object.fromEntries(ROLLUP_AGGREGATES.map((name) => [name, [name]])),
  avg: ['sum'],
  count: [],
};

/** For all tenants without an entry of their own. */
const ALL = '*';

/**
 * Reads VARVE_TIERING: a JSON object from tenant to policy, `*` for all that are not named. A policy has the seed's shape, and rules for some
 * of the series, of which the first that matches one counts:
 *
 *   { "hot":  { "retention": "36h", "resolution": "raw" },
 *     "warm": { "retention": "7d" | { "5m": "7d", "1h": "1y" }, "resolution": "5m" | ["5m", "1h"], "aggregates": ["min", "max", "avg"] },
 *     "cold": { "retention": "365d", "resolution": "raw", "compression": "delta+zstd" },
 *     "rules": [{ "match": { "job": "node", "__name__": "=~http_.*" }, "warm": { "resolution": [] }, "cold": { "retention": "30d" } }] }
 *
 * What is left out is as by default, and in a rule as the policy itself says; `archiveRetentionMs` is the default of cold. Everything
 * about it must be right: data that nobody meant to lose must not hang on a typing error.
 */
export function readTieringPolicy(text: string | undefined, archiveRetentionMs: number = LIMITS.archiveRetentionMs): PolicyOfTenant {
  const kept: KeptRule = { matchers: [], warmMs: DEFAULT_WARM_RETENTION_MS, coldMs: archiveRetentionMs };
  const usual: TieringPolicy = { hotRetentionMs: undefined, warm: DEFAULT_WARM_POLICY, cold: SeriesRetention.ofAll(archiveRetentionMs), kept: [kept] };
  if (text === undefined || text.trim() === '') return () => usual;
  const table = objectOf(parse(text), 'it');
  const policies = new Map(Object.entries(table).map(([tenant, entry]) => [tenant, readPolicy(entry, JSON.stringify(tenant), archiveRetentionMs)]));
  const base = policies.get(ALL) ?? usual;
  return (tenant) => policies.get(tenant) ?? base;
}

function readPolicy(value: unknown, tenant: string, archiveRetentionMs: number): TieringPolicy {
  const what = `the policy of ${tenant}`;
  const policy = objectOf(value, what);
  onlyKeys(policy, ['hot', 'warm', 'cold', 'rules'], what);
  const [fallback] = DEFAULT_WARM_POLICY.rules as [WarmRule];
  const warm = objectOf(policy['warm'] ?? {}, `warm of ${tenant}`);
  onlyKeys(warm, ['retention', 'resolution', 'aggregates', 'rules'], `warm of ${tenant}`);
  const base: TierRule = { ...fallback, warmMs: DEFAULT_WARM_RETENTION_MS, coldMs: archiveRetentionMs };
  const last: TierRule = { matchers: [], ...readWarm(warm, base, `warm of ${tenant}`), coldMs: readCold(policy['cold'], base, `cold of ${tenant}`) };
  if (policy['rules'] !== undefined && warm['rules'] !== undefined) throw invalid(`${what} has rules, and its warm has rules too; all of them must stand in ${what} itself`);
  const rules = [
    ...listOf(policy['rules'] ?? [], `rules of ${tenant}`).map((entry, i) => readRule(entry, last, `rule ${i + 1} of ${tenant}`)),
    ...listOf(warm['rules'] ?? [], `rules of warm of ${tenant}`).map((entry, i) => readWarmRule(entry, last, `rule ${i + 1} of warm of ${tenant}`)),
    last,
  ];
  const retention = (msOf: (rule: TierRule) => number): SeriesRetention => new SeriesRetention(withoutNeedless(rules.map((rule): RetentionRule => ({ matchers: rule.matchers, retentionMs: msOf(rule) }))));
  return {
    hotRetentionMs: readHot(policy['hot'], `hot of ${tenant}`),
    warm: {
      rules: withoutNeedless(rules.map(({ matchers, resolutions, aggregates }): WarmRule => ({ matchers, resolutions, aggregates }))),
      retention: { '1m': retention(({ warmMs }) => warmMs['1m']), '5m': retention(({ warmMs }) => warmMs['5m']), '1h': retention(({ warmMs }) => warmMs['1h']) },
    },
    cold: retention(({ coldMs }) => coldMs),
    kept: rules.map(({ matchers, warmMs, coldMs }) => ({ matchers, warmMs, coldMs })),
  };
}

/** Without the rules at the end that say what the last one says of everything: a rule may be about another tier alone. */
function withoutNeedless<Rule extends { readonly matchers: readonly Matcher[] }>(rules: readonly Rule[]): Rule[] {
  const last = rules.at(-1)!;
  const said = ({ matchers: _, ...rest }: Rule): string => JSON.stringify(rest);
  let end = rules.length - 1;
  while (end > 0 && said(rules[end - 1]!) === said(last)) end--;
  return [...rules.slice(0, end), last];
}

function readRule(entry: unknown, last: TierRule, where: string): TierRule {
  const rule = objectOf(entry, where);
  if (Object.hasOwn(rule, 'hot')) throw invalid(`${where} has "hot"; shards keep all series for as long: that stands in the policy itself`);
  onlyKeys(rule, ['match', 'warm', 'cold'], where);
  const warm = objectOf(rule['warm'] ?? {}, `warm of ${where}`);
  onlyKeys(warm, ['retention', 'resolution', 'aggregates'], `warm of ${where}`);
  return { matchers: readMatch(rule['match'], where), ...readWarm(warm, last, `warm of ${where}`), coldMs: readCold(rule['cold'], last, `cold of ${where}`) };
}

/** One that stands in warm, and is about nothing else. */
function readWarmRule(entry: unknown, last: TierRule, where: string): TierRule {
  const rule = objectOf(entry, where);
  onlyKeys(rule, ['match', 'retention', 'resolution', 'aggregates'], where);
  return { matchers: readMatch(rule['match'], where), ...readWarm(rule, last, where), coldMs: last.coldMs };
}

function readMatch(value: unknown, where: string): Matcher[] {
  const matchers = Object.entries(objectOf(value, `match of ${where}`)).map(([name, condition]) => readMatcher(name, condition, where));
  if (matchers.length === 0) throw invalid(`match of ${where} is empty; what is meant for all series stands in the policy itself`);
  return matchers;
}

function readHot(value: unknown, what: string): number | undefined {
  const hot = objectOf(value ?? {}, what);
  onlyKeys(hot, ['retention', 'resolution'], what);
  mustBe(hot, 'resolution', 'raw', what);
  return hot['retention'] === undefined ? undefined : Math.max(HOT_LEAST_MS, durationMs(hot['retention'], what, { text: '1h', ms: HOUR_MS }));
}

function readCold(value: unknown, { coldMs }: TierRule, what: string): number {
  const cold = objectOf(value ?? {}, what);
  onlyKeys(cold, ['retention', 'resolution', 'compression'], what);
  mustBe(cold, 'resolution', 'raw', what);
  mustBe(cold, 'compression', 'delta+zstd', what);
  return cold['retention'] === undefined ? coldMs : durationMs(cold['retention'], what, COLD_LEAST);
}

function readWarm(entry: Record<string, unknown>, fallback: TierRule, what: string): Pick<TierRule, 'resolutions' | 'aggregates' | 'warmMs'> {
  const { resolution, aggregates, retention } = entry;
  const resolutions = resolution === undefined ? fallback.resolutions : (typeof resolution === 'string' ? [resolution] : listOf(resolution, `resolution of ${what}`)).map((name) => resolutionOf(name, what));
  const names = aggregates === undefined ? undefined : listOf(aggregates, `aggregates of ${what}`);
  const kept = names === undefined ? fallback.aggregates : names.flatMap((name) => {
    if (typeof name === 'string' && Object.hasOwn(AGGREGATE_NAMES, name)) return AGGREGATE_NAMES[name]!;
    throw invalid(`${JSON.stringify(name)} among the aggregates of ${what} is none; there are ${Object.keys(AGGREGATE_NAMES).join(', ')}`);
  });
  return { resolutions: [...new Set(resolutions)], aggregates: [...new Set(kept)], warmMs: readWarmRetention(retention, fallback.warmMs, what) };
}

function readWarmRetention(value: unknown, fallback: TierRule['warmMs'], what: string): TierRule['warmMs'] {
  if (value === undefined) return fallback;
  if (typeof value === 'string') {
    const allMs = durationMs(value, what, WARM_LEAST);
    return { '1m': allMs, '5m': allMs, '1h': allMs };
  }
  const own = Object.entries(objectOf(value, `retention of ${what}`)).map(([name, text]) => [resolutionOf(name, what), durationMs(text, what, WARM_LEAST)] as const);
  return { ...fallback, ...Object.fromEntries(own) };
}

function durationMs(text: unknown, what: string, least: { readonly text: string; readonly ms: number }): number {
  const ms = retentionMsOf(text, least.ms);
  if (ms === undefined) throw invalid(`retention of ${what} is ${JSON.stringify(text)}; it must be a duration like 36h, 7d or 1y, at least ${least.text} and at most 1000y`);
  return ms;
}

/** What the seed's policy says, and what is always so. */
function mustBe(value: Record<string, unknown>, key: string, only: string, what: string): void {
  if (value[key] !== undefined && value[key] !== only) throw invalid(`${key} of ${what} is ${JSON.stringify(value[key])}; it is always ${JSON.stringify(only)}`);
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
    throw invalid(`${JSON.stringify(name)} of ${where}: ${messageOf(error)}`);
  }
  return matcher;
}

function listOf(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid(`${what} must be a list`);
  return value as readonly unknown[];
}

function onlyKeys(value: Record<string, unknown>, keys: readonly string[], what: string): void {
  const other = Object.keys(value).find((key) => !keys.includes(key));
  if (other !== undefined) throw invalid(`${what} has ${JSON.stringify(other)}; there are ${keys.join(', ')}`);
}
