import { expect, test } from 'vitest';
import { PlanLedger } from '../../../../storage/archive/flush/plan-ledger.ts';
import { migrateCatalog } from '../../../../storage/catalog/catalog-schema.ts';
import type { DataFile } from '../../../../storage/catalog/iceberg/data-file.ts';
import { expectAllOrNothing } from '../../../fakes/all-or-nothing.ts';
import { NodeSql } from '../../../fakes/node-sql.ts';

const file = (key: string): DataFile => ({ table: 'samples', key, sizeBytes: 10, tailBytes: 1, rowCount: 1, minTimeMs: 0, maxTimeMs: 1, firstMetric: 'a', lastMetric: 'b', columns: [] });

const PLAN = { id: 'p' };

test('a note of the last file, and the end of a plan with its files, are there whole or not at all', () => {
  const sql = new NodeSql();
  migrateCatalog(sql);
  const ledgerOf = (port: ConstructorParameters<typeof PlanLedger>[0] = sql): PlanLedger<{ readonly id: string }, number> => new PlanLedger(port, 'merge');
  ledgerOf().begin(PLAN);
  ledgerOf().note(PLAN, 0, { file: file('0'), cursor: 7 }, false);
  // Two files under a number, or a plan that is through without its last one.
  expectAllOrNothing(sql, (port) => {
    const ledger = ledgerOf(port);
    if (ledger.plan()?.isEncoded !== true) ledger.note(PLAN, ledger.progress().position, { file: file('1'), cursor: undefined }, true);
  });
  // Files without their plan would be those of the next one, which would go on behind them; a plan without its files would be replaced by nothing.
  expectAllOrNothing(sql, (port) => {
    const ledger = ledgerOf(port);
    if (ledger.plan() !== undefined) ledger.end(PLAN);
  });
  ledgerOf().end(PLAN);
  expect(ledgerOf().plan()).toBeUndefined();
  expect(ledgerOf().progress()).toEqual({ position: 0, cursor: undefined });
});

test('an instance that has been replaced does not go on with what another one has begun', () => {
  const sql = new NodeSql();
  migrateCatalog(sql);
  const ledger = new PlanLedger<{ readonly id: string }, number>(sql, 'merge');
  ledger.begin(PLAN);
  ledger.end(PLAN);
  ledger.begin({ id: 'q' });
  expect(() => ledger.note(PLAN, 0, undefined, true)).toThrow('replaced');
  expect(() => ledger.end(PLAN)).toThrow('replaced');
  expect(ledger.plan()).toEqual({ plan: { id: 'q' }, isEncoded: false });
});
