import { describe, expect, test } from 'vitest';
import { GroupCommit } from '../../../../storage/shard/append/group-commit.ts';
import { Linger } from '../../../../storage/shard/append/linger.ts';
import { limitsWith } from '../../../fakes/limits-with.ts';
import { ManualTimers } from '../../../fakes/manual-timers.ts';

async function othersTurn(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}

/** A commit that lasts until it is told to end. Nobody waits for company unless `lingerItemsMax` allows it. */
function open({ itemsMax = 100, bytesMax = 1000, lingerItemsMax = 1, rowBytesMax = 1000 } = {}): {
  commit: GroupCommit<number, string>;
  groups: number[][];
  timers: ManualTimers;
  end: (error?: Error) => Promise<void>;
} {
  const groups: number[][] = [];
  let settle: ((error?: Error) => void) | undefined;
  const timers = new ManualTimers();
  const limits = limitsWith({ groupCommitLingerLookMs: 1, groupCommitLingerMsMax: 5, groupCommitLingerBatchesMax: lingerItemsMax, groupCommitLingerPauseGroupsMax: 4, sqlRowBytesMax: rowBytesMax });
  const commit = new GroupCommit<number, string>(
    async (items) => {
      if (items.includes(13)) throw new Error('thirteen');
      groups.push([...items]);
      return items.map((item) => `stored ${item}`);
    },
    () => new Promise((resolve, reject) => (settle = (error) => (error === undefined ? resolve() : reject(error)))),
    { itemsMax, bytesMax, bytesOf: (item) => item },
    new Linger(limits, timers.start),
  );
  return {
    commit,
    groups,
    timers,
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

describe('waiting for company', () => {
  /** One alone, and `size` behind its commit, which go together and are committed: so many are expected then. */
  async function expecting(size: number, options: Parameters<typeof open>[0] = {}): Promise<ReturnType<typeof open>> {
    const opened = open({ lingerItemsMax: 100, ...options });
    for (let i = 0; i <= size; i++) void opened.commit.add(1);
    await opened.end();
    await opened.end();
    expect(opened.groups.map((group) => group.length)).toEqual([1, size]);
    expect(opened.timers.startedCount).toBe(0);
    opened.groups.length = 0;
    return opened;
  }

  test('who has never had company never waits', async () => {
    const { commit, groups, timers, end } = open({ lingerItemsMax: 100 });
    for (let i = 1; i <= 10; i++) {
      void commit.add(i);
      expect(groups).toHaveLength(i);
      await end();
    }
    expect(timers.startedCount).toBe(0);
  });

  test('a group waits for as many as the one before had, in order, and goes with the last of them', async () => {
    const { commit, groups, timers, end } = await expecting(3);
    const answers = [commit.add(1), commit.add(2)];
    await timers.advance(1);
    expect(groups).toEqual([]);
    answers.push(commit.add(3));
    expect(await Promise.all(answers)).toEqual(['stored 1', 'stored 2', 'stored 3']);
    expect(groups).toEqual([[1, 2, 3]]);
    expect(timers.pendingCount).toBe(0);
    await end();
    expect(timers.startedCount).toBe(2);
  });

  test('what came behind an open commit counts', async () => {
    const { commit, groups, timers, end } = await expecting(2);
    for (let i = 1; i <= 2; i++) void commit.add(i);
    await othersTurn();
    for (let i = 3; i <= 5; i++) void commit.add(i);
    await end();
    expect(groups).toEqual([[1, 2], [3, 4, 5]]);
    await end();
    void commit.add(6);
    void commit.add(7);
    await othersTurn();
    expect(groups).toHaveLength(2);
    void commit.add(8);
    await othersTurn();
    expect(groups[2]).toEqual([6, 7, 8]);
    expect(timers.pendingCount).toBe(0);
  });

  test('two looks that find nobody new end the wait, one alone does not, and the time does', async () => {
    const { commit, groups, timers, end } = await expecting(5);
    void commit.add(1);
    await timers.advance(1); // nobody
    void commit.add(2);
    await timers.advance(2); // somebody, then nobody
    expect(groups).toEqual([]);
    await timers.advance(1); // and nobody again
    expect(groups).toEqual([[1, 2]]);
    await end();
    expect(timers.pendingCount).toBe(0);

    const slow = await expecting(9);
    for (let ms = 0; ms < 5; ms++) {
      void slow.commit.add(ms);
      expect(slow.groups).toEqual([]);
      await slow.timers.advance(1);
    }
    expect(slow.groups).toEqual([[0, 1, 2, 3, 4]]);
    expect(slow.timers.pendingCount).toBe(0);
  });

  test('who is alone again waits for two looks, once', async () => {
    const { commit, groups, timers, end } = await expecting(8);
    for (let i = 1; i <= 12; i++) {
      void commit.add(i);
      if (i === 1) await timers.advance(2);
      expect(groups).toHaveLength(i);
      await end();
    }
    expect(timers.startedCount).toBe(2);
  });

  test('waits in vain become seldom, and come back with the company', async () => {
    const { commit, groups, timers, end } = await expecting(2);
    /** Nobody comes in time, and then two that overlap, so that company is expected again. Answers whether it was waited for. */
    const inVain = async (): Promise<boolean> => {
      const before = timers.startedCount;
      void commit.add(1);
      await timers.advance(2);
      void commit.add(2);
      void commit.add(3);
      await end();
      expect(groups.splice(0)).toEqual([[1], [2, 3]]);
      await end();
      return timers.startedCount > before;
    };
    const rounds = async (count: number): Promise<string> => {
      let waited = '';
      for (let i = 0; i < count; i++) waited += (await inVain()) ? 'w' : '.';
      return waited;
    };
    // Two groups a round: of those behind a wait one goes at once, then two, then four, and never more in a row.
    expect(await rounds(12)).toBe('ww.w..w..w..');
    const answers = [commit.add(1), commit.add(2)];
    expect(await Promise.all(answers)).toEqual(['stored 1', 'stored 2']);
    expect(groups.splice(0)).toEqual([[1, 2]]);
    await end();
    expect(await rounds(4)).toBe('ww.w');
  });

  test('what fills a row does not wait, nor do groups that are large enough', async () => {
    const full = await expecting(3, { rowBytesMax: 10 });
    void full.commit.add(4);
    expect(full.groups).toEqual([]);
    void full.commit.add(6);
    await othersTurn();
    expect(full.groups).toEqual([[4, 6]]);
    const large = await expecting(5, { lingerItemsMax: 2 });
    void large.commit.add(1);
    expect(large.groups).toEqual([]);
    void large.commit.add(2);
    await othersTurn();
    expect(large.groups).toEqual([[1, 2]]);
  });

  test('who waits is bounded like the others, and finds room again', async () => {
    const { commit, groups, timers, end } = await expecting(3, { bytesMax: 10 });
    const answer = commit.add(8);
    expect(commit.add(3)).toBeUndefined();
    expect(commit.bytes).toBe(8);
    await timers.advance(2);
    expect(await answer).toBe('stored 8');
    expect(groups).toEqual([[8]]);
    expect(commit.bytes).toBe(0);
    await end();
    expect(await commit.add(3)).toBe('stored 3');
  });

  test('a write that fails behind a wait fails all that waited, and the next ones are written', async () => {
    const { commit, groups, timers } = await expecting(3);
    const failing = [commit.add(1), commit.add(13)].map((answer) => answer!.catch((error: Error) => error.message));
    await timers.advance(4);
    expect(await Promise.all(failing)).toEqual(['thirteen', 'thirteen']);
    expect(commit.bytes).toBe(0);
    expect(timers.pendingCount).toBe(0);
    const next = commit.add(2);
    await timers.advance(2);
    expect(await next).toBe('stored 2');
    expect(groups).toEqual([[2]]);
  });
});
