import { expect, test } from 'vitest';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { busyAnswer } from '../../storage/shard/append/append-answer.ts';
import { isRefMessage } from '../../storage/shard/append/ref-message.ts';
import { NOW_MS, WriteApp, type Answer } from './write-app.ts';

const SERIES = 80;

/** A scrape of series that are the same each time: after the first one they go by ref. */
function scrape(app: WriteApp, n: number): Promise<Answer> {
  return app.send(...Array.from({ length: SERIES }, (_, i) => ({ labels: ['__name__', 'm', 'i', String(i)], samples: [{ value: n, timestamp: NOW_MS + n * 1000 }] })));
}

test.each([0, 4])('a shard in which too much waits: the sender is asked to come again, and nothing is sent twice; after %i scrapes', async (scrapes) => {
  const app = new WriteApp();
  const { shards } = app.node;
  await app.send({ labels: ['__name__', 'other'], samples: [{ value: 1, timestamp: NOW_MS }] });
  for (let n = 0; n < scrapes; n++) await scrape(app, n);
  const store = shards.storeOf(shards.shardNames[0]!);
  const { append } = store;
  const heard: boolean[] = [];
  store.append = (message) => {
    heard.push(isRefMessage(message));
    return busyAnswer(20_000_000, LIMITS);
  };
  const before = app.samples();
  expect(await scrape(app, scrapes)).toMatchObject({
    status: 503,
    retryAfter: '5',
    text: expect.stringContaining('shard 0 has too much to do: 20000000 bytes of batches wait for their commit, the limit groupCommitBytesMax is 16777216; try again later'),
  });
  expect(heard).toEqual([scrapes > 0]);
  expect(app.samples()).toEqual(before);
  store.append = append;
  expect(await scrape(app, scrapes)).toMatchObject({ status: 204, text: '' });
});
