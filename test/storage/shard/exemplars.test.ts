import { describe, expect, test } from 'vitest';
import { labelsFrom, type Labels } from '../../../storage/model/labels.ts';
import { Exemplars } from '../../../storage/shard/exemplars.ts';
import { HotStore } from '../../../storage/shard/hot-store.ts';
import { SHARD_RPC_VERSION } from '../../../storage/shard/shard-api.ts';
import { everyCall, FaultySql, InjectedFault } from '../../fakes/faulty-sql.ts';
import { limitsWith } from '../../fakes/limits-with.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { withQueryPlans } from '../../fakes/query-plans.ts';
import { named, write, type TestBatch } from './batches.ts';
import { expectDamageNoticed } from './every-bit.ts';

const LIMITS = limitsWith({ exemplarRowsMax: 3, exemplarRowBytesTarget: 200, exemplarsRememberedMax: 4, activeSeriesMax: 3 });

function trace(id: string): Labels {
  return labelsFrom({ trace_id: id });
}

function withExemplars(series: string, ...exemplars: readonly (readonly [timestampMs: number, value: number, id: string])[]): TestBatch {
  return [{ labels: named('m', { series }), samples: [], exemplars: exemplars.map(([timestampMs, value, id]) => [timestampMs, value, trace(id)] as const) }];
}

/** Per series, `time=value id`. */
function read(store: HotStore, series = '.*', startMs = -Infinity, endMs = Infinity): Record<string, string[]> {
  const answer = store.selectExemplars({ version: SHARD_RPC_VERSION, selectors: [[{ name: 'series', type: '=~', value: series }]], startMs, endMs });
  return Object.fromEntries(answer.series.map(({ labels, exemplars }) => [labels.at(-1)!, exemplars.map((one) => `${one.timestampMs}=${one.value} ${one.labels[1]}`)]));
}

function open(): { sql: NodeSql; store: HotStore; reopened: () => HotStore } {
  const sql = new NodeSql();
  return { sql, store: new HotStore(sql, LIMITS), reopened: () => new HotStore(new NodeSql(sql.database), LIMITS) };
}

