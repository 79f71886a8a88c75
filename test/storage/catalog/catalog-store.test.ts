import { expect, test } from 'vitest';
import { CatalogStore } from '../../../storage/catalog/catalog-store.ts';
import { faultsOf, FaultySql } from '../../fakes/faulty-sql.ts';
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
  for (const when of ['before', 'after'] as const) {
    for (const call of faultsOf(counting, when)) {
      const sql = new NodeSql();
      expect(() => new CatalogStore(new FaultySql(sql, { call, when }), new SeededRandom(1)).routing(4)).toThrow('storage fault');
      const routing = new CatalogStore(sql, new SeededRandom(2)).routing(4);
      expect(routing.shardMaps.length, `call ${call}, ${when}`).toBe(1);
      expect(new CatalogStore(sql, new SeededRandom(3)).routing(4)).toEqual(routing);
    }
  }
});
