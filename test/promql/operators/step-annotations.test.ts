import { expect, test } from 'vitest';
import { incompatibleTypes, reconciledCustomBuckets } from '../../../promql/annotations.ts';
import { StepAnnotations } from '../../../promql/operators/step-annotations.ts';

test('of a step the last is told, of several steps each', () => {
  const annotations = new StepAnnotations(3);
  expect(annotations.told()).toEqual([]);
  annotations.set(0, incompatibleTypes('float', '+', 'histogram'));
  annotations.set(0, reconciledCustomBuckets('addition'));
  expect(annotations.told()).toEqual([reconciledCustomBuckets('addition')]);
  annotations.set(2, incompatibleTypes('histogram', '+', 'float'));
  annotations.set(1, incompatibleTypes('float', '+', 'histogram'));
  annotations.set(2, reconciledCustomBuckets('addition'));
  expect(annotations.told()).toEqual([incompatibleTypes('float', '+', 'histogram'), reconciledCustomBuckets('addition')]);
});

test('a million steps, each with something to say, keep one object for each text', () => {
  const annotations = new StepAnnotations(1_000_000);
  const made = Array.from({ length: 4 }, (_, i) => incompatibleTypes(i % 2 === 0 ? 'float' : 'histogram', '+', 'histogram'));
  for (let step = 0; step < 1_000_000; step++) annotations.set(step, made[step % 4]!);
  const told = annotations.told();
  expect(told.map((annotation) => made.indexOf(annotation))).toEqual([0, 1]);
});
