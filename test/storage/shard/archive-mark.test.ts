import { expect, test } from 'vitest';
import { ArchiveMark } from '../../../storage/shard/archive-mark.ts';
import { migrate } from '../../../storage/shard/shard-schema.ts';
import { NodeSql } from '../../fakes/node-sql.ts';

function open() {
  const sql = new NodeSql();
  migrate(sql);
  const mark = new ArchiveMark(sql);
  /** What the instance says, and what the next one would. */
  const both = () => [mark, new ArchiveMark(sql)].map(({ archivedUntilMs, closedUntilMs, newestFiledMs, flushesBegun }) => ({ archivedUntilMs, closedUntilMs, newestFiledMs, flushesBegun }));
  return { mark, both };
}

test('a shard that has archived nothing', () => {
  const nothing = { archivedUntilMs: -Infinity, closedUntilMs: -Infinity, newestFiledMs: undefined, flushesBegun: 0 };
  expect(open().both()).toEqual([nothing, nothing]);
});

test('no mark falls, whatever comes late, nor does the number of a flush', () => {
  const { mark, both } = open();
  for (const timeMs of [2000, 1000]) {
    mark.close(timeMs + 3);
    mark.filed(timeMs + 1);
    mark.archived(timeMs + 2);
  }
  mark.skipFlushes(7);
  expect(mark.beginFlush()).toBe(8);
  mark.skipFlushes(3);
  const marks = { archivedUntilMs: 2002, closedUntilMs: 2003, newestFiledMs: 2001, flushesBegun: 8 };
  expect(both()).toEqual([marks, marks]);
});
