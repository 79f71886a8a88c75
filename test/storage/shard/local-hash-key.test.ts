import { expect, test } from 'vitest';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { HotStore } from '../../../storage/shard/hot-store.ts';
import { everyCall, FaultySql } from '../../fakes/faulty-sql.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { named } from './batches.ts';

const CPU = named('cpu');
const DAMAGED = /^damaged storage: shard_state 1: key of series ids \(local_hash_key\): /;

/** The key by which a store names its series: with another one, none is found. */
function filled(): NodeSql {
  const sql = new NodeSql();
  new HotStore(sql).appendLocal([{ labels: CPU, timestampsMs: [1], values: [7] }]);
  return sql;
}

/** As a build of before the check left it. */
function before(): NodeSql {
  const sql = filled();
  sql.run('ALTER TABLE shard_state DROP COLUMN local_hash_check');
  sql.run('DELETE FROM schema_version WHERE version = (SELECT max(version) FROM schema_version)');
  return sql;
}

function reopened(sql: NodeSql): HotStore {
  return new HotStore(new NodeSql(sql.database), LIMITS);
}

function read(sql: NodeSql): number | undefined {
  const store = reopened(sql);
  const ref = store.refOf(CPU);
  return ref === undefined ? undefined : store.lastSampleAt(ref, 10)?.value;
}

test('whatever bit of it is flipped, nothing is answered and nothing written', () => {
  const sql = filled();
  const key = new Uint8Array(sql.all<{ local_hash_key: ArrayBuffer }>('SELECT local_hash_key FROM shard_state')[0]!.local_hash_key);
  for (let bit = 0; bit < 128; bit++) {
    sql.run('UPDATE shard_state SET local_hash_key = ?', key.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte)));
    expect(() => reopened(sql).refOf(CPU), `bit ${bit}`).toThrow(DAMAGED);
    expect(() => reopened(sql).appendLocal([{ labels: CPU, timestampsMs: [2], values: [8] }]), `bit ${bit}`).toThrow(DAMAGED);
  }
  for (const statement of ['SET local_hash_key = NULL', "SET local_hash_key = x''", 'SET local_hash_key = zeroblob(15)', 'SET local_hash_check = local_hash_check + 1']) {
    const copy = sql.copy();
    copy.run('UPDATE shard_state SET local_hash_key = ?', key);
    copy.run(`UPDATE shard_state ${statement}`);
    expect(() => read(copy), statement).toThrow(DAMAGED);
  }
  sql.run('UPDATE shard_state SET local_hash_key = ?', key);
  expect(read(sql)).toBe(7);
});

test('a key of before there was a check is taken as it is, and guarded from then on', () => {
  const sql = before();
  expect(read(sql)).toBe(7);
  sql.run('UPDATE shard_state SET local_hash_key = zeroblob(16)');
  expect(() => read(sql)).toThrow(DAMAGED);
});

test('taking it over may break anywhere', () => {
  const old = before();
  const counting = new FaultySql(old.copy());
  new HotStore(counting).refOf(CPU);
  for (const when of ['before', 'after'] as const) {
    for (const call of everyCall(counting)) {
      const sql = old.copy();
      expect(() => new HotStore(new FaultySql(sql, { call, when })).refOf(CPU)).toThrow('storage fault');
      expect(read(sql), `call ${call}, ${when}`).toBe(7);
      sql.run('UPDATE shard_state SET local_hash_key = zeroblob(16)');
      expect(() => read(sql), `call ${call}, ${when}`).toThrow(DAMAGED);
    }
  }
});

test('a key that was made in a transaction of the owner, which was rolled back, names no series', () => {
  const sql = new NodeSql();
  const store = new HotStore(sql);
  expect(() =>
    sql.transaction(() => {
      expect(store.refOf(CPU)).toBeUndefined();
      throw new Error('the owner’s own');
    }),
  ).toThrow('the owner’s own');
  expect(() => store.confirmCurrent()).toThrow('has been replaced');
});
