import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';
import { expect, test } from 'vitest';
import { LIMITS } from '../../../../storage/runtime/limits.ts';
import { LogHead } from '../../../../storage/shard/log/log-head.ts';
import { keepUpkeepCompiled } from '../../../../storage/shard/segment/kept-objects.ts';
import { SealInSteps } from '../../../../storage/shard/segment/seal-in-steps.ts';

const ORDER = { refs: Uint32Array.of(0), ranks: Uint32Array.of(0), metrics: Uint32Array.of(0) };

/** Whether V8 takes two objects for one of a kind. */
function isOfOneKind(a: object, b: object): boolean {
  setFlagsFromString('--allow-natives-syntax');
  const haveSameMap = new Script('(a, b) => %HaveSameMap(a, b)').runInThisContext() as (a: object, b: object) => boolean;
  return haveSameMap(a, b);
}

test('V8 takes the kept seal for what other seals are, and what is none for something else', () => {
  const seal = new SealInSteps({ insert: () => [], renew: () => {} }, new LogHead(0), { labelOrder: () => ORDER, metricName: () => '' }, LIMITS, 7, Date.now());
  const [kept, merge] = keepUpkeepCompiled();
  expect([isOfOneKind(kept!, seal), isOfOneKind(merge!, seal)]).toEqual([true, false]);
});

test('they are made once', () => {
  expect(keepUpkeepCompiled()).toBe(keepUpkeepCompiled());
});
