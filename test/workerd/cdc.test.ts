import { evictAllDurableObjects } from 'cloudflare:test';
import { expect, test } from 'vitest';
import { ask, series, write } from './client.ts';

const NOW = Math.floor(Date.now() / 60_000) * 60_000 - 600_000;

interface Sent {
  readonly id: string;
  readonly data: { readonly labels: Record<string, string>; readonly after: { readonly value: unknown } };
}

async function events(query: string, lastEventId?: string): Promise<Sent[]> {
  const answer = await ask(`/api/v1/cdc?live=false&${query}`, lastEventId === undefined ? {} : { headers: { 'last-event-id': lastEventId } });
  const text = await answer.text();
  expect([answer.status, answer.headers.get('content-type')], text).toEqual([200, 'text/event-stream']);
  return [...text.matchAll(/^id: (.*)\nevent: cdc\.insert\ndata: (.*)$/gm)].map(([, id, data]) => ({ id: id!, data: JSON.parse(data!) as Sent['data'] }));
}

test('what is written comes out of the change feed, also after every object was evicted', async () => {
  for (let i = 0; i < 3; i++) {
    await write(series({ __name__: 'fed', n: '1' }, [NOW + i * 1000, i]), series({ __name__: 'other' }, [NOW + i * 1000, -i]));
  }
  const fed = 'cursor=oldest&match[]=fed';
  const check = async (): Promise<Sent[]> => {
    const all = await events(fed);
    expect(all.map(({ data }) => [data.labels, data.after.value])).toEqual([0, 1, 2].map((i) => [{ __name__: 'fed', n: '1' }, i]));
    return all;
  };
  const all = await check();
  await evictAllDurableObjects();
  await check();
  expect((await events(fed, all[1]!.id)).map(({ data }) => data.after.value)).toEqual([1, 2]);
});

test('a live stream gives what is written while it is read', async () => {
  const answer = await ask('/api/v1/cdc?match[]=live');
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = (await reader.read()).value!;
  await write(series({ __name__: 'live' }, [NOW, 7]));
  while (!text.includes('"after":{"value":7}')) text += (await reader.read()).value ?? '';
  await reader.cancel();
});
