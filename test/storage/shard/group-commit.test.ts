import { expect, test } from 'vitest';
import { GroupCommit } from '../../../storage/shard/group-commit.ts';

async function othersTurn(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}

/** A commit that lasts until it is told to end. */
function open(groupMax = 100): { commit: GroupCommit<number, string>; groups: number[][]; end: (error?: Error) => Promise<void> } {
  const groups: number[][] = [];
  let settle: ((error?: Error) => void) | undefined;
  const commit = new GroupCommit<number, string>(
    async (items) => {
      if (items.includes(13)) throw new Error('thirteen');
      groups.push([...items]);
      return items.map((item) => `stored ${item}`);
    },
    () => new Promise((resolve, reject) => (settle = (error) => (error === undefined ? resolve() : reject(error)))),
    groupMax,
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
  const { commit, groups, end } = open(3);
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
  const failing = [1, 13, 2].map((item) => first.commit.add(item).catch((error: Error) => error.message));
  await first.end();
  expect(await Promise.all(failing)).toEqual(['stored 1', 'thirteen', 'thirteen']);
  const second = open();
  const answers = [1, 2].map((item) => second.commit.add(item).catch((error: Error) => error.message));
  await second.end(new Error('disk gone'));
  expect(await Promise.all(answers)).toEqual(['stored 1', 'disk gone']);
  expect(second.groups).toEqual([[1]]);
});
