import type { SummaryPart, WindowHint } from '../../promql/series-source.ts';
import { dayOf } from '../../storage/catalog/iceberg/data-file.ts';
import { ROLLUP_TABLES, type RollupTable } from '../../storage/catalog/iceberg/rollup-tables.ts';
import type { Matcher } from '../../storage/model/matcher.ts';
import { DAY_MS } from '../../storage/runtime/units.ts';
import type { RollupAggregate } from '../../storage/warm/rollup-aggregates.ts';
import { covers } from '../../storage/warm/tiering-policy.ts';
import type { RollupDays } from '../../storage/warm/warm-archive.ts';

/** A resolution that all that is asked of a selector can be made from. */
export interface RollupCandidate extends RollupTable {
  /** The answer is the same as from samples, to the bit. */
  readonly isExact: boolean;
}

/** Where windows end between buckets, a window has at least so many: then each of its ends is off by a fifth of it at the most. */
const BUCKETS_PER_WINDOW_MIN = 5;

/**
 * Which roll-ups may answer, the coarsest first. Those of whole windows may always where the answer is the same; others only up to a
 * resolution that the caller allows, `undefined` for none. Nought says that nothing but samples will do.
 */
export function rollupCandidates(windows: readonly WindowHint[], maxSourceResolutionMs: number | undefined): RollupCandidate[] {
  if (windows.length === 0 || maxSourceResolutionMs === 0) return [];
  return ROLLUP_TABLES.flatMap((table): RollupCandidate[] => {
    const { resolutionMs } = table;
    const isWhole = windows.every(({ rangeMs, firstMs, stepMs, count }) => rangeMs % resolutionMs === 0 && firstMs % resolutionMs === 0 && (count <= 1 || stepMs % resolutionMs === 0));
    const isExact = isWhole && windows.every((window) => window.isExact);
    const isLongEnough = isWhole || windows.every(({ rangeMs }) => rangeMs >= BUCKETS_PER_WINDOW_MIN * resolutionMs);
    const isAllowed = maxSourceResolutionMs !== undefined && resolutionMs <= maxSourceResolutionMs && isLongEnough;
    return isExact || isAllowed ? [{ ...table, isExact }] : [];
  }).reverse();
}

/** Which part of a range a shard's roll-ups answer. Times are Unix milliseconds, both inclusive. */
export interface ShardCut {
  readonly shard: string;
  /** Days since 1970 of the starts of buckets. */
  readonly rollups: readonly { readonly candidate: RollupCandidate; readonly days: ReadonlySet<number> }[];
  /** What samples answer. */
  readonly rest: readonly { readonly startMs: number; readonly endMs: number }[];
}

export interface CutRequest {
  readonly selector: readonly Matcher[];
  readonly parts: ReadonlySet<SummaryPart>;
  readonly startMs: number;
  readonly endMs: number;
}

/** Gives each day of a range to the coarsest of the candidates that has it, with all that is asked for, and the rest to samples. Pure. */
export function cutRange(shard: string, candidates: readonly RollupCandidate[], known: readonly RollupDays[], { selector, parts, startMs, endMs }: CutRequest): ShardCut {
  const aggregates: readonly RollupAggregate[] = [...parts];
  const usable = candidates.map((candidate) => ({
    candidate,
    spans: known.filter((days) => days.table === candidate.name && days.shard === shard && covers(days.rules, selector, candidate.resolution, aggregates, days.hasSamples !== false)),
    days: new Set<number>(),
  }));
  const rest: { startMs: number; endMs: number }[] = [];
  for (const [firstDay, endDay] of stretchesOfDays(usable.flatMap(({ spans }) => spans), startMs, endMs)) {
    const chosen = usable.find(({ spans }) => spans.some((span) => span.firstDay <= firstDay && firstDay <= span.lastDay));
    if (chosen !== undefined) {
      for (let day = firstDay; day < endDay; day++) chosen.days.add(day);
      continue;
    }
    const [from, to] = [Math.max(startMs, firstDay * DAY_MS + 1), Math.min(endMs, endDay * DAY_MS)];
    const last = rest.at(-1);
    if (last?.endMs === from - 1) rest[rest.length - 1] = { startMs: last.startMs, endMs: to };
    else rest.push({ startMs: from, endMs: to });
  }
  return { shard, rollups: usable.flatMap(({ candidate, days }) => (days.size === 0 ? [] : [{ candidate, days }])), rest };
}

/**
 * The days of a range, cut wherever a span begins or ends: behind the last day of each stretch stands its end. A range may be of millions of
 * days, of which few have roll-ups: they are never gone through one by one.
 */
function stretchesOfDays(spans: readonly RollupDays[], startMs: number, endMs: number): [firstDay: number, endDay: number][] {
  // A day's buckets have what is later than its beginning, and the first moment of the day behind.
  const [first, end] = [dayOf(startMs - 1), dayOf(endMs - 1) + 1];
  const inside = spans.flatMap(({ firstDay, lastDay }) => [firstDay, lastDay + 1]).filter((day) => day > first && day < end);
  const cuts = [...new Set([first, ...inside, end])].sort((a, b) => a - b);
  return cuts.slice(1).map((cut, i) => [cuts[i]!, cut]);
}

/** Ranges of several shards as one list of ranges that do not touch, at most `countMax` of them. */
export function unionOf(ranges: readonly { readonly startMs: number; readonly endMs: number }[], countMax: number): { startMs: number; endMs: number }[] {
  const union: { startMs: number; endMs: number }[] = [];
  for (const { startMs, endMs } of [...ranges].sort((a, b) => a.startMs - b.startMs)) {
    const last = union.at(-1);
    if (last !== undefined && startMs <= last.endMs + 1) last.endMs = Math.max(last.endMs, endMs);
    else union.push({ startMs, endMs });
  }
  return union.length <= countMax ? union : [{ startMs: union[0]!.startMs, endMs: union.at(-1)!.endMs }];
}
