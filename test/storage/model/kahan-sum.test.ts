import { expect, test } from 'vitest';
import { KahanSum } from '../../../storage/model/kahan-sum.ts';

function f(addends: readonly number[], expected: number): void {
  test(`sum of ${addends.join(', ')}`, () => {
    const sum = new KahanSum();
    for (const addend of addends) sum.add(addend);
    expect(sum.value()).toBe(expected);
  });
}
f([], 0);
f([1, 1e100, 1, -1e100], 2);
f([5.3, 1e100, 1, -1e100, 2, 1e50, -1e50], 8.3);
f([0.1, 0.2, 0.3, -0.6], 2 ** -55);
f([Infinity, 1], Infinity);
f([Infinity, -Infinity], NaN);
f([Number.MAX_VALUE, Number.MAX_VALUE, 1], Infinity);
f([NaN, 1], NaN);
