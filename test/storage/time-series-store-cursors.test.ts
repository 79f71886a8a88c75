import { beforeEach, expect, test } from 'vitest';
import { TimeSeriesStore, type TimeSeriesStoreOptions } from '../../storage/index.ts';
import type { SqlRow, SqlValue } from '../../storage/runtime/sql.ts';
import { collect } from '../fakes/collect.ts';
import { FixedClock } from '../fakes/fixed-clock.ts';
import { NodeSql } from '../fakes/node-sql.ts';

/*
 * An object's database is not the store's alone. A cursor that is not read to its end keeps all of it from dropping tables until it is
 * collected as garbage (SQLITE_LOCKED): one of the object's own, or one that a store of another name leaves behind as it makes its schema.
 */
const NOON = Date.UTC(2024, 0, 15, 12);

/** Notes which cursors were left before their end. */
class CursorSql extends NodeSql {
  readonly left = new Set<string>();

  override *each<Row extends SqlRow>(statement: string, ...parameters: (SqlValue | ArrayBufferView)[]): Iterable<Row> {
    this.left.add(statement);
    yield* super.each<Row>(statement, ...parameters);
    this.left.delete(statement);
  }
}

let clock: FixedClock;
let sql: CursorSql;

beforeEach(() => {
  clock = new FixedClock(NOON);
  sql = new CursorSql();
});

function open(options: TimeSeriesStoreOptions = {}): TimeSeriesStore {
  return new TimeSeriesStore({ sql, clock, ...options });
}

test('the change feed reads its cursors to the end, wherever it begins', async () => {
  const store = open();
  for (let i = 0; i < 5; i++) await store.put('k', i);
  await store.restoreSnapshot(store.createSnapshot());
  // Rows of before the restore are still there, and not to be read.
  await store.put('k', 5);
  expect(await collect(store.cdc())).toHaveLength(1);
  expect(sql.left).toEqual(new Set());
});
