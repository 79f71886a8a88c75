import { beforeAll, expect, test } from 'vitest';
import type { ObjectListPage, ObjectListRequest, ObjectReader } from '../../storage/object-reader.ts';
import type { ObjectStore } from '../../storage/object-store.ts';

const PREFIX = 'reader/archive/';
/** In the order of UTF-8. */
const KEYS = ['a/1', 'a/2', 'a/b/1', 'b', 'c/1', 'c=é/1', 'd', 'd/1', 'd/2'].map((key) => PREFIX + key);

/** What every object reader must do over the objects of a store. `open` gives the same two each time. */
export function objectReaderContract(open: () => { readonly store: ObjectStore; readonly reader: ObjectReader }): void {
  beforeAll(async () => {
    for (const [index, key] of KEYS.entries()) await open().store.create(key, Uint8Array.from({ length: 10 + index }, (_, i) => i * 3 + index));
  });

  const bytesOf = async (body: ReadableStream<Uint8Array> | undefined): Promise<number[]> => [...new Uint8Array(await new Response(body).arrayBuffer())];
  const list = (request: Partial<ObjectListRequest>): Promise<ObjectListPage> => open().reader.list({ prefix: PREFIX, delimiter: undefined, startAfter: undefined, limit: 1000, ...request });
  const names = (page: ObjectListPage): string[] => [...page.objects.map(({ key }) => key), ...page.prefixes].map((name) => name.slice(PREFIX.length)).sort();

  test('what is not there', async () => {
    const { reader } = open();
    expect([await reader.head(`${PREFIX}absent`), await reader.open(`${PREFIX}absent`), await reader.open(`${PREFIX}absent`, { offset: 0, length: 1 })]).toEqual([undefined, undefined, undefined]);
    expect(await list({ prefix: `${PREFIX}absent` })).toEqual({ objects: [], prefixes: [], isTruncated: false });
  });

  test('an object, whole and in part', async () => {
    const { reader, store } = open();
    const key = KEYS[0]!;
    const info = await reader.head(key);
    expect(info).toEqual({ ...(await store.head(key)), uploadedMs: expect.any(Number) as unknown });
    expect(Math.abs(info!.uploadedMs - Date.UTC(2025, 0, 1))).toBeLessThan(10 * 365 * 86_400_000);
    const whole = await bytesOf(await reader.open(key));
    expect(whole).toEqual(Array.from({ length: 10 }, (_, i) => i * 3));
    for (const [offset, length] of [[0, 1], [3, 4], [9, 1], [0, 10]] as const) expect(await bytesOf(await reader.open(key, { offset, length }))).toEqual(whole.slice(offset, offset + length));
  });

  test('a list in order, with everything that is known of its objects', async () => {
    const page = await list({});
    expect([page.objects.map(({ key }) => key), page.prefixes, page.isTruncated]).toEqual([KEYS, [], false]);
    expect(page.objects[4]).toEqual(await open().reader.head(KEYS[4]!));
  });

  test('a delimiter folds what is behind it', async () => {
    expect(names(await list({ delimiter: '/' }))).toEqual(['a/', 'b', 'c/', 'c=é/', 'd', 'd/']);
    expect(names(await list({ delimiter: '/', prefix: `${PREFIX}a/` }))).toEqual(['a/1', 'a/2', 'a/b/']);
    expect(names(await list({ delimiter: '/1' }))).toEqual(['a/1', 'a/2', 'a/b/1', 'b', 'c/1', 'c=é/1', 'd', 'd/1', 'd/2']);
  });

  test.each([undefined, '/'])('pages that begin behind the last name of the one before make up the whole (delimiter %s)', async (delimiter) => {
    const whole = names(await list({ delimiter }));
    for (const limit of [1, 2, 3, 5]) {
      const found: string[] = [];
      let startAfter: string | undefined;
      for (let pages = 0; ; pages++) {
        expect(pages).toBeLessThan(20);
        const page = await list({ delimiter, limit, startAfter });
        expect(page.objects.length + page.prefixes.length).toBeLessThanOrEqual(limit);
        found.push(...names(page));
        const last = [...page.objects.map(({ key }) => key), ...page.prefixes.map((prefix) => `${prefix}\u{10ffff}`)].sort().at(-1);
        if (!page.isTruncated) break;
        startAfter = last;
      }
      expect(found.sort(), `pages of ${limit}`).toEqual(whole);
    }
  });

  test('a list begins behind any name, also one that is no object’s', async () => {
    expect(names(await list({ startAfter: `${PREFIX}c` }))).toEqual(['c/1', 'c=é/1', 'd', 'd/1', 'd/2']);
    expect(names(await list({ startAfter: KEYS.at(-1)! }))).toEqual([]);
    expect(names(await list({ startAfter: 'a' }))).toHaveLength(KEYS.length);
  });
}
