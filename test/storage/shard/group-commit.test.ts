import { expect, test } from 'vitest';
import { GroupCommit } from '../../../storage/shard/group-commit.ts';

async function othersTurn(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}

/** A commit that lasts until it is told to end. */
function open({ itemsMax = 100, bytesMax = 1000 } = {}): { commit: GroupCommit<number, string>; groups: number[][]; end: (error?: Error) => Promise<void> } {
  const groups: number[][] = [];
  let settle: ((error?: Error) => void) | undefined;
  const commit = new GroupCommit<number, string>(
    async (items) => {
      if (items.includes(13)) throw new Error('thirteen');
      groups.push([...items]);
      return items.map((item) => `stored ${item}`);
    },
    () => new Promise((resolve, reject) => (settle = (error) => (error === undefined ? resolve() : reject(error)))),
    { itemsMax, bytesMax, bytesOf: (item) => item },
  );
  return {
    commit,
    groups,
    end: async (error) => {
      await othersTurn();
      settle!(error);
      await othersTurn();
    },
  };
}

test('who arrives alone is written at once, in the same turn', async () => {
  const { commit, groups, end } = open();
  const answer = commit.add(1);
  expect(groups).toEqual([[1]]);
  expect(await answer).toBe('stored 1'); // the runtime holds it back, not we
  await end();
  void commit.add(2);
  expect(groups).toEqual([[1], [2]]);
});

test('what piles up behind an open commit goes together, in its order, and each gets its answer', async () => {
  const { commit, groups, end } = open({ itemsMax: 3 });
  const answers = [1, 2, 3, 4, 5, 6].map((item) => commit.add(item));
  expect(groups).toEqual([[1]]);
  await end();
  expect(groups).toEqual([[1], [2, 3, 4]]);
  await end();
  expect(groups).toEqual([[1], [2, 3, 4], [5, 6]]);
  expect(await Promise.all(answers)).toEqual([1, 2, 3, 4, 5, 6].map((item) => `stored ${item}`));
});

test('a write that fails fails its group and those behind it; a commit that fails, those behind it', async () => {
  const first = open();
  const failing = [1, 13, 2].map((item) => first.commit.add(item)!.catch((error: Error) => error.message));
  await first.end();
  expect(await Promise.all(failing)).toEqual(['stored 1', 'thirteen', 'thirteen']);
  expect(first.commit.bytes).toBe(0);
  const second = open();
  const answers = [1, 2].map((item) => second.commit.add(item)!.catch((error: Error) => error.message));
  await second.end(new Error('disk gone'));
  expect(await Promise.all(answers)).toEqual(['stored 1', 'disk gone']);
  expect(second.groups).toEqual([[1]]);
  expect(second.commit.bytes).toBe(0);
});

test('what has no answer yet is bounded: who finds no room is told at once, and finds it when others have been answered', async () => {
  const { commit, groups, end } = open({ itemsMax: 2, bytesMax: 10 });
  const answers = [4, 3, 2].map((item) => commit.add(item));
  // The first has been answered when the others have come; until then it counts.
  expect(commit.bytes).toBe(9);
  expect(commit.add(2)).toBeUndefined();
  expect(commit.bytes).toBe(9);
  await othersTurn();
  expect(commit.bytes).toBe(5);
  answers.push(commit.add(5));
  expect(commit.add(1)).toBeUndefined();
  await end();
  expect(commit.bytes).toBe(5);
  answers.push(commit.add(1));
  await end();
  await end();
  expect(await Promise.all(answers)).toEqual(['stored 4', 'stored 3', 'stored 2', 'stored 5', 'stored 1']);
  expect(groups).toEqual([[4], [3, 2], [5, 1]]);
  expect(commit.bytes).toBe(0);
});

test('who is alone is taken, however large', async () => {
  const { commit, end } = open({ bytesMax: 10 });
  const answer = commit.add(11);
  expect(commit.add(1)).toBeUndefined();
  expect(await answer).toBe('stored 11');
  await end();
  expect(await commit.add(12)).toBe('stored 12');
});
