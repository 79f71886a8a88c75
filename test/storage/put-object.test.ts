import { describe, expect, test } from 'vitest';
import { putObject } from '../../storage/put-object.ts';
import { FaultyObjectStore } from '../fakes/faulty-object-store.ts';
import { MemoryObjectStore } from '../fakes/memory-object-store.ts';

const KEY = 'a/key';
const OURS = Uint8Array.of(1, 2, 3);
const OTHERS = Uint8Array.of(1, 2, 4);

/** A store in which the key is free, or not. */
async function storeWith(there?: Uint8Array): Promise<MemoryObjectStore> {
  const store = new MemoryObjectStore();
  if (there !== undefined) await store.create(KEY, there);
  return store;
}

describe('what has become of an object is found out', () => {
  test.each([
    ['a free key', undefined, 'stored'],
    ['our bytes from before', OURS, 'stored'],
    ["somebody else's", OTHERS, 'different'],
  ] as const)('%s', async (_, there, outcome) => {
    const store = await storeWith(there);
    expect(await putObject(store, KEY, OURS)).toBe(outcome);
    expect(await store.get(KEY)).toEqual(there ?? OURS);
  });

  test.each([undefined, OURS])('the answer is lost behind the write, there before: %s', async (there) => {
    const store = new FaultyObjectStore(await storeWith(there), { call: 0, when: 'after' });
    expect(await putObject(store, KEY, OURS)).toBe('stored');
  });

  test('and before it: by what is there', async () => {
    for (const [there, outcome] of [[OURS, 'stored'], [OTHERS, 'different']] as const) {
      expect(await putObject(new FaultyObjectStore(await storeWith(there), { call: 0, when: 'before' }), KEY, OURS)).toBe(outcome);
    }
    const store = await storeWith();
    await expect(putObject(new FaultyObjectStore(store, { call: 0, when: 'before' }), KEY, OURS)).rejects.toThrow('does not answer');
    expect(await store.get(KEY)).toBeUndefined();
  });

  test('one that was there as it was written, and is gone as it is looked at, is not said to be stored', async () => {
    const store = await storeWith(OTHERS);
    const vanishing = { create: store.create.bind(store), get: async () => undefined, head: store.head.bind(store), delete: store.delete.bind(store), list: store.list.bind(store) };
    await expect(putObject(vanishing, KEY, OURS)).rejects.toThrow(`object ${KEY} was there and is missing`);
  });
});
