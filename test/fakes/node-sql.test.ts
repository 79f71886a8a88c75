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

test('numbers bind as REAL: a column of INTEGER affinity converts, another does not; NaN is NULL', () => {
  const sql = open();
  sql.run('INSERT INTO t VALUES (?, ?, ?)', 1, 5, 5);
  sql.run('INSERT INTO t VALUES (?, ?, ?)', 2, NaN, 'x');
  expect(sql.all('SELECT typeof(id) AS a, typeof(whole) AS b, typeof(any_value) AS c FROM t ORDER BY id')).toEqual([
    { a: 'integer', b: 'integer', c: 'real' },
    { a: 'integer', b: 'null', c: 'text' },
  ]);
});

test('blobs go in as views and come out as buffers of their own', () => {
  const sql = open();
  const bytes = Uint8Array.of(9, 1, 2, 3, 9);
  sql.run('INSERT INTO t VALUES (1, 1, ?)', bytes.subarray(1, 4));
  sql.run('INSERT INTO t VALUES (2, 1, ?)', bytes.buffer);
  bytes.fill(0);
  const rows = sql.all<{ any_value: ArrayBuffer }>('SELECT any_value FROM t ORDER BY id').map((row) => row.any_value);
  expect(rows.map((buffer) => [...new Uint8Array(buffer)])).toEqual([[1, 2, 3], [9, 1, 2, 3, 9]]);
  expect(rows[0]).toBeInstanceOf(ArrayBuffer);
});

test('what the platform refuses is refused', () => {
  const sql = open();
  expect(() => sql.run('INSERT INTO t VALUES (1, ?, 1)', 1n as unknown as number)).toThrow('cannot be bound');
  expect(() => sql.run('INSERT INTO t VALUES (1, 1, ?)', new Uint8Array(2_000_001))).toThrow('2000001 bytes');
  expect(() => sql.all(`SELECT ${Array.from({ length: 101 }, () => '?').join(',')}`, ...Array.from({ length: 101 }, () => 1))).toThrow('101 parameters');
  expect(() => sql.transaction(async () => {})).toThrow('asynchronous');
});

test('a transaction is all or nothing, also inside another', () => {
  const sql = open();
  const insert = (id: number): void => sql.run('INSERT INTO t (id) VALUES (?)', id);
  const fail = (id: number) => (): void => {
    insert(id);
    throw new Error('no');
  };
  expect(sql.transaction(() => (insert(1), 'answer'))).toBe('answer');
  expect(() => sql.transaction(fail(2))).toThrow('no');
  sql.transaction(() => {
    insert(3);
    expect(() => sql.transaction(fail(4))).toThrow('no');
    insert(5);
  });
  expect(() =>
    sql.transaction(() => {
      sql.transaction(() => insert(6));
      throw new Error('no');
    }),
  ).toThrow('no');
  expect(ids(sql)).toEqual([1, 3, 5]);
  expect(sql.rowsWritten()).toBeGreaterThanOrEqual(3);
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
