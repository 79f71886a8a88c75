import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { SamplesFileReader } from '../../storage/archive/files/samples-file-reader.ts';
import { SamplesFileWriter } from '../../storage/archive/files/samples-file-writer.ts';
import { tryZstdFrame, unpackFrame, zstdFrame } from '../../storage/archive/parquet/zstd-frame.ts';
import { r2ObjectStore } from '../../storage/object-store.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { randomSeries } from '../storage/archive/random-series.ts';

test('pages of any size and content are packed and unpacked by workerd', () => {
  const random = new SeededRandom(1);
  for (const length of [0, 1, 4096, 32 * 1024, 36 * 1024, 36 * 1024 + 1, 64 * 1024, 300_000]) {
    for (const kind of ['zeros', 'random'] as const) {
      const plain = new Uint8Array(length);
      if (kind === 'random') random.fill(plain);
      expect(new Uint8Array(unpackFrame(zstdFrame(plain), length, 'a page'))).toEqual(plain);
    }
  }
});

test('a large page is packed where it compresses, and said to be too large where not', () => {
  const random = new SeededRandom(4);
  const repeated = new Uint8Array(128 * 1024);
  random.fill(repeated.subarray(0, 30_000));
  for (let i = 30_000; i < repeated.length; i++) repeated[i] = repeated[i - 30_000]!;
  const frame = tryZstdFrame(repeated)!;
  expect(frame.length).toBeGreaterThan(30_000);
  expect(new Uint8Array(unpackFrame(frame, repeated.length, 'a page'))).toEqual(repeated);
  random.fill(repeated);
  expect(tryZstdFrame(repeated)).toBeUndefined();
});

test('a file written by workerd is read out of R2 by ranges', { timeout: 30_000 }, async () => {
  const series = randomSeries(new SeededRandom(2), 300, 200);
  const writer = new SamplesFileWriter(LIMITS);
  for (const { labels, id, source } of series) writer.add(labels, id, source, 0, source.timestampsMs.length);
  const file = writer.finish();
  const store = r2ObjectStore((env as { readonly ARCHIVE: R2Bucket }).ARCHIVE);
  expect(await store.create('default/archive/test.parquet', file.bytes)).toBe('done');
  const reader = await SamplesFileReader.open(store, { key: 'default/archive/test.parquet', sizeBytes: file.bytes.length, tailBytes: file.tailBytes });
  const entries = [...reader.series()];
  const read = await reader.read(entries);
  expect(entries.map(({ labels }) => labels)).toEqual(series.map(({ labels }) => labels));
  read.forEach(({ timestampsMs, startsMs }, i) => {
    expect(timestampsMs).toEqual(series[i]!.source.timestampsMs);
    expect(startsMs).toEqual(series[i]!.source.startsMs);
  });
});
