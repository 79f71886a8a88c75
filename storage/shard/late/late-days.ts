import { assert } from '../../runtime/assert.ts';
import { DAY_MS } from '../../runtime/units.ts';
import type { LateSeries } from './late-batch.ts';

/**
 * Samples in groups that are of at most `daysMax` days each, the oldest days first; what is of few days stays one group as it is. A late batch
 * becomes a file for each of its days, so one of many more could neither be archived at once nor in parts. What a series has in a group is in
 * the order in which it came.
 */
export function groupedByDays(series: readonly LateSeries[], daysMax: number): LateSeries[][] {
  assert(daysMax > 0, 'a group has a day');
  const days = new Set<number>();
  for (const { timestampsMs } of series) for (const timeMs of timestampsMs) days.add(Math.floor(timeMs / DAY_MS));
  if (days.size <= daysMax) return series.length === 0 ? [] : [[...series]];
  const sorted = Float64Array.from(days).sort();
  const groupOf = new Map(Array.from(sorted, (day, i) => [day, Math.floor(i / daysMax)]));
  const groups: LateSeries[][] = Array.from({ length: Math.ceil(sorted.length / daysMax) }, () => []);
  for (const one of series) {
    const own = new Map<number, number[]>();
    for (const [i, timeMs] of one.timestampsMs.entries()) {
      const group = groupOf.get(Math.floor(timeMs / DAY_MS))!;
      const known = own.get(group);
      if (known === undefined) own.set(group, [i]);
      else known.push(i);
    }
    for (const [group, positions] of own) groups[group]!.push(taken(one, positions));
  }
  return groups;
}

function taken({ labels, timestampsMs, valueBits, startsMs }: LateSeries, positions: readonly number[]): LateSeries {
  return {
    labels,
    timestampsMs: Float64Array.from(positions, (i) => timestampsMs[i]!),
    valueBits: Uint32Array.from(positions.flatMap((i) => [valueBits[i * 2]!, valueBits[i * 2 + 1]!])),
    startsMs: Float64Array.from(positions, (i) => startsMs[i]!),
  };
}
