import { expect, test } from 'vitest';
import type { Sql } from '../../storage/runtime/sql.ts';

/**
 * What every Sql port must do. `inSql` runs a body over a database of its own or one that others use too: the tests keep to the table
 * `contract`, which each makes anew.
 */
export function sqlContract(inSql: (body: (sql: Sql) => void) => Promise<void>): void {
  const inTable = (body: (sql: Sql) => void) => (): Promise<void> =>
    inSql((sql) => {
      sql.run('DROP TABLE IF EXISTS contract');
      sql.run('CREATE TABLE contract (id INTEGER PRIMARY KEY, whole INTEGER, any_value)');
      body(sql);
      sql.run('DROP TABLE contract');
    });
  const ids = (sql: Sql): number[] => sql.all<{ id: number }>('SELECT id FROM contract ORDER BY id').map(({ id }) => id);
  const insert = (sql: Sql, id: number): void => sql.run('INSERT INTO contract (id) VALUES (?)', id);
  const fail = (): never => {
    throw new Error('no');
  };

  test('numbers bind as REAL: a column of INTEGER affinity converts, another does not; NaN is NULL', inTable((sql) => {
    sql.run('INSERT INTO contract VALUES (?, ?, ?)', 1, 5, 5);
    sql.run('INSERT INTO contract VALUES (?, ?, ?)', 2, NaN, 'x');
    expect(sql.all('SELECT typeof(id) AS a, typeof(whole) AS b, typeof(any_value) AS c FROM contract ORDER BY id')).toEqual([
      { a: 'integer', b: 'integer', c: 'real' },
      { a: 'integer', b: 'null', c: 'text' },
    ]);
  }));

  test('numbers come back as they went, as far as SQLite holds them', inTable((sql) => {
    for (const value of [0, -1, 0.1, 2 ** 53, -(2 ** 53), 1e300, 5e-324, Infinity, -Infinity]) {
      expect(sql.all<{ value: number }>('SELECT ? AS value', value)).toEqual([{ value }]);
    }
  }));

  test('text comes back as it went', inTable((sql) => {
    for (const text of ['', 'plain', 'ünï', '𝒳', 'nul\u0000inside', '"\'%_']) {
      sql.run('INSERT OR REPLACE INTO contract VALUES (1, 1, ?)', text);
      expect(sql.all<{ any_value: string }>('SELECT any_value FROM contract')).toEqual([{ any_value: text }]);
    }
  }));

  test('blobs go in as views and come out as buffers of their own', inTable((sql) => {
    const bytes = Uint8Array.of(9, 1, 2, 3, 9);
    sql.run('INSERT INTO contract VALUES (1, 1, ?)', bytes.subarray(1, 4));
    sql.run('INSERT INTO contract VALUES (2, 1, ?)', bytes.buffer);
    sql.run('INSERT INTO contract VALUES (3, 1, ?)', new Uint8Array(0));
    bytes.fill(0);
    const rows = sql.all<{ any_value: ArrayBuffer }>('SELECT any_value FROM contract ORDER BY id').map((row) => row.any_value);
    expect(rows.map((buffer) => [...new Uint8Array(buffer)])).toEqual([[1, 2, 3], [9, 1, 2, 3, 9], []]);
  }));

  test('rows are handed out one by one', inTable((sql) => {
    for (let id = 1; id <= 5; id++) insert(sql, id);
    const seen: number[] = [];
    for (const { id } of sql.each<{ id: number }>('SELECT id FROM contract ORDER BY id')) {
      // Another cursor beside it.
      expect(sql.all('SELECT id FROM contract WHERE id = ?', id)).toEqual([{ id }]);
      seen.push(id);
    }
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  }));

  test('what the platform refuses is refused', inTable((sql) => {
    expect(() => sql.run('INSERT INTO contract VALUES (1, ?, 1)', 1n as unknown as number)).toThrow();
    expect(() => sql.all(`SELECT ${Array.from({ length: 101 }, () => '?').join(',')}`, ...Array.from({ length: 101 }, () => 1))).toThrow();
    expect(() => sql.run('INSERT INTO contract VALUES (1')).toThrow();
    insert(sql, 1);
    expect(() => insert(sql, 1)).toThrow();
    expect(ids(sql)).toEqual([1]);
  }));

  test('a transaction is all or nothing, also inside another', inTable((sql) => {
    expect(sql.transaction(() => (insert(sql, 1), 'answer'))).toBe('answer');
    expect(() => sql.transaction(() => (insert(sql, 2), fail()))).toThrow('no');
    sql.transaction(() => {
      insert(sql, 3);
      expect(() => sql.transaction(() => (insert(sql, 4), fail()))).toThrow('no');
      insert(sql, 5);
    });
    expect(() => sql.transaction(() => (sql.transaction(() => insert(sql, 6)), fail()))).toThrow('no');
    expect(ids(sql)).toEqual([1, 3, 5]);
  }));

  test('rows written are counted: one for each row that is put, replaced or deleted', inTable((sql) => {
    const cost = (body: () => void): number => {
      const before = sql.rowsWritten();
      body();
      return sql.rowsWritten() - before;
    };
    expect(cost(() => [1, 2, 3].forEach((id) => insert(sql, id)))).toBe(3);
    expect(cost(() => sql.run('UPDATE contract SET whole = 1 WHERE id < 3'))).toBe(2);
    expect(cost(() => sql.run('INSERT INTO contract (id, whole) VALUES (1, 7) ON CONFLICT (id) DO UPDATE SET whole = excluded.whole'))).toBe(1);
    expect(cost(() => sql.run('DELETE FROM contract WHERE id = 3'))).toBe(1);
    expect(cost(() => sql.run('DELETE FROM contract WHERE id = 3'))).toBe(0);
    expect(cost(() => void sql.all('SELECT * FROM contract'))).toBe(0);
    expect(sql.sizeBytes()).toBeGreaterThan(0);
  }));
}
