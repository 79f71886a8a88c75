import { expect } from 'vitest';
import type { Sql } from '../../storage/runtime/sql.ts';
import { faultsOf, FaultySql, InjectedFault } from './faulty-sql.ts';
import type { NodeSql } from './node-sql.ts';

/**
 * A change of a database is broken behind each of its writes in turn: what is left is what was there before it, or all of it, and done again it
 * ends as one that nothing has broken. `change` gets a storage that may break, as a new instance does. Returns how many writes there were that
 * a fault outlives.
 */
export function expectAllOrNothing(whole: NodeSql, change: (sql: Sql) => unknown): number {
  const calm = whole.copy();
  const counting = new FaultySql(calm);
  change(counting);
  const [before, after] = [rowsOf(whole), rowsOf(calm)];
  expect(after, 'a change').not.toBe(before);
  for (const call of faultsOf(counting, 'after')) {
    const left = whole.copy();
    expect(() => change(new FaultySql(left, { call, when: 'after' })), `call ${call}`).toThrow(InjectedFault);
    expect([before, after], `what call ${call} leaves`).toContain(rowsOf(left));
    change(left);
    expect(rowsOf(left), `call ${call}, and once more`).toBe(after);
  }
  return counting.lastingCalls.length;
}

/** All rows of all tables, one a line. */
function rowsOf({ database }: NodeSql): string {
  const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").all();
  return tables
    .flatMap(({ name }) => database.prepare(`SELECT * FROM "${String(name)}"`).all().map((row) => `${String(name)} ${JSON.stringify(row, (_, value: unknown) => (value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value))}`))
    .join('\n');
}
