import { expect, test } from 'vitest';
import type { TenantRouting } from '../../../storage/catalog/catalog-api.ts';
import { CatalogStore } from '../../../storage/catalog/catalog-store.ts';
import { faultsOf, FaultySql } from '../../fakes/faulty-sql.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { StatesLeftBehind } from '../../fakes/left-behind.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';

test('the routing is made once and the same for ever', () => {
  const sql = new NodeSql();
  const first = new CatalogStore(sql, new SeededRandom(1)).routing(4);
  expect(first).toMatchObject({ version: 1, shardMaps: [{ epoch: 1, fromMs: 0, shardCount: 4 }] });
  expect(new Set(first.seriesHashKey).size).toBeGreaterThan(4);
  expect(new CatalogStore(new NodeSql(sql.database), new SeededRandom(2)).routing(9)).toEqual(first);
});

test('data of a later version is refused', () => {
  const sql = new NodeSql();
  void new CatalogStore(sql, new SeededRandom(1));
  sql.run('INSERT INTO schema_version (version) VALUES (?)', 99);
  expect(() => new CatalogStore(sql, new SeededRandom(1))).toThrow('schema version 99');
});

test('when storage breaks at any call, the next instance makes or finds one whole routing', () => {
  const counting = new FaultySql(new NodeSql());
  new CatalogStore(counting, new SeededRandom(1)).routing(4);
  const clock = new FixedClock(0);
  const states = new StatesLeftBehind();
  for (const when of ['before', 'after'] as const) {
    for (const call of faultsOf(counting, when)) {
      const sql = new NodeSql();
      expect(() => new CatalogStore(new FaultySql(sql, { call, when }), new SeededRandom(1)).routing(4)).toThrow('storage fault');
      if (!states.isNew({ databases: [sql], clock })) continue;
      const routing = new CatalogStore(sql, new SeededRandom(2)).routing(4);
      expect(routing.shardMaps.length, `call ${call}, ${when}`).toBe(1);
      expect(new CatalogStore(sql, new SeededRandom(3)).routing(4)).toEqual(routing);
    }
  }
  // Nothing, all of it, and between them the many steps of the schema that are for good by themselves.
  expect(states.count).toBeGreaterThan(50);
});

/** A catalog as a build of before the check left it: in the version before, with a routing. */
function before(): { readonly old: NodeSql; readonly routing: TenantRouting } {
  const sql = new NodeSql();
  const routing = new CatalogStore(sql, new SeededRandom(1)).routing(4);
  sql.run('ALTER TABLE tenant DROP COLUMN routing_check');
  sql.run('DELETE FROM schema_version WHERE version = (SELECT max(version) FROM schema_version)');
  return { old: sql, routing };
}

test('whatever bit of the key, of a map or of the check is flipped, the routing is refused, and no other one is made', () => {
  const sql = new NodeSql();
  const routing = new CatalogStore(sql, new SeededRandom(1)).routing(4);
  const refusesAll = (column: string, table: string, whole: Uint8Array | number, bits: number): void => {
    for (let bit = 0; bit < bits; bit++) {
      const damaged = whole instanceof Uint8Array ? whole.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte)) : whole ^ (1 << bit);
      sql.run(`UPDATE ${table} SET ${column} = ?`, damaged);
      const catalog = new CatalogStore(new NodeSql(sql.database), new SeededRandom(2));
      expect(() => catalog.routing(4), `${column} bit ${bit}`).toThrow(/^damaged storage: tenant 1: key of the series ids \(series_hash_key\) and shard maps: damaged/);
      sql.run(`UPDATE ${table} SET ${column} = ?`, whole);
    }
  };
  refusesAll('series_hash_key', 'tenant', routing.seriesHashKey, 128);
  refusesAll('shard_count', 'shard_map', 4, 31);
  refusesAll('epoch', 'shard_map', 1, 31);
  const { routing_check } = sql.all<{ routing_check: number }>('SELECT routing_check FROM tenant')[0]!;
  refusesAll('routing_check', 'tenant', routing_check | 0, 31);
  sql.run('UPDATE tenant SET routing_check = ?', routing_check);
  for (const statement of ["UPDATE tenant SET series_hash_key = x'00'", 'DELETE FROM shard_map']) {
    const copy = sql.copy();
    copy.run(statement);
    expect(() => new CatalogStore(copy, new SeededRandom(2)).routing(4)).toThrow('damaged storage: tenant 1: key of the series ids');
  }
  expect(new CatalogStore(sql, new SeededRandom(2)).routing(9)).toEqual(routing);
});

test('a routing of before there was a check is taken as it is, and guarded from then on', () => {
  const { old, routing } = before();
  expect(new CatalogStore(old, new SeededRandom(2)).routing(9)).toEqual(routing);
  old.run('UPDATE tenant SET series_hash_key = zeroblob(16)');
  expect(() => new CatalogStore(old, new SeededRandom(2)).routing(9)).toThrow('damaged storage');
});

test('taking it over may break anywhere', () => {
  const { old, routing } = before();
  const counting = new FaultySql(old.copy());
  new CatalogStore(counting, new SeededRandom(1)).routing(4);
  for (const when of ['before', 'after'] as const) {
    for (const call of faultsOf(counting, when)) {
      const sql = old.copy();
      expect(() => new CatalogStore(new FaultySql(sql, { call, when }), new SeededRandom(1)).routing(4)).toThrow('storage fault');
      expect(new CatalogStore(new NodeSql(sql.database), new SeededRandom(3)).routing(4), `call ${call}, ${when}`).toEqual(routing);
      sql.run('UPDATE tenant SET series_hash_key = zeroblob(16)');
      expect(() => new CatalogStore(new NodeSql(sql.database), new SeededRandom(3)).routing(4)).toThrow('damaged storage');
    }
  }
});
