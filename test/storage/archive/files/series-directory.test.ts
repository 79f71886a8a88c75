import { expect, test } from 'vitest';
import { readSeriesDirectory, SeriesDirectoryWriter, type SeriesEntry } from '../../../../storage/archive/files/series-directory.ts';
import { ZSTD_BLOCK_BYTES } from '../../../../storage/chunk/zstd.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';

/** Labels of any length: some longer than a block, and than all others together. */
function entries(random: SeededRandom, count: number): SeriesEntry[] {
  let firstRow = 0;
  return Array.from({ length: count }, (_, i): SeriesEntry => {
    const rowCount = 1 + random.below(300);
    const minTimeMs = 1.7e12 + random.below(1e9);
    const long = random.oneIn(200) ? 'x'.repeat(random.below(3 * ZSTD_BLOCK_BYTES)) : 'y'.repeat(random.below(40));
    const entry = { labels: ['__name__', `m${Math.floor(i / 10)}`, 'pod', `pod-${i}-${long}`], firstRow, rowCount, minTimeMs, maxTimeMs: minTimeMs + random.below(1e6), hasStarts: random.oneIn(2), hasHistograms: random.oneIn(2) };
    firstRow += rowCount;
    return entry;
  });
}

test.each([1, 2, 3])('series come out as they went in, however many blocks they are: seed %i', (seed) => {
  for (const count of [1, 7, 5000]) {
    const want = entries(new SeededRandom(seed), count);
    const writer = new SeriesDirectoryWriter();
    for (const entry of want) writer.add(entry);
    if (count === 5000) expect(writer.plainBytes).toBeGreaterThan(4 * ZSTD_BLOCK_BYTES);
    const bytes = writer.finish();
    expect([...readSeriesDirectory(bytes, 'd')]).toEqual(want);
    // One that is looked at in part has the same.
    const some: SeriesEntry[] = [];
    for (const entry of readSeriesDirectory(bytes, 'd')) if (some.push(entry) === 3) break;
    expect(some).toEqual(want.slice(0, 3));
  }
});
