import { describe, expect, test } from 'vitest';
import { GroupCommit } from '../../../../storage/shard/append/group-commit.ts';
import { Linger } from '../../../../storage/shard/append/linger.ts';
import { limitsWith } from '../../../fakes/limits-with.ts';
import { ManualTimers } from '../../../fakes/manual-timers.ts';
import { randomBelow } from '../../../fakes/random-below.ts';

async function othersTurn(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}

/** A commit that lasts until it is told to end. Nobody waits for company unless `lingerItemsMax` allows it. `settled` is what has to be done behind each. */
function open({ itemsMax = 100, bytesMax = 1000, lingerItemsMax = 1, rowBytesMax = 1000, settled = async (): Promise<void> => {} } = {}): {
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
    settled,
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
  /** So many senders that come again as soon as they are answered, until all of them share a commit: so many are expected from then on. */
  async function expecting(size: number, options: Parameters<typeof open>[0] = {}): Promise<ReturnType<typeof open>> {
    const opened = open({ lingerItemsMax: 100, ...options });
    const { commit, groups, timers, end } = opened;
    for (let i = 0; i < size; i++) void commit.add(1);
    for (let commits = 0; commits < 20; commits++) {
      const answered = groups.at(-1)!.length;
      await end();
      for (let i = 0; i < answered; i++) void commit.add(1);
      await othersTurn();
      // For one more, who does not come.
      while (timers.pendingCount > 0) await timers.advance(1);
    }
    expect(groups.at(-1)).toHaveLength(size);
    await end();
    expect(timers.pendingCount).toBe(0);
    groups.length = 0;
    timers.startedCount = 0;
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

  test('a group waits for as many as there were, in order, and goes with the last of them', async () => {
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

  test('what came behind an open commit waits for those that are answered with it, when there were as many at a few commits', async () => {
    const { commit, groups, timers, end } = open({ lingerItemsMax: 100 });
    void commit.add(1);
    for (let i = 2; i <= 4; i++) {
      void commit.add(i);
      await end();
    }
    expect(groups).toEqual([[1], [2], [3]]);
    void commit.add(5);
    await othersTurn();
    expect(groups[3]).toEqual([4, 5]);
    expect(timers.pendingCount).toBe(0);
  });

  test('those of whom two overlap now and then wait for nobody', async () => {
    const { commit, groups, timers, end } = open({ lingerItemsMax: 100 });
    for (let i = 0; i < 10; i++) {
      void commit.add(1);
      void commit.add(2);
      await end();
      await end();
      void commit.add(3);
      await end();
      expect(groups.splice(0)).toEqual([[1], [2], [3]]);
    }
    expect(timers.startedCount).toBe(0);
  });

  test('who comes again while others have their turn behind the commit is not waited for once more', async () => {
    let rest: (() => void) | undefined;
    const { commit, groups, timers, end } = open({ lingerItemsMax: 100, settled: () => new Promise((resolve) => (rest = resolve)) });
    const settle = async (item: number): Promise<void> => {
      await end();
      void commit.add(item);
      rest!();
      await othersTurn();
    };
    void commit.add(1);
    void commit.add(2);
    await settle(3);
    await settle(4);
    void commit.add(5);
    await settle(6);
    expect(groups).toEqual([[1], [2, 3], [4], [5, 6]]);
    expect(timers.startedCount).toBe(0);
  });

  test.each([2, 3, 4, 6, 8])('%d senders that each wait for their answers come to share one commit', async (senders) => {
    const timers = new ManualTimers();
    const commitMs = 3;
    const sizes: number[] = [];
    const linger = new Linger(limitsWith({ groupCommitLingerLookMs: 1, groupCommitLingerMsMax: 4, groupCommitLingerBatchesMax: 8, groupCommitLingerPauseGroupsMax: 64, sqlRowBytesMax: 1000 }), timers.start);
    const commit = new GroupCommit<number, number>(
      async (items) => {
        sizes.push(items.length);
        return items;
      },
      () => new Promise((resolve) => timers.start(commitMs, resolve)),
      async () => {},
      { itemsMax: 100, bytesMax: 1000, bytesOf: () => 1 },
      linger,
    );
    // Each has its answer when it is durable, and sends anew one or two milliseconds later.
    const send = async (sender: number): Promise<void> => {
      await commit.add(sender);
      timers.start(commitMs + 1 + (sender % 2), () => void send(sender));
    };
    for (let sender = 0; sender < senders; sender++) timers.start(sender % 3, () => void send(sender));
    await timers.advance(100);
    expect(sizes.length).toBeGreaterThan(10);
    expect(sizes.slice(-8)).toEqual(Array.from({ length: 8 }, () => senders));
  });

  test('senders who have fallen into two halves that take turns find each other', async () => {
    const timers = new ManualTimers();
    const random = randomBelow(1);
    const sizes: number[] = [];
    /** One thing after the other, each a third longer or shorter than it says. */
    const newThread = (): ((durationMs: number) => Promise<void>) => {
      let idle = Promise.resolve();
      return (durationMs) => (idle = idle.then(() => new Promise((resolve) => timers.start(durationMs * (0.67 + random(67) / 100), resolve))));
    };
    const [client, server] = [newThread(), newThread()];
    const shards = Array.from({ length: 4 }, () => {
      const linger = new Linger(limitsWith({ groupCommitLingerLookMs: 1, groupCommitLingerMsMax: 4, groupCommitLingerBatchesMax: 8, groupCommitLingerPauseGroupsMax: 64, sqlRowBytesMax: 1000 }), timers.start);
      let durable = Promise.resolve();
      const write = async (items: readonly number[]): Promise<readonly number[]> => {
        sizes.push(items.length);
        durable = server(0.25);
        return items;
      };
      const commit = new GroupCommit<number, number>(write, () => durable, async () => {}, { itemsMax: 100, bytesMax: 1000, bytesOf: () => 1 }, linger);
      return async (sender: number): Promise<void> => {
        await server(0.06);
        await commit.add(sender);
        await durable;
      };
    });
    // A request is through when all shards have its part. One half of the senders is at the Worker while the shards have the other one.
    let isOver = false;
    const send = async (sender: number): Promise<void> => {
      while (!isOver) {
        await client(0.5);
        await server(0.5);
        await Promise.all(shards.map((append) => append(sender)));
      }
    };
    for (let sender = 0; sender < 4; sender++) void send(sender);
    await othersTurn();
    await timers.advance(500);
    isOver = true;
    const last = sizes.slice(-100);
    expect(last.reduce((sum, size) => sum + size) / last.length).toBeGreaterThan(3.5);
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

  test('who is alone again soon waits no more', async () => {
    const { commit, groups, timers, end } = await expecting(8);
    let waited = '';
    for (let i = 1; i <= 20; i++) {
      void commit.add(1);
      waited += timers.pendingCount > 0 ? 'w' : '.';
      if (timers.pendingCount > 0) await timers.advance(2);
      expect(groups).toHaveLength(i);
      await end();
    }
    expect(waited).toBe('ww.w..w.............');
  });

  test('waits in vain become seldom, and come back with the company', async () => {
    const { commit, groups, timers, end } = await expecting(2);
    /** One after the other, who always comes too late, behind the commit. Answers which of them waited. */
    const inVain = async (count: number): Promise<string> => {
      let waited = '';
      for (let i = 0; i < count; i++) {
        waited += timers.pendingCount > 0 ? 'w' : '.';
        if (timers.pendingCount > 0) await timers.advance(2);
        expect(groups.splice(0)).toEqual([[1]]);
        void commit.add(1);
        await end();
      }
      return waited;
    };
    void commit.add(1);
    // Behind the second wait one group goes at once, then two, then four, and never more in a row.
    expect(await inVain(16)).toBe('ww.w..w....w....');
    void commit.add(2);
    await othersTurn();
    // For a third one, too.
    await timers.advance(3);
    expect(groups.splice(0)).toEqual([[1, 2]]);
    await end();
    void commit.add(1);
    expect(await inVain(7)).toBe('ww.w..w');
  });

  test('what fills a row does not wait, nor do groups that are large enough', async () => {
    const full = await expecting(3, { rowBytesMax: 10 });
    void full.commit.add(4);
    expect(full.groups).toEqual([]);
    void full.commit.add(6);
    await othersTurn();
    expect(full.groups).toEqual([[4, 6]]);
    const large = await expecting(5, { lingerItemsMax: 2 });
    void large.commit.add(5);
    expect(large.groups).toEqual([]);
    void large.commit.add(6);
    await othersTurn();
    expect(large.groups).toEqual([[5, 6]]);
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
    const next = commit.add(3);
    await timers.advance(2);
    expect(await next).toBe('stored 3');
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
