import { expect } from 'vitest';
import { HotStore } from '../../../storage/shard/hot-store.ts';
import { everyCall, FaultySql, InjectedFault } from '../../fakes/faulty-sql.ts';
import { NodeSql } from '../../fakes/node-sql.ts';
import { write, type TestBatch } from './batches.ts';

type Limits = ConstructorParameters<typeof HotStore>[1];

/** What is done to a store, one thing after the other. */
export type Life = readonly (TestBatch | 'seal')[];

/**
 * A life for each call of storage, before or behind which storage breaks; the sender, who has no answer, sends the same
 * again to the store that wakes. Hands out the store that wakes behind all of it.
 */
export function* faultyLives(life: Life, limits: Limits, when: 'before' | 'after'): Generator<{ readonly call: number; readonly store: HotStore }> {
  const counting = new FaultySql(new NodeSql());
  live(counting, life, limits);
  for (const call of everyCall(counting)) {
    const sql = new NodeSql();
    const broken = live(new FaultySql(sql, { call, when }), life, limits);
    expect(broken).toBeGreaterThanOrEqual(0);
    expect(live(new NodeSql(sql.database), life, limits, broken)).toBe(DONE);
    yield { call, store: new HotStore(new NodeSql(sql.database), limits) };
  }
}

const DONE = -1;

/** From a step on. Answers at which step storage broke, or DONE. */
function live(sql: ConstructorParameters<typeof HotStore>[0], life: Life, limits: Limits, from = 0): number {
  let step = from;
  try {
    const store = new HotStore(sql, limits);
    for (; step < life.length; step++) {
      const next = life[step]!;
      if (next === 'seal') store.seal();
      else expect(write(store, next)).toMatchObject({ refusals: [] });
    }
    return DONE;
  } catch (error) {
    if (!(error instanceof InjectedFault)) throw error;
    return step;
  }
}
