import { expect, test } from 'vitest';
import { HotStore } from '../../../storage/shard/hot-store.ts';
import { encodeSeriesBlock } from '../../../storage/shard/index/series-block.ts';
import { encodeWalRow } from '../../../storage/shard/log/wal.ts';
import { migrate } from '../../../storage/shard/shard-schema.ts';
import { everyCall, FaultySql } from '../../fakes/faulty-sql.ts';
import { FixedClock } from '../../fakes/fixed-clock.ts';
import { StatesLeftBehind } from '../../fakes/left-behind.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { bitsOf, idOf, named, write } from './batches.ts';
import { dump } from './store-model.ts';

/*
 * Migrations of a shard, with storage that breaks before and behind each call. I1, I6: the instance that wakes reads all that was there, once.
 * I2: and nothing else. I4: the migration that is begun again ends. I8: what was read before it is read behind it, to the bit.
 */

/** A database as schema version 1 left it: two series, a log of one batch, nothing sealed. */
function databaseOfVersion1(): NodeSql {
  const sql = new NodeSql();
  for (const statement of [
    'CREATE TABLE schema_version (version INTEGER PRIMARY KEY)',
    'INSERT INTO schema_version (version) VALUES (1)',
    `CREATE TABLE shard_state (id INTEGER PRIMARY KEY CHECK (id = 1), sealed_sequence INTEGER NOT NULL, next_segment INTEGER NOT NULL,
      next_seal INTEGER NOT NULL)`,
    'INSERT INTO shard_state (id, sealed_sequence, next_segment, next_seal) VALUES (1, 0, 1, 1)',
    'CREATE TABLE wal (slot INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, samples BLOB NOT NULL)',
    'CREATE TABLE series_block (first_ref INTEGER PRIMARY KEY, series_count INTEGER NOT NULL, definitions BLOB NOT NULL)',
    `CREATE TABLE segment (segment INTEGER PRIMARY KEY, seal INTEGER NOT NULL, min_time_ms INTEGER NOT NULL, max_time_ms INTEGER NOT NULL,
      first_metric TEXT NOT NULL, last_metric TEXT NOT NULL, sample_count INTEGER NOT NULL, samples BLOB NOT NULL)`,
  ]) {
    sql.run(statement);
  }
  const definitions = ['a', 'b'].map((name) => {
    const [low, high, check] = idOf(named(name));
    return { low, high, check, labels: named(name) };
  });
  sql.run('INSERT INTO series_block (first_ref, series_count, definitions) VALUES (0, 2, ?)', encodeSeriesBlock(definitions));
  const valueBits = Uint32Array.from([...bitsOf(1), ...bitsOf(2)]);
  const row = encodeWalRow({ sampleCount: 2, refs: Uint32Array.of(0, 1), timestampsMs: Float64Array.of(10, 10), valueBits });
  sql.run('INSERT INTO wal (slot, sequence, samples) VALUES (0, 1, ?)', row);
  return sql;
}

/** What is done goes on from each state once (left-behind.ts); no time goes by. */
const clock = new FixedClock(0);

const READ = [
  ['a', ['10:3ff00000:0']],
  ['b', ['10:40000000:0']],
];

test('a database of version 1 is taken over as it is, and goes on', () => {
  const store = new HotStore(databaseOfVersion1());
  expect(dump(store)).toEqual(READ);
  write(store, [{ labels: named('a'), samples: [[20, 3]] }]);
  store.seal();
  const snapshot = store.createSnapshot();
  store.prune(15);
  expect(dump(store).map(([, samples]) => samples.length)).toEqual([1]);
  store.restoreSnapshot(snapshot);
  expect(dump(store).map(([, samples]) => samples.length)).toEqual([2, 1]);
});

test('taking it over may break anywhere', () => {
  const old = databaseOfVersion1();
  const counting = new FaultySql(old.copy());
  new HotStore(counting);
  const states = new StatesLeftBehind();
  for (const when of ['before', 'after'] as const) {
    for (const call of everyCall(counting)) {
      const sql = old.copy();
      expect(() => new HotStore(new FaultySql(sql, { call, when }))).toThrow('storage fault');
      if (!states.isNew({ databases: [sql], clock })) continue;
      expect(dump(new HotStore(new NodeSql(sql.database))), `call ${call}, ${when}`).toEqual(READ);
    }
  }
  // Before and behind a version at the least, and all of them.
  expect(states.count).toBeGreaterThan(2);
});

/** How many versions the schema has by now. */
const VERSIONS = ((): number => {
  const sql = new NodeSql();
  new HotStore(sql);
  return sql.all('SELECT version FROM schema_version').length;
})();

/** A database of version 1 that was brought as far as some later version, by a build of that time. */
function databaseOfVersion(version: number): NodeSql {
  for (let call = 0; ; call++) {
    const sql = databaseOfVersion1();
    expect(() => migrate(new FaultySql(sql, { call, when: 'after' }))).toThrow('storage fault');
    if (sql.all('SELECT version FROM schema_version').length === version) return new NodeSql(sql.database);
  }
}

test.each(Array.from({ length: VERSIONS - 2 }, (_, i) => i + 2))('taking over a database of version %i may break anywhere', (version) => {
  const old = databaseOfVersion(version);
  const counting = new FaultySql(old.copy());
  new HotStore(counting);
  const states = new StatesLeftBehind();
  for (const when of ['before', 'after'] as const) {
    for (const call of everyCall(counting)) {
      const sql = old.copy();
      expect(() => new HotStore(new FaultySql(sql, { call, when }))).toThrow('storage fault');
      if (!states.isNew({ databases: [sql], clock })) continue;
      const store = new HotStore(new NodeSql(sql.database));
      expect(dump(store), `call ${call}, ${when}`).toEqual(READ);
      // It goes on: what is written behind it is there after the next start.
      write(store, [{ labels: named('a'), samples: [[20, 3]] }]);
      store.createSnapshot();
      expect(dump(new HotStore(new NodeSql(sql.database))).map(([, samples]) => samples.length)).toEqual([2, 1]);
    }
  }
  // Before and behind a version at the least, and all of them.
  expect(states.count).toBeGreaterThan(2);
});
