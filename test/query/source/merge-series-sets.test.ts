import { expect, test } from 'vitest';
import { mergeSorted } from '../../../query/source/merge-series-sets.ts';
import { collect } from '../../fakes/collect.ts';

const byNumber = (a: number, b: number): number => a - b;

interface Spy {
  readonly stream: AsyncGenerator<number>;
  started: boolean;
  ended: boolean;
}

/** A stream that tells whether it was started and whether it was ended. */
function spy(values: readonly number[], failAt = Infinity): Spy {
  const state = { started: false, ended: false } as Spy;
  async function* run(): AsyncGenerator<number> {
    state.started = true;
    try {
      for (const [i, value] of values.entries()) {
        if (i >= failAt) throw new Error(`fails at ${i}`);
        yield value;
      }
      if (values.length >= failAt) throw new Error('fails at the end');
    } finally {
      state.ended = true;
    }
  }
  return Object.assign(state, { stream: run() });
}

test('merges in order', async () => {
  const f = async (...lists: number[][]): Promise<void> => {
    const merged = await collect(mergeSorted(lists.map((list) => spy(list).stream), byNumber));
    expect(merged).toEqual(lists.flat().sort(byNumber));
  };
  await f();
  await f([]);
  await f([1]);
  await f([], [1, 2], []);
  await f([1, 4, 7], [2, 5, 8], [3, 6, 9]);
  await f([1, 1, 2], [1, 2, 2]);
  await f([5], [1, 2, 3, 4], [6, 7]);
});

test('all streams are started at once', async () => {
  const spies = [spy([1]), spy([2]), spy([3])];
  const merged = mergeSorted(spies.map(({ stream }) => stream), byNumber);
  await merged.next();
  expect(spies.map(({ started }) => started)).toEqual([true, true, true]);
  await merged.return(undefined);
});

test('stopping early ends every stream', async () => {
  const spies = [spy([1, 4]), spy([2, 5]), spy([3, 6])];
  for await (const value of mergeSorted(spies.map(({ stream }) => stream), byNumber)) if (value === 2) break;
  expect(spies.map(({ ended }) => ended)).toEqual([true, true, true]);
});

test('the failure of one stream comes out and ends the others', async () => {
  for (const failAt of [0, 1, 2]) {
    const spies = [spy([1, 4]), spy([2, 5], failAt), spy([3, 6])];
    await expect(collect(mergeSorted(spies.map(({ stream }) => stream), byNumber))).rejects.toThrow(/fails at/);
    expect(spies.map(({ ended }) => ended)).toEqual([true, true, true]);
  }
});
