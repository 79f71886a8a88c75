import type { NumberedMap } from '../../storage/shard-maps.ts';

/**
 * A tenant's shard maps as answers show them, by rising epoch. `from` and `until` are those of the samples' own times, RFC 3339, null where there
 * is none; `firstShard` is the number of its first shard in metrics and messages. `state`: `to come`; `current`; `old`, which has samples that are not
 * in the archive yet or may have; `drained`, which has none.
 */
export function shardMapsJson(maps: readonly NumberedMap[], nowMs: number): unknown[] {
  return maps.map((map) => ({
    epoch: map.epoch,
    shardCount: map.shardCount,
    firstShard: map.firstShard,
    from: timeText(map.fromMs),
    until: timeText(map.untilMs),
    state: stateOf(map, nowMs),
  }));
}

function stateOf({ fromMs, untilMs, isDrained }: NumberedMap, nowMs: number): string {
  if (nowMs < fromMs) return 'to come';
  if (nowMs < untilMs) return 'current';
  return isDrained === true ? 'drained' : 'old';
}

function timeText(timeMs: number): string | null {
  return Number.isFinite(timeMs) ? new Date(timeMs).toISOString() : null;
}
