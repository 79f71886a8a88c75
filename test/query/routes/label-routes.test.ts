import { expect, test } from 'vitest';
import { memoryApi, NOON } from '../api.ts';

const match = (...selectors: readonly string[]): string => selectors.map((selector) => `match[]=${encodeURIComponent(selector)}`).join('&');

test('an end before the start is no time: nothing is found, and nothing is wrong', async () => {
  const { data, get, write } = await memoryApi();
  write(0, { __name__: 'up', job: 'a' }, [1, 1]);
  const [before, after] = [`start=${NOON / 1000 - 60}&end=${NOON / 1000 + 60}`, `start=${NOON / 1000 + 60}&end=${NOON / 1000 - 60}`];
  for (const path of ['labels?', 'label/job/values?', 'series?match[]=up&']) {
    expect(await data(`/api/v1/${path}${before}`), path).toHaveLength(path.startsWith('labels') ? 2 : 1);
    expect((await get(`/api/v1/${path}${after}`)).json, path).toEqual({ status: 'success', data: [] });
  }
});

test('all selectors are read before any is found to take everything', async () => {
  const { get } = await memoryApi();
  const error = async (path: string): Promise<unknown> => (await get(path)).json['error'];
  expect(await error(`/api/v1/labels?${match('{}', 'a b')}`)).toBe('1:3: parse error: unexpected identifier "b"');
  expect(await error(`/api/v1/labels?${match('a', '{}')}`)).toBe('match[] must contain at least one non-empty matcher');
  expect(await error(`/api/v1/series?${match('{}', 'a b')}`)).toBe('invalid parameter "match[]": 1:3: parse error: unexpected identifier "b"');
});

test('an escaped name of nothing is no name', async () => {
  const { get } = await memoryApi();
  const { status, json } = await get(`/api/v1/label/U__/values?${match('a b')}`);
  expect([status, json['error']]).toEqual([400, 'invalid label name: ""']);
});
