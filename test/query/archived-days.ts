import { SamplesFileWriter } from '../../storage/archive/files/samples-file-writer.ts';
import { labelsFrom } from '../../storage/model/labels.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { FaultyObjectStore, type StoreFault } from '../fakes/faulty-object-store.ts';
import { MemoryObjectStore } from '../fakes/memory-object-store.ts';
import { memoryApi, NOON } from './api.ts';

export const DAY_MS = 86_400_000;
export const OLD_MS = NOON - 3 * DAY_MS;
export const keyOf = (day: number): string => `default/archive/samples/data/day-${day}.parquet`;

/** Two files of one shard, a day and ten samples each, of the series `a` and `b`; what the shard holds begins a day ago. */
export async function archivedDays(fault?: StoreFault) {
  const objects = new MemoryObjectStore();
  const store = new FaultyObjectStore(objects, fault);
  const api = await memoryApi({ archive: store });
  const files = [];
  for (const day of [0, 1]) {
    const writer = new SamplesFileWriter(LIMITS);
    for (const series of ['a', 'b']) {
      const timestampsMs = Float64Array.from({ length: 5 }, (_, i) => OLD_MS + day * DAY_MS + i * 60_000);
      const bits = new Uint32Array(Float64Array.from({ length: 5 }, (_, i) => day * 10 + i).buffer);
      writer.add(labelsFrom({ __name__: 'm', series }), new Uint8Array(12), { timestampsMs, bits, payloads: [], startsMs: undefined }, 0, 5);
    }
    const file = writer.finish();
    await objects.create(keyOf(day), file.bytes);
    const { tailBytes, rowCount, minTimeMs, maxTimeMs, firstMetric, lastMetric, columns } = file;
    files.push({ table: 'samples' as const, key: keyOf(day), sizeBytes: file.bytes.length, tailBytes, rowCount, minTimeMs, maxTimeMs, firstMetric, lastMetric, columns });
  }
  await api.shards.catalog('default/catalog').archiveCommit({ version: 1, shard: '1/0', sequence: 1, files, archivedUntilMs: NOON - DAY_MS });
  api.write(0, { __name__: 'm', series: 'a' }, [100, 101], NOON - 60_000);
  return { api, objects, store };
}
