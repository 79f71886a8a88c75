import { describe, expect, test } from 'vitest';
import { SamplesFileWriter } from '../../storage/archive/files/samples-file-writer.ts';
import { dataFileOf } from '../../storage/archive/files/series-file-writer.ts';
import type { DataFile } from '../../storage/catalog/iceberg/data-file.ts';
import { labelsFrom } from '../../storage/model/labels.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { LIMITS } from '../../storage/runtime/limits.ts';
import { MemoryObjectStore } from '../fakes/memory-object-store.ts';
import { memoryApi, NOON } from './api.ts';

/* A file that a query was told of is merged with another, and removed, before the query reads it. */
const DAY_MS = 86_400_000;
const OLD_MS = NOON - 3 * DAY_MS;
const SERIES = ['a', 'b', 'c', 'd'];

/** What happens when an object is asked for, once. */
interface World {
  readonly api: Awaited<ReturnType<typeof memoryApi>>;
  readonly objects: MemoryObjectStore;
  /** Called before each read of the object store with its number. */
  onGet: (call: number, key: string) => Promise<void>;
  /** Both files become one, as a merge does it, and their objects are gone. */
  merge(): Promise<void>;
}

async function world(limits: typeof LIMITS = LIMITS): Promise<World> {
  const objects = new MemoryObjectStore();
  let gets = 0;
  const store: ObjectStore = {
    head: (key) => objects.head(key),
    get: async (key, range) => {
      await own.onGet(gets++, key);
      return objects.get(key, range);
    },
    create: (key, body) => objects.create(key, body),
    delete: (keys) => objects.delete(keys),
    list: (prefix, cursor) => objects.list(prefix, cursor),
  };
  const api = await memoryApi({ archive: store, limits });
  const write = async (name: string, minutes: readonly number[]): Promise<DataFile> => {
    const writer = new SamplesFileWriter(LIMITS);
    for (const series of SERIES) {
      const timestampsMs = Float64Array.from(minutes, (minute) => OLD_MS + minute * 60_000);
      writer.add(labelsFrom({ __name__: 'm', series }), new Uint8Array(12), { timestampsMs, bits: new Uint32Array(Float64Array.from(minutes).buffer), payloads: [], startsMs: undefined }, 0, minutes.length);
    }
    const file = writer.finish();
    const key = `default/archive/samples/data/${name}.parquet`;
    await objects.create(key, file.bytes);
    return dataFileOf(file, 'samples', key);
  };
  const before = [await write('first', [0, 1, 2]), await write('second', [3, 4])];
  const own: World = {
    api,
    objects,
    onGet: async () => undefined,
    merge: async () => {
      own.onGet = async () => undefined;
      api.shards.filesOf('default/catalog').replace({ id: 'merge', table: 'samples', remove: [1, 2], add: [await write('merged', [0, 1, 2, 3, 4])], nowMs: NOON });
      await objects.delete(before.map(({ key }) => key));
    },
  };
  await api.shards.catalog('default/catalog').archiveCommit({ version: 1, shard: '1/0', sequence: 1, files: before, archivedUntilMs: NOON - DAY_MS });
  return own;
}

const SAMPLES = `query?query=${encodeURIComponent('m[1h]')}&time=${(OLD_MS + 600_000) / 1000}`;
const LABELS = `start=${OLD_MS / 1000}&end=${NOON / 1000}`;

async function answerOf({ api }: World, path: string): Promise<unknown> {
  const { status, json } = await api.get(`/api/v1/${path}`);
  expect([status, json['error'], json['warnings']]).toEqual([200, undefined, undefined]);
  return json['data'];
}

describe('files that are merged and removed while a query reads them', () => {
  test.each([SAMPLES, `${SAMPLES}&partial_response=true`, `label/series/values?${LABELS}`, `series?match[]=m&${LABELS}&partial_response=true`])('%s: it has all, from the merged one', async (path) => {
    const quiet = await answerOf(await world(), path);
    expect(JSON.stringify(quiet)).toContain('d');
    // Before the first read, and before each later one: the query is anywhere in its list by then.
    for (let call = 0; ; call++) {
      const own = await world({ ...LIMITS, archiveReadRowsTarget: 3 } as typeof LIMITS);
      let isMerged = false;
      own.onGet = async (number) => {
        if (number !== call) return;
        isMerged = true;
        await own.merge();
      };
      expect(await answerOf(own, path), `read ${call}`).toEqual(quiet);
      if (!isMerged) break;
      expect(call).toBeLessThan(100);
    }
  });

  test('an object that is still missing then is an error, or a part that is missing, after two tries', async () => {
    const own = await world();
    const asked: string[] = [];
    own.onGet = async (_, key) => void asked.push(key.split('/').at(-1)!);
    await own.objects.delete(['default/archive/samples/data/first.parquet']);
    const { status, json } = await own.api.get(`/api/v1/${SAMPLES}`);
    expect([status, json['errorType'], json['error']]).toEqual([503, 'unavailable', expect.stringContaining('first.parquet is missing')]);
    expect(asked.filter((key) => key === 'first.parquet')).toHaveLength(2);
    const partial = await own.api.get(`/api/v1/${SAMPLES}&partial_response=true`);
    const { result } = partial.json['data'] as { result: { metric: Record<string, string>; values: unknown[] }[] };
    expect(result.map(({ metric, values }) => [metric['series'], values.length])).toEqual(SERIES.map((series) => [series, 2]));
    expect(partial.json['warnings']).toEqual([expect.stringMatching(/first\.parquet.* missing/)]);
  });
});
