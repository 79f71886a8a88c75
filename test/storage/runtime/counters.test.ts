import { expect, test } from 'vitest';
import { Counters } from '../../../storage/runtime/metrics.ts';
import { RandomIds, type Random } from '../../../storage/runtime/random.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';

function valueOf(counters: Counters, name: string, labels: Record<string, string> = {}): number | undefined {
  return counters.samples().find((sample) => sample.name === name && JSON.stringify(sample.labels) === JSON.stringify(labels))?.value;
}

test('counters add up by name and labels, and what was read before does not move', () => {
  const counters = new Counters();
  counters.add('a_total', {}, 1);
  counters.add('a_total', { x: '1' }, 2);
  const before = counters.samples();
  counters.add('a_total', {}, 5);
  expect([valueOf(counters, 'a_total'), valueOf(counters, 'a_total', { x: '1' }), before[0]!.value]).toEqual([6, 2, 1]);
});

test('a duration is in every bucket that is not below it', () => {
  const counters = new Counters();
  for (const seconds of [0, 0.001, 0.0011, 0.5, 120, 121]) counters.observe('took', { route: '/r' }, seconds);
  const bucket = (le: string) => valueOf(counters, 'took_bucket', { route: '/r', le });
  expect(['0.001', '0.0025', '0.25', '0.5', '30.0', '120.0', '+Inf'].map(bucket)).toEqual([2, 3, 3, 4, 4, 5, 6]);
  expect(valueOf(counters, 'took_count', { route: '/r' })).toBe(6);
  expect(valueOf(counters, 'took_sum', { route: '/r' })).toBeCloseTo(241.5021);
});

test('ids from a pool are as long and as different as others, and take random bytes seldom', () => {
  const seeded = new SeededRandom(3);
  let calls = 0;
  const random: Random = { fill: (bytes) => (calls++, seeded.fill(bytes)) };
  const ids = new RandomIds(random);
  const made = Array.from({ length: 200 }, () => ids.next());
  expect(new Set(made).size).toBe(200);
  for (const id of made) expect(id).toMatch(/^[0-9a-f]{32}$/);
  expect(calls).toBe(4);
});
