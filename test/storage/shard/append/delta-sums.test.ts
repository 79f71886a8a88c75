import { expect, test } from 'vitest';
import { DeltaSums } from '../../../../storage/shard/append/delta-sums.ts';
import { limitsWith } from '../../../fakes/limits-with.ts';

const ONE_HIGH = 0x3ff00000;

test('of more series than are remembered those are read again that were not added to for longest, and none before the commit', () => {
  const read: number[] = [];
  const deltas = new DeltaSums({ newestMs: () => -Infinity, lastAt: (ref) => void read.push(ref), from: () => ({ samples: [], untilMs: Infinity }) }, limitsWith({ deltaSumsMax: 2 }));
  const add = (ref: number, timestampMs: number): unknown => deltas.add(ref, timestampMs, 0, ONE_HIGH, undefined, 0);
  for (const ref of [1, 2, 3]) add(ref, 10);
  add(1, 20);
  add(2, 20);
  expect(read.splice(0)).toEqual([1, 2, 3]);
  deltas.noteCommitted();
  for (const ref of [1, 2, 3]) add(ref, 30);
  expect(read).toEqual([3]);
});
