import { describe, expect, test } from 'vitest';
import { ShardTurns } from '../../../query/source/shard-turns.ts';
import { TenantSource } from '../../../query/source/tenant-source.ts';
import { systemClock } from '../../../storage/runtime/clock.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import type { TenantShards } from '../../../storage/shard-router.ts';
import type { SelectShardAnswer, SelectShardRequest } from '../../../storage/shard/shard-api.ts';
import { oneMap } from '../../fakes/one-map.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('as many calls as there may be at a time, the others in their order, whatever becomes of those before', async () => {
  const turns = new ShardTurns(2);
  const begun: number[] = [];
  const ends: ((error?: Error) => void)[] = [];
  const calls = [0, 1, 2, 3, 4].map((i) => turns.take(() => new Promise<number>((resolve, reject) => {
    begun.push(i);
    ends[i] = (error) => (error === undefined ? resolve(i) : reject(error));
  })));
  expect(begun).toEqual([0, 1]);
  ends[1]!(new Error('lost'));
  await expect(calls[1]).rejects.toThrow('lost');
  expect(begun).toEqual([0, 1, 2]);
  ends[2]!();
  ends[0]!();
  await turn();
  expect(begun).toEqual([0, 1, 2, 3, 4]);
  ends[3]!();
  ends[4]!();
  expect(await Promise.all([calls[0], calls[2], calls[3], calls[4]])).toEqual([0, 2, 3, 4]);
  // All turns are free again.
  expect(await Promise.all([5, 6].map((i) => turns.take(async () => i)))).toEqual([5, 6]);
});

describe('a query with many selectors', () => {
  /** Shards that answer when they are told to. */
  class SlowShards {
    readonly asked: SelectShardRequest[] = [];
    readonly answers: ((answer: SelectShardAnswer) => void)[] = [];
    readonly shards: TenantShards;

    constructor(shardCount: number) {
      const select = (request: SelectShardRequest) => new Promise((resolve) => {
        this.asked.push(request);
        this.answers.push(resolve);
      });
      this.shards = { maps: oneMap(shardCount), call: (_: number, body: (stub: unknown) => unknown) => body({ select }) } as unknown as TenantShards;
    }
  }

  const matcher = (i: number) => ({ name: 'i', type: '=', value: String(i) }) as const;
  const REFUSED: SelectShardAnswer = { status: 'refused', limit: false, message: 'enough' };

  test('asks each shard for a few pages at a time, of one query', async () => {
    const slow = new SlowShards(2);
    const source = new TenantSource(slow.shards, 1000, systemClock);
    for (let i = 0; i < 20; i++) source.select({ matchers: [matcher(i)], startMs: 0, endMs: 1 }, undefined)[Symbol.asyncIterator]().next().catch(() => undefined);
    await turn();
    expect(slow.asked).toHaveLength(2 * LIMITS.querySelectsAtOnceMax);
    expect(new Set(slow.asked.map(({ query }) => query)).size).toBe(1);
    slow.answers[0]!(REFUSED);
    await turn();
    expect(slow.asked).toHaveLength(2 * LIMITS.querySelectsAtOnceMax + 1);
    const other = new TenantSource(slow.shards, 1000, systemClock);
    void other.select({ matchers: [], startMs: 0, endMs: 1 }, undefined)[Symbol.asyncIterator]().next().catch(() => undefined);
    await turn();
    expect(slow.asked).toHaveLength(2 * LIMITS.querySelectsAtOnceMax + 3);
    expect(slow.asked.at(-1)!.query).not.toBe(slow.asked[0]!.query);
  });

  test('that has ended asks for no more, nor one that was given up', async () => {
    const slow = new SlowShards(1);
    const source = new TenantSource(slow.shards, 1000, systemClock);
    const gone = new AbortController();
    const iterators = Array.from({ length: 20 }, (_, i) => source.select({ matchers: [matcher(i)], startMs: 0, endMs: 1 }, i < 15 ? undefined : gone.signal)[Symbol.asyncIterator]());
    const results = iterators.map((iterator) => iterator.next().then(({ done }) => done, (error: Error) => error.message));
    await turn();
    for (const iterator of iterators.slice(0, 15)) await iterator.return!();
    gone.abort(new Error('given up'));
    for (const answer of slow.answers) answer(REFUSED);
    const settled = await Promise.all(results);
    expect(slow.asked).toHaveLength(LIMITS.querySelectsAtOnceMax);
    expect(settled).toEqual([...Array.from({ length: 4 }, () => 'enough'), ...Array.from({ length: 11 }, () => true), ...Array.from({ length: 5 }, () => 'given up')]);
  });
});
