import { describe, expect, test } from 'vitest';
import { noteCommitted } from '../../../storage/catalog/archive-shards.ts';
import type { ShardMap } from '../../../storage/catalog/catalog-api.ts';
import { CatalogStore } from '../../../storage/catalog/catalog-store.ts';
import { markDrained } from '../../../storage/catalog/drained-maps.ts';
import { planShardMap } from '../../../storage/catalog/shard-map-plan.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../storage/runtime/units.ts';
import { mapOfTime, numberMaps, shardNamesOf, shardNumbers, shardOf } from '../../../storage/shard-maps.ts';
import { faultsOf, FaultySql } from '../../fakes/faulty-sql.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';

const NOON = Date.UTC(2024, 0, 14, 12);
const AHEAD_MS = LIMITS.timestampAheadMsMax;
const ONE_MAP: readonly ShardMap[] = [{ epoch: 1, fromMs: 0, shardCount: 1 }];
const at = (hours: number): number => NOON + hours * HOUR_MS + 1;

function opened(sql = new NodeSql(), shardCount = 1): CatalogStore {
  const catalog = new CatalogStore(sql, new SeededRandom(1));
  catalog.routing(shardCount);
  return catalog;
}

describe('planShardMap', () => {
  test('a map begins behind the hour by which all know it, and all samples that can be there', () => {
    const fromMs = (nowMs: number, aheadMs = AHEAD_MS) => planShardMap(ONE_MAP, 4, aheadMs, nowMs);
    const leadMs = AHEAD_MS + LIMITS.shardMapsSureMs + LIMITS.clocksDifferMs;
    expect(fromMs(NOON + HOUR_MS - leadMs)).toEqual({ kind: 'add', fromMs: at(1) });
    expect(fromMs(NOON + HOUR_MS - leadMs + 1)).toEqual({ kind: 'add', fromMs: at(2) });
    expect(fromMs(NOON, DAY_MS)).toEqual({ kind: 'add', fromMs: at(25) });
  });

  const announced: readonly ShardMap[] = [...ONE_MAP, { epoch: 2, fromMs: at(1), shardCount: 4 }];
  const many: readonly ShardMap[] = Array.from({ length: LIMITS.shardMapsMax }, (_, i) => ({ epoch: i + 1, fromMs: i, shardCount: 1 + (i % 2) }));
  test.each<[string, readonly ShardMap[], number, ReturnType<typeof planShardMap>]>([
    ['the number that is in force', ONE_MAP, 1, { kind: 'unchanged' }],
    ['the number that is to come', announced, 4, { kind: 'unchanged' }],
    ['another one while one is to come', announced, 1, { kind: 'refuse', message: '4 shards take effect at 2024-01-14T13:00:00.001Z, and one change is announced at a time: ask for another number from then on' }],
    ['none', ONE_MAP, 0, { kind: 'refuse', message: '0 shards cannot be had: it must be a whole number from 1 to the limit shardsMax of 64' }],
    ['half a shard', ONE_MAP, 1.5, { kind: 'refuse', message: '1.5 shards cannot be had: it must be a whole number from 1 to the limit shardsMax of 64' }],
    ['as many as can be had', ONE_MAP, 64, { kind: 'add', fromMs: at(1) }],
    ['more', ONE_MAP, 65, { kind: 'refuse', message: '65 shards cannot be had: it must be a whole number from 1 to the limit shardsMax of 64' }],
    ['one map more than there may be', many, 9, { kind: 'refuse', message: "the tenant's number of shards has been changed as often as it can be, the limit shardMapsMax is 16" }],
    ['the last map that there may be', many.slice(1), 9, { kind: 'add', fromMs: at(1) }],
  ])('%s', (_, maps, shardCount, wanted) => {
    expect(planShardMap(maps, shardCount, AHEAD_MS, NOON)).toEqual(wanted);
  });

  test('another one as soon as that is in force', () => {
    expect(planShardMap(announced, 1, AHEAD_MS, at(1) - 1).kind).toBe('refuse');
    expect(planShardMap(announced, 1, AHEAD_MS, at(1))).toEqual({ kind: 'add', fromMs: at(2) });
  });
});

