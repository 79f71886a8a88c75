import { partitionDay, type ArchiveTableName, type TableDefinition } from '../catalog/iceberg/table-definition.ts';
import { tableDefinition } from '../catalog/iceberg/table-definitions.ts';
import { compileMatcher, compileSelector } from '../model/compile-matcher.ts';
import type { Labels } from '../model/labels.ts';
import type { Matcher } from '../model/matcher.ts';
import { xxhash64 } from '../model/xxhash64.ts';
import { assert, must } from '../runtime/assert.ts';
import type { Clock } from '../runtime/clock.ts';

const utf8 = new TextEncoder();

/** How long a table keeps the rows of the series that all of some matchers match. */
export interface RetentionRule {
  readonly matchers: readonly Matcher[];
  readonly retentionMs: number;
}

/** Whether a series' rows have left. */
export type LeaverTest = (labels: Labels) => boolean;

/** How long a table keeps its rows; `undefined` for ever. */
export type RetentionOf = (table: ArchiveTableName) => SeriesRetention | undefined;

/** Which series' rows have left a partition (its first day), though files may have them still; `undefined` when none have. */
export type LeaversOf = (table: ArchiveTableName, partition: number) => LeaverTest | undefined;

/**
 * How long a table keeps its rows, series by series: the first rule that matches a series counts. As partitions leave whole, so do the rows of
 * a series in one: when its end is longer ago than the retention. So of a series a partition has all or nothing.
 */
export class SeriesRetention {
  readonly shortestMs: number;
  readonly longestMs: number;
  /** All that rules have, rising, each once. */
  readonly retentionsMs: readonly number[];
  readonly #rules: readonly (RetentionRule & { readonly matches: (labels: Labels) => boolean })[];

  /** The last rule matches everything. */
  constructor(rules: readonly RetentionRule[]) {
    assert(rules.at(-1)?.matchers.length === 0, 'the last rule of a retention matches everything');
    this.#rules = rules.map((rule) => ({ ...rule, matches: compileSelector(rule.matchers) }));
    this.retentionsMs = [...new Set(rules.map(({ retentionMs }) => retentionMs))].sort((a, b) => a - b);
    this.shortestMs = this.retentionsMs[0]!;
    this.longestMs = this.retentionsMs.at(-1)!;
  }

  static ofAll(retentionMs: number): SeriesRetention {
    return new SeriesRetention([{ matchers: [], retentionMs }]);
  }

  /** Milliseconds. */
  of(labels: Labels): number {
    const rule = this.#rules.find(({ matches }) => matches(labels));
    return must(rule, 'a rule for every series').retentionMs;
  }

  /** All of it, for `shortestLengthened`. */
  get text(): string {
    return JSON.stringify(this.#rules.map((rule) => [matchersText(rule), rule.retentionMs]));
  }

  /** Milliseconds: the shortest that some series, which are kept for longer now, may have been kept by former rules; `undefined` when there are none. */
  shortestLengthened(formerText: string): number | undefined {
    const former = JSON.parse(formerText) as [matchers: string, retentionMs: number][];
    const isSameSeries = former.length === this.#rules.length && former.every(([matchers], i) => matchers === matchersText(this.#rules[i]!));
    // Where rules match otherwise than before, any of them may match what any of the former did.
    const lengthened = former.filter(([, retentionMs], i) => retentionMs < (isSameSeries ? this.#rules[i]!.retentionMs : this.longestMs));
    return lengthened.length === 0 ? undefined : Math.min(...lengthened.map(([, retentionMs]) => retentionMs));
  }

  /** Says what has left a partition, when it is the rules up to a retention whose series have: equal marks leave the same behind. */
  markOf(retentionMs: number): string {
    const text = JSON.stringify(this.#rules.map((rule) => [rule.matchers.map(({ name, type, value }) => [name, type, value]), rule.retentionMs <= retentionMs]));
    return xxhash64(utf8.encode(text)).toString(16).padStart(16, '0');
  }
}

function matchersText({ matchers }: RetentionRule): string {
  return JSON.stringify(matchers.map(({ name, type, value }) => [name, type, value]));
}

/** First day of the oldest partition that is kept. */
export function oldestKept(definition: TableDefinition, retentionMs: number, nowMs: number): number {
  return partitionDay(definition, nowMs - retentionMs);
}

/** Where all series are kept for as long, none leaves before its partition does, and nobody is asked. */
export function leaversBy(retentionOf: RetentionOf, clock: Clock): LeaversOf {
  return (table, partition) => {
    const retention = retentionOf(table);
    if (retention === undefined || retention.shortestMs === retention.longestMs) return undefined;
    const definition = tableDefinition(table);
    const nowMs = clock.nowMs();
    if (partition >= oldestKept(definition, retention.shortestMs, nowMs)) return undefined;
    const left = new Set(retention.retentionsMs.filter((retentionMs) => partition < oldestKept(definition, retentionMs, nowMs)));
    return (labels) => left.has(retention.of(labels));
  };
}

/** Rules that may be the first to match some series that a selector selects. */
export function mayApply<Rule extends { readonly matchers: readonly Matcher[] }>(rules: readonly Rule[], selector: readonly Matcher[]): Rule[] {
  const found: Rule[] = [];
  for (const rule of rules) {
    const relations = rule.matchers.map((matcher) => relationOf(matcher, selector));
    if (relations.includes('never')) continue;
    found.push(rule);
    if (relations.every((relation) => relation === 'always')) break;
  }
  return found;
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
