import { expect, test } from 'vitest';
import { unwatched } from '../../../../storage/archive/archive-watch.ts';
import { SeriesFiles, type OpenSeriesFile } from '../../../../storage/archive/files/series-files.ts';
import type { ArchivedFile } from '../../../../storage/catalog/archive-api.ts';
import { LIMITS } from '../../../../storage/runtime/limits.ts';
import { LruCache } from '../../../../storage/runtime/lru-cache.ts';
import { MemoryObjectStore } from '../../../fakes/memory-object-store.ts';

const FILES = 60;

function fileAt(i: number): ArchivedFile {
  return { shard: '1/0', file: i, rank: i, key: `k${i}`, sizeBytes: 1, tailBytes: 1, rowCount: 1, minTimeMs: i, maxTimeMs: i, firstMetric: 'm', lastMetric: 'm' };
}

test('of many files no more directories are held at a time than are fetched at a time, but for those with series that match', async () => {
  let held = 0;
  let heldMax = 0;
  const open = async (_store: unknown, { key }: { readonly key: string }): Promise<OpenSeriesFile> => {
    heldMax = Math.max(heldMax, ++held);
    await Promise.resolve();
    const i = Number(key.slice(1));
    return {
      rowCount: 1,
      *series() {
        held--;
        yield { labels: ['__name__', 'm', 'i', String(i % 3)], rowCount: 1, minTimeMs: i, maxTimeMs: i, hasStarts: false, hasHistograms: false, firstRow: 0 };
      },
    };
  };
  const files = new SeriesFiles({ store: new MemoryObjectStore(), cache: new LruCache<string, OpenSeriesFile>(1), limits: LIMITS, rows: 'samples', open }, []);
  const query = { table: 'samples', selectors: [[{ name: 'i', type: '=', value: '1' }]], startMs: 0, endMs: FILES } as const;
  const found = await files.find(Array.from({ length: FILES }, (_, i) => fileAt(i)), query, unwatched());
  expect([...found.values()].map(({ labels, rowCount, entries }) => [labels[3], rowCount, entries.map(({ file }) => file.file)])).toEqual([
    ['1', FILES / 3, Array.from({ length: FILES / 3 }, (_, i) => i * 3 + 1)],
  ]);
  expect(heldMax).toBeLessThanOrEqual(6);
});

test('a pattern that would be matched against the values of files for hours is a limit error', async () => {
  const open = async (): Promise<OpenSeriesFile> => ({
    rowCount: 400,
    *series() {
      for (let i = 0; i < 400; i++) yield { labels: ['__name__', 'm', 'page', `${i}${'/page'.repeat(200)}`], rowCount: 1, minTimeMs: 0, maxTimeMs: 0, hasStarts: false, hasHistograms: false, firstRow: i };
    },
  });
  const find = (value: string) => {
    const files = new SeriesFiles({ store: new MemoryObjectStore(), cache: new LruCache<string, OpenSeriesFile>(1), limits: LIMITS, rows: 'samples', open }, []);
    return files.find([{ ...fileAt(0), rowCount: 400 }], { table: 'samples', selectors: [[{ name: 'page', type: '=~', value }]], startMs: 0, endMs: 1 }, unwatched());
  };
  expect((await find('[0-9]+7/.*(page|book)$')).size).toBe(39);
  await expect(find('(a?b|c|.?){700}[xy]')).rejects.toMatchObject({ kind: 'limit', message: expect.stringContaining('selectionMatchWorkMax') as string });
});
