import { expect, test } from 'vitest';
import { FaultySql } from './faulty-sql.ts';
import { NodeSql } from './node-sql.ts';

function open(): NodeSql {
  const sql = new NodeSql();
  sql.run('CREATE TABLE t (id INTEGER PRIMARY KEY, whole INTEGER, any_value)');
  return sql;
}

function ids(sql: NodeSql): number[] {
  return sql.all<{ id: number }>('SELECT id FROM t ORDER BY id').map(({ id }) => id);
}

test('what the platform refuses is refused', () => {
  const sql = open();
  expect(() => sql.run('INSERT INTO t VALUES (1, ?, 1)', 1n as unknown as number)).toThrow('cannot be bound');
  expect(() => sql.run('INSERT INTO t VALUES (1, 1, ?)', new Uint8Array(2_000_001))).toThrow('2000001 bytes');
  expect(() => sql.all(`SELECT ${Array.from({ length: 101 }, () => '?').join(',')}`, ...Array.from({ length: 101 }, () => 1))).toThrow('101 parameters');
  expect(() => sql.transaction(async () => {})).toThrow('asynchronous');
});

test('a fault leaves what was committed, with or without the call that it hit', () => {
  const fates = (['before', 'after'] as const).map((when) =>
    Array.from({ length: 5 }, (_, call) => {
      const inner = open();
      const sql = new FaultySql(inner, { call, when });
      expect(() => {
        sql.run('INSERT INTO t (id) VALUES (1)');
        sql.transaction(() => {
          sql.run('INSERT INTO t (id) VALUES (2)');
          sql.run('INSERT INTO t (id) VALUES (3)');
        });
      }).toThrow(`storage fault at call ${call}`);
      return ids(inner).join('');
    }),
  );
  expect(fates).toEqual([['', '1', '1', '1', '1'], ['1', '1', '1', '1', '123']]);
});