describe('exemplars', () => {
  test('are read by series and time, oldest first, over a waking', () => {
    const { store, reopened } = open();
    expect(write(store, [...withExemplars('b', [20, 2, 'y'], [10, 1, 'x']), ...withExemplars('a', [15, NaN, 'z'])])).toMatchObject({ exemplarsStored: 3, samplesStored: 0, refusals: [] });
    for (const each of [store, reopened()]) {
      expect(read(each)).toEqual({ a: ['15=NaN z'], b: ['10=1 x', '20=2 y'] });
      expect(read(each, 'b', 11, 20)).toEqual({ b: ['20=2 y'] });
      expect(read(each, 'c')).toEqual({});
    }
  });

  test('sent again change nothing, remembered or not', () => {
    const { store, sql, reopened } = open();
    const batch = withExemplars('a', [10, 1, 'x'], [20, 2, 'y']);
    for (let i = 0; i < 5; i++) expect(write(store, batch)).toMatchObject({ exemplarsStored: 2 });
    const bytes = sql.all<{ length: number }>('SELECT length(exemplars) AS length FROM exemplar_row')[0]!.length;
    write(reopened(), batch);
    expect(read(reopened())).toEqual({ a: ['10=1 x', '20=2 y'] });
    // Only the instance that does not remember has written them once more.
    expect(sql.all<{ length: number }>('SELECT length(exemplars) AS length FROM exemplar_row')[0]!.length).toBeLessThan(bytes * 2);
  });

  test('are read a row at a time: neither waking nor a query has SQLite put whole rows into order', () => {
    const { sql, store } = open();
    for (let i = 0; i < 40; i++) write(store, withExemplars('a', [i, i, `trace-${i}`]));
    const explained = withQueryPlans(new NodeSql(sql.database));
    read(new HotStore(explained.sql, LIMITS));
    const ofRows = [...explained.plans].filter(([statement]) => /\bexemplars\b/.test(statement) && statement.startsWith('SELECT'));
    expect(ofRows).not.toEqual([]);
    for (const [statement, plan] of ofRows) expect(plan, statement).toEqual([expect.stringMatching(/^SEARCH exemplar_row USING INTEGER PRIMARY KEY/)]);
  });

  test('fill rows one by one, and the oldest row makes room', () => {
    const { store, sql, reopened } = open();
    let current = store;
    for (let i = 0; i < 40; i++) {
      write(current, withExemplars('a', [i, i, `trace-${i}`]));
      if (i % 7 === 0) current = reopened();
      const rows = sql.all<{ length: number }>('SELECT length(exemplars) AS length FROM exemplar_row');
      expect(rows.length).toBeLessThanOrEqual(3);
      for (const { length } of rows) expect(length).toBeLessThanOrEqual(212);
    }
    const kept = read(current)['a']!;
    expect(kept.at(-1)).toBe('39=39 trace-39');
    expect(kept.length).toBeGreaterThanOrEqual(8);
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, i) => `${40 - kept.length + i}=${40 - kept.length + i} trace-${40 - kept.length + i}`));
  });

  test('an instance that wakes goes on in the newest row', () => {
    const { sql, reopened } = open();
    for (let wake = 0; wake < 4; wake++) write(reopened(), withExemplars('a', [wake, wake, 'x']));
    expect(sql.all('SELECT slot FROM exemplar_row')).toEqual([{ slot: 0 }]);
    expect(read(reopened())['a']).toHaveLength(4);
  });

  test('more at once than a row holds', () => {
    const { store, reopened } = open();
    write(store, withExemplars('a', ...Array.from({ length: 8 }, (_, i) => [i, i, `t${i}`] as const)));
    expect(read(reopened())['a']).toEqual(Array.from({ length: 8 }, (_, i) => `${i}=${i} t${i}`));
  });

  test('of series over the limit are left out and not counted as stored', () => {
    const { store } = open();
    const batch = ['a', 'b', 'c', 'd'].flatMap((series) => withExemplars(series, [1, 1, series]));
    expect(write(store, batch)).toMatchObject({ exemplarsStored: 3, refusals: [{ kind: 'limit', samples: 0 }] });
    expect(Object.keys(read(store))).toEqual(['a', 'b', 'c']);
  });

  test('below the floor are not read', () => {
    const { store } = open();
    write(store, [{ ...withExemplars('a', [10, 1, 'x'], [20, 2, 'y'])[0]!, samples: [[10, 1], [20, 2]] }]);
    store.prune(15);
    expect(read(store)).toEqual({ a: ['20=2 y'] });
  });

  test('a replaced instance does not write over what its successor has stored', () => {
    const { store, reopened } = open();
    write(store, withExemplars('a', [10, 1, 'x']));
    const successor = reopened();
    write(successor, withExemplars('a', [20, 2, 'y']));
    expect(() => write(store, withExemplars('a', [30, 3, 'z']))).toThrow('replaced');
    expect(read(reopened())).toEqual({ a: ['10=1 x', '20=2 y'] });
  });

  test('behind a damaged row writing goes on, and the damage is said', () => {
    const { store, sql, reopened } = open();
    write(store, withExemplars('a', [10, 1, 'x']));
    sql.run('UPDATE exemplar_row SET exemplars = ?', new Uint8Array(20));
    expect(write(reopened(), withExemplars('a', [20, 2, 'y']))).toMatchObject({ exemplarsStored: 1 });
    expect(() => read(reopened())).toThrow('exemplar row 0: version 0, this build knows 1');
    sql.run('DELETE FROM exemplar_row WHERE slot = 0');
    expect(read(reopened())).toEqual({ a: ['20=2 y'] });
  });

  test('any damage to a row is noticed', () => {
    const { store, sql } = open();
    write(store, withExemplars('a', [10, 1, 'x']));
    const [{ exemplars }] = sql.all<{ exemplars: ArrayBuffer }>('SELECT exemplars FROM exemplar_row') as [{ exemplars: ArrayBuffer }];
    expectDamageNoticed(new Uint8Array(exemplars), (damaged) => {
      sql.run('UPDATE exemplar_row SET exemplars = ?', new Uint8Array(damaged));
      for (const _ of new Exemplars(sql, LIMITS).stored());
    });
  });
});

test.each(['before', 'after'] as const)('storage breaks %s each call: what was acknowledged is there, and sent again it is there once', (when) => {
  const life = [
    withExemplars('a', [10, 1, 'x']),
    [{ ...withExemplars('a', [20, 2, 'y'])[0]!, samples: [[20, 5]] as const }],
    withExemplars('b', ...Array.from({ length: 6 }, (_, i) => [30 + i, i, `t${i}`] as const)),
  ];
  const live = (sql: ConstructorParameters<typeof HotStore>[0], from: number): number => {
    let step = from;
    try {
      const store = new HotStore(sql, LIMITS);
      for (; step < life.length; step++) write(store, life[step]!);
      return -1;
    } catch (error) {
      if (!(error instanceof InjectedFault)) throw error;
      return step;
    }
  };
  const counting = new FaultySql(new NodeSql());
  live(counting, 0);
  const whole = new NodeSql();
  live(whole, 0);
  const expected = read(new HotStore(new NodeSql(whole.database), LIMITS));
  for (const call of everyCall(counting)) {
    const sql = new NodeSql();
    const broken = live(new FaultySql(sql, { call, when }), 0);
    const there = read(new HotStore(new NodeSql(sql.database), LIMITS));
    if (broken > 0) expect(there['a'], `call ${call}`).toContain('10=1 x');
    expect(live(new NodeSql(sql.database), broken)).toBe(-1);
    expect(read(new HotStore(new NodeSql(sql.database), LIMITS)), `call ${call}, ${when}`).toEqual(expected);
  }
});
