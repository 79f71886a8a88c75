import { isSameBytes } from '../proto/same-bytes.ts';
import type { ObjectStore } from './object-store.ts';

/**
 * Writes an object whose outcome must be known. A throw of the store means unknown: it is resolved by looking, never by deleting.
 *
 * `stored`: the object is there with just these bytes. `different`: something else has the key, and stays as it is. Throws when the store
 * cannot say; calling it again with the same bytes is harmless.
 */
export async function putObject(store: ObjectStore, key: string, body: Uint8Array): Promise<'stored' | 'different'> {
  try {
    if ((await store.create(key, body)) === 'done') return 'stored';
  } catch (error) {
    const there = await store.get(key);
    if (there === undefined) throw error;
    return isSameBytes(there, body) ? 'stored' : 'different';
  }
  const there = await store.get(key);
  if (there === undefined) throw new Error(`object ${key} was there and is missing`);
  return isSameBytes(there, body) ? 'stored' : 'different';
}
