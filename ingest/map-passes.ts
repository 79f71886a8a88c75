import type { NumberedMap } from '../storage/shard-maps.ts';
import type { TenantShards } from '../storage/shard-router.ts';
import type { TimeBounds } from './time-bounds.ts';

/**
 * One pass over a request: what it does with samples is for those whose times are of one shard map, and others are passed over. A sample's shard
 * follows from its own time, so that it goes to the same shard whenever it is sent again.
 *
 * Nearly every request is of one map, and then it has one pass: the newest map comes first, and earlier ones follow only where that has come upon
 * samples of theirs. While a door takes times of one map alone, which is so but for a day behind a change, the times are those of the request.
 */
export interface MapPass {
  readonly map: NumberedMap;
  readonly times: TimeBounds;
  /** What is refused for other reasons than its time is told of in the first pass, where the time is not known. */
  readonly isFirst: boolean;
}

/** Of the newest map that a sample can be of. `whole` are the request's times. */
export function firstPass({ maps }: Pick<TenantShards, 'maps'>, whole: TimeBounds): MapPass {
  const map = maps.findLast(({ fromMs }) => fromMs <= whole.newestMs)!;
  return { map, times: whole.ofPass(map, true), isFirst: true };
}

/** When a pass has been over the whole request: the next one, if it is needed. */
export function nextPass({ maps }: Pick<TenantShards, 'maps'>, { map, times }: MapPass): MapPass | undefined {
  const earlier = times.hasEarlier ? maps[maps.indexOf(map) - 1] : undefined;
  return earlier && { map: earlier, times: times.whole.ofPass(earlier, false), isFirst: false };
}
