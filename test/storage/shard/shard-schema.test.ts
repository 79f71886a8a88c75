import { expect, test } from 'vitest';
import { migrate } from '../../../storage/shard/shard-schema.ts';
import { FaultySql } from '../../fakes/faulty-sql.ts';
import { NodeSql } from '../../fakes/node-sql.ts';

function schemaOf(sql: NodeSql): unknown[] {
  return sql.all('SELECT name, sql FROM sqlite_master ORDER BY name');
}

test('migrating twice changes nothing', () => {
  const sql = new NodeSql();
  migrate(sql);
  const once = schemaOf(sql);
  migrate(sql);
  expect(schemaOf(sql)).toEqual(once);
  const [row] = sql.all<{ version: number; rows: number }>('SELECT max(version) AS version, count(*) AS rows FROM schema_version');
  expect(row!.rows).toBe(row!.version);
});

test('data of a later version is refused, and nothing is touched', () => {
  const sql = new NodeSql();
  migrate(sql);
  sql.run('INSERT INTO schema_version (version) VALUES (?)', 99);
  const before = schemaOf(sql);
  expect(() => migrate(sql)).toThrow('schema version 99; this build of Varve knows up to');
  expect(schemaOf(sql)).toEqual(before);
});

test('a migration that breaks anywhere is finished by the next', () => {
  const whole = new NodeSql();
  const counting = new FaultySql(whole);
  migrate(counting);
  for (const when of ['before', 'after'] as const) {
    for (let call = 0; call < counting.calls; call++) {
      const sql = new NodeSql();
      expect(() => migrate(new FaultySql(sql, { call, when }))).toThrow('storage fault');
      migrate(sql);
      expect(schemaOf(sql), `call ${call}, ${when}`).toEqual(schemaOf(whole));
    }
  }
});