describe('the catalog', () => {
  const request = { shardCount: 4, timestampAheadMs: AHEAD_MS };
  const TWO_MAPS = [...ONE_MAP, { epoch: 2, fromMs: at(1), shardCount: 4 }];

  test('has a map from when it says so, for good', () => {
    const sql = new NodeSql();
    const before = opened(sql).routing(9);
    expect(opened(sql).addShardMap(request, NOON)).toEqual({ version: 1, status: 'added', shardMaps: TWO_MAPS });
    expect(new CatalogStore(new NodeSql(sql.database), new SeededRandom(2)).routing(9)).toEqual({ ...before, shardMaps: TWO_MAPS });
    expect(opened(sql).addShardMap(request, NOON + 3 * MINUTE_MS)).toEqual({ version: 1, status: 'unchanged', shardMaps: TWO_MAPS });
    expect(opened(sql).addShardMap({ ...request, shardCount: 1 }, NOON)).toMatchObject({ status: 'refused' });
    expect(opened(sql).routing(9).shardMaps).toEqual(TWO_MAPS);
  });

  test('when storage breaks at any call, there is one whole routing, which has been told or can be asked for again', () => {
    const whole = new NodeSql();
    opened(whole);
    const counting = new FaultySql(whole.copy());
    new CatalogStore(counting, new SeededRandom(1)).addShardMap(request, NOON);
    const outcomes = new Set<number>();
    for (const when of ['before', 'after'] as const) {
      for (const call of faultsOf(counting, when)) {
        const sql = whole.copy();
        expect(() => new CatalogStore(new FaultySql(sql, { call, when }), new SeededRandom(1)).addShardMap(request, NOON)).toThrow('storage fault');
        const left = new CatalogStore(new NodeSql(sql.database), new SeededRandom(2));
        const { shardMaps } = left.routing(9);
        outcomes.add(shardMaps.length);
        expect([ONE_MAP, TWO_MAPS]).toContainEqual(shardMaps);
        expect(left.addShardMap(request, NOON)).toMatchObject({ status: shardMaps.length === 1 ? 'added' : 'unchanged', shardMaps: TWO_MAPS });
      }
    }
    expect([...outcomes].sort()).toEqual([1, 2]);
  });

  test('whatever bit of a second map is flipped, or if it is lost, the routing is refused', () => {
    const sql = new NodeSql();
    opened(sql).addShardMap(request, NOON);
    const spoilt = (statement: string, ...parameters: number[]): void => {
      const copy = sql.copy();
      copy.run(statement, ...parameters);
      expect(() => new CatalogStore(copy, new SeededRandom(2)).routing(4), `${statement} ${parameters.join()}`).toThrow('damaged storage: tenant 1');
      expect(() => new CatalogStore(copy, new SeededRandom(2)).addShardMap(request, NOON)).toThrow('damaged storage: tenant 1');
    };
    spoilt('DELETE FROM shard_map WHERE epoch = 2');
    spoilt('DELETE FROM shard_map WHERE epoch = 1');
    for (let bit = 0; bit < 40; bit++) {
      const flipped = Number(BigInt(at(1)) ^ (1n << BigInt(bit)));
      spoilt('UPDATE shard_map SET from_ms = ? WHERE epoch = 2', flipped);
    }
    for (let bit = 0; bit < 7; bit++) spoilt('UPDATE shard_map SET shard_count = ? WHERE epoch = 2', 4 ^ (1 << bit));
  });

  test('that has begun anew gives no shard the name of one that has been', () => {
    const sql = new NodeSql();
    const catalog = opened(sql);
    for (const shard of ['1/0', '12/3', '9/1']) noteCommitted(sql, shard, 1, NOON);
    expect(catalog.addShardMap(request, NOON)).toMatchObject({ shardMaps: [ONE_MAP[0], { epoch: 13, shardCount: 4 }] });
  });
});

describe('markDrained', () => {
  const maps: readonly ShardMap[] = [{ epoch: 1, fromMs: 0, shardCount: 2 }, { epoch: 2, fromMs: at(1), shardCount: 1 }, { epoch: 3, fromMs: at(4 * 24), shardCount: 3 }];
  const oldMs = 2 * 36 * HOUR_MS + DAY_MS;
  type Archived = readonly (readonly [shard: string, untilMs: number | undefined])[];

  test.each<[string, { nowMs: number; archived: Archived; isArchived?: boolean }, readonly number[]]>([
    ['nothing of it is old', { nowMs: at(1) + oldMs - 1, archived: [['1/0', at(30)]] }, []],
    ['it is, and the archive has all of it', { nowMs: at(1) + oldMs, archived: [['1/0', at(30)], ['1/1', at(1)]] }, [1]],
    ['a shard has never had anything', { nowMs: at(1) + oldMs, archived: [['1/0', at(1)], ['2/0', at(30)]] }, [1]],
    ['a shard has something that is not archived', { nowMs: at(1) + oldMs, archived: [['1/0', at(1)], ['1/1', at(1) - 1], ['2/0', at(30)]] }, []],
    ['nobody knows what a shard has archived', { nowMs: at(1) + oldMs, archived: [['1/0', at(1)], ['1/1', undefined], ['2/0', at(30)]] }, []],
    ['the archive has been away since', { nowMs: at(1) + oldMs, archived: [['1/0', at(1)], ['2/0', at(24)]] }, []],
    ['nothing was ever archived', { nowMs: at(1) + oldMs, archived: [] }, []],
    ['there is no archive', { nowMs: at(1) + oldMs, archived: [], isArchived: false }, [1]],
    ['there is none, and it is not old', { nowMs: at(1) + oldMs - 1, archived: [], isArchived: false }, []],
    ['long after, the newest stays', { nowMs: at(1000 * 24), archived: [['1/0', at(5)], ['2/0', at(97)], ['3/0', at(900)]] }, [1, 2]],
  ])('%s', (_, { nowMs, archived, isArchived = true }, wanted) => {
    const sql = new NodeSql();
    opened(sql);
    for (const [shard, untilMs] of archived) noteCommitted(sql, shard, 1, untilMs);
    const marked = markDrained(sql, maps, { nowMs, hotRetentionMs: 36 * HOUR_MS, isArchived });
    expect(marked.map(({ isDrained: _isDrained, ...map }) => map)).toEqual(maps);
    expect(marked.flatMap(({ epoch, isDrained }) => (isDrained === true ? [epoch] : []))).toEqual(wanted);
  });
});

test('shards are numbered through, whatever has drained', () => {
  const maps = numberMaps([{ epoch: 1, fromMs: 0, shardCount: 2, isDrained: true }, { epoch: 3, fromMs: 100, shardCount: 3 }, { epoch: 4, fromMs: 200, shardCount: 1 }]);
  expect(shardNamesOf(maps)).toEqual(['1/0', '1/1', '3/0', '3/1', '3/2', '4/0']);
  expect(shardNumbers({ maps })).toEqual([2, 3, 4, 5]);
  expect([-5, 0, 99, 100, 199, 200, 1e9].map((timeMs) => mapOfTime(maps, timeMs).epoch)).toEqual([1, 1, 1, 3, 3, 4, 4]);
  expect([0, 1, 2, 3, 0xffffffff].map((high) => shardOf(maps[1]!, high))).toEqual([2, 3, 4, 2, 2]);
});
