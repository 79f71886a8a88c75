import { expect, test } from 'vitest';
import { planMerge } from '../../../../storage/shard/segment/compact-plan.ts';

const LIMITS = { mergeFanIn: 4, mergeSamplesMax: 1000 };

function plan(...sizes: readonly number[]): string {
  const found = planMerge(sizes.map((sampleCount) => ({ sampleCount })), LIMITS);
  return found === undefined ? 'nothing' : `${found.start}-${found.end}`;
}

test('neighbours of one size are merged, the smallest and then the oldest first', () => {
  expect(plan()).toBe('nothing');
  expect(plan(10, 10, 10)).toBe('nothing');
  expect(plan(10, 10, 10, 10)).toBe('0-4');
  expect(plan(200, 10, 10, 10, 10, 10)).toBe('1-5');
  expect(plan(200, 200, 200, 200, 2, 2, 2, 2)).toBe('4-8');
  expect(plan(10, 10, 200, 10, 10)).toBe('nothing'); // never across a larger one
  expect(plan(20, 20, 1, 20, 2, 2, 20, 1)).toBe('0-7'); // smaller ones between them come along
  expect(plan(300, 300, 300, 300)).toBe('nothing'); // too much for one step
  expect(plan(0, 0, 0, 0)).toBe('0-4');
});

test('however many seals there are, few runs stay and each sample is rewritten few times', () => {
  const limits = { mergeFanIn: 8, mergeSamplesMax: 8 ** 4 };
  let runs: { sampleCount: number }[] = [];
  let rewritten = 0;
  const seals = 4096;
  for (let seal = 0; seal < seals; seal++) {
    runs.push({ sampleCount: 1 });
    for (let found = planMerge(runs, limits); found !== undefined; found = planMerge(runs, limits)) {
      const sampleCount = runs.slice(found.start, found.end).reduce((sum, run) => sum + run.sampleCount, 0);
      rewritten += sampleCount;
      runs = [...runs.slice(0, found.start), { sampleCount }, ...runs.slice(found.end)];
    }
    expect(runs.length).toBeLessThanOrEqual(7 * 4 + 1);
  }
  expect(rewritten).toBeLessThanOrEqual(seals * 4);
});
