import { expect, test } from 'vitest';
import type { ObjectHead, ObjectStore } from '../../storage/object-store.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
/** More objects than any store lists in one page. */
const PAGED_OBJECTS = 1005;

/** What every object store must do. `open` gives the same store each time; the tests keep to prefixes of their own. */
export function objectStoreContract(open: () => ObjectStore): void {
  const listAll = async (prefix: string): Promise<{ objects: ObjectHead[]; pageCount: number }> => {
    const objects: ObjectHead[] = [];
    let pageCount = 0;
    let cursor: string | undefined;
    do {
      const page = await open().list(prefix, cursor);
      objects.push(...page.objects);
      pageCount++;
      cursor = page.cursor;
    } while (cursor !== undefined);
    return { objects, pageCount };
  };

  test('what is not there', async () => {
    const store = open();
    expect(await store.head('absent/x')).toBeUndefined();
    expect(await store.get('absent/x')).toBeUndefined();
    expect(await store.get('absent/x', { offset: 0, length: 1 })).toBeUndefined();
    expect(await store.list('absent/')).toEqual({ objects: [], cursor: undefined });
    await store.delete(['absent/x']);
    await store.delete([]);
  });

  test('what was created is there, byte for byte', async () => {
    const store = open();
    const body = Uint8Array.from({ length: 256 }, (_, i) => i);
    expect(await store.create('made/all', body)).toBe('done');
    expect([...(await store.get('made/all'))!]).toEqual([...body]);
    const head = await store.head('made/all');
    expect(head).toEqual({ key: 'made/all', sizeBytes: 256, etag: expect.stringMatching(/.+/), uploadedMs: expect.any(Number) });
    expect((await store.list('made/')).objects).toEqual([head]);
  });

  test('a view of a larger buffer is stored as what it shows', async () => {
    const store = open();
    await store.create('view/x', bytes(1, 2, 3, 4, 5).subarray(1, 3));
    expect([...(await store.get('view/x'))!]).toEqual([2, 3]);
  });

  test('an empty object is an object', async () => {
    const store = open();
    expect(await store.create('empty/x', bytes())).toBe('done');
    expect((await store.head('empty/x'))?.sizeBytes).toBe(0);
    expect((await store.get('empty/x'))?.length).toBe(0);
  });

  test('an object that exists is left as it is', async () => {
    const store = open();
    expect(await store.create('once/x', bytes(1))).toBe('done');
    expect(await store.create('once/x', bytes(2, 2))).toBe('exists');
    expect(await store.create('once/x', bytes(1))).toBe('exists');
    expect([...(await store.get('once/x'))!]).toEqual([1]);
    await store.delete(['once/x']);
    expect(await store.create('once/x', bytes(3))).toBe('done');
    expect([...(await store.get('once/x'))!]).toEqual([3]);
  });

  test('of many who create at once exactly one does', async () => {
    const store = open();
    const outcomes = await Promise.all(Array.from({ length: 8 }, (_, i) => store.create('race/x', bytes(i))));
    expect(outcomes.filter((outcome) => outcome === 'done')).toHaveLength(1);
    expect([...(await store.get('race/x'))!]).toEqual([outcomes.indexOf('done')]);
  });

  test('ranges', async () => {
    const store = open();
    await store.create('range/x', bytes(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
    const range = async (offset: number, length: number): Promise<number[]> => [...(await store.get('range/x', { offset, length }))!];
    expect(await range(0, 10)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(await range(0, 1)).toEqual([0]);
    expect(await range(3, 4)).toEqual([3, 4, 5, 6]);
    expect(await range(9, 1)).toEqual([9]);
    // Less than was asked for is an error, never a short answer.
    await expect(store.get('range/x', { offset: 8, length: 4 })).rejects.toThrow();
  });

  test('what is deleted is gone, the rest is not', async () => {
    const store = open();
    for (const name of ['a', 'b', 'c']) await store.create(`delete/${name}`, bytes(1));
    await store.delete(['delete/a', 'delete/c', 'delete/never-there']);
    expect((await store.list('delete/')).objects.map(({ key }) => key)).toEqual(['delete/b']);
  });

  test('listings are in order, page by page, and complete', { timeout: 30_000 }, async () => {
    const store = open();
    const keys = Array.from({ length: PAGED_OBJECTS }, (_, i) => `page/${String((i * 7919) % PAGED_OBJECTS).padStart(5, '0')}`);
    for (let start = 0; start < keys.length; start += 50) await Promise.all(keys.slice(start, start + 50).map((key) => store.create(key, bytes(1))));
    await store.create('page', bytes(1));
    await store.create('pagf/x', bytes(1));
    const { objects, pageCount } = await listAll('page/');
    expect(objects.map(({ key }) => key)).toEqual([...keys].sort());
    expect(pageCount).toBeGreaterThan(1);
  });

  test('at most 1,000 keys in one delete', async () => {
    const keys = Array.from({ length: 1001 }, (_, i) => `many/${i}`);
    await open().delete(keys.slice(1));
    await expect(open().delete(keys)).rejects.toThrow(/1001 keys/);
  });
}
