import { describe, expect, test } from 'vitest';
import { describeObject } from '../../../../storage/archive/files/described-object.ts';
import { MetadataSnapshots } from '../../../../storage/archive/upkeep/metadata-snapshots.ts';
import { decodeAvroFile } from '../../../../storage/catalog/iceberg/avro-reader.ts';
import { encodeAvroFile, type AvroSchema } from '../../../../storage/catalog/iceberg/avro.ts';
import { decodeDataFile, type DataFile } from '../../../../storage/catalog/iceberg/data-file.ts';
import { PLACES_KEY } from '../../../../storage/catalog/iceberg/iceberg-manifest.ts';
import { SAMPLES_TABLE } from '../../../../storage/catalog/iceberg/samples-table.ts';
import type { ArchiveTableName } from '../../../../storage/catalog/iceberg/table-definition.ts';
import { TABLE_DEFINITIONS } from '../../../../storage/catalog/iceberg/table-definitions.ts';
import { MetadataStore } from '../../../../storage/catalog/metadata-store.ts';
import { decodeManifest, decodeManifestList } from '../../../../storage/catalog/recovery/adopted-manifest.ts';
import { LIMITS } from '../../../../storage/runtime/limits.ts';
import { SeededRandom } from '../../../fakes/seeded-random.ts';
import { HOUR_MS, seriesOf, START_MS, times } from '../../archive/flush/flush-world.ts';
import { PREFIX, RecoveryWorld } from '../../archive/recovery-world.ts';
import { readAvro } from '../avro-read.ts';

const SYNC = new Uint8Array(16).fill(7);
const keyOf = (location: string): string => location.slice('s3://b/'.length);

/** All kinds of files, in snapshots. */
async function written(): Promise<RecoveryWorld> {
  const world = new RecoveryWorld();
  world.wakeCatalog();
  world.writeLate(seriesOf(2, 'late'), times(START_MS - 50 * HOUR_MS, 10), (series, timeMs) => series + timeMs / 1e3);
  await world.live(4 * 24 * HOUR_MS, () => world.writeHour((series, timeMs) => (timeMs % 7 === 0 ? NaN : series)));
  const { catalogSql: sql, clock, limits, objects: store } = world;
  const metadata = new MetadataStore(sql, LIMITS);
  metadata.note([{ metric: 'm', type: 'counter', unit: '', help: 'What it is.' }], clock.nowMs());
  const snapshots = new MetadataSnapshots({ sql, metadata, files: world.files, store, clock, random: new SeededRandom(9), limits, prefix: PREFIX });
  while (snapshots.nextDueMs() !== undefined) await snapshots.step();
  while (world.tables.isBehind) await world.tables.publish();
  return world;
}

const world = await written();
const rows = world.catalogSql.all<{ description: string; shard: string; rank: number; run: number; position: number; clean_through: number }>('SELECT * FROM data_file WHERE removed_change IS NULL');
const known = new Map(rows.map((row) => [decodeDataFile(row.description).key, { file: decodeDataFile(row.description), place: { shard: row.shard, rank: row.rank, run: row.run, position: row.position, cleanThrough: row.clean_through } }]));

describe('what a catalog has written of its files', () => {
  test.each(TABLE_DEFINITIONS.filter(({ name }) => name !== 'exemplars' && name !== 'rollup_1m').map((definition) => [definition.name, definition] as const))('%s: is read back as it was', async (name, definition) => {
    const { metadata } = world.tables.get(name)!.current()!;
    const listKey = keyOf(metadata.snapshots.at(-1)!['manifest-list']);
    const manifests = decodeManifestList(definition, (await world.objects.get(listKey))!, keyOf, listKey);
    const stored = world.catalogSql.all<{ description: string }>('SELECT description FROM data_manifest WHERE table_name = ? AND removed_sequence IS NULL ORDER BY manifest', name);
    expect(manifests).toEqual(stored.map(({ description }) => JSON.parse(description) as unknown));
    let live = 0;
    for (const manifest of manifests) {
      for (const entry of decodeManifest(definition, (await world.objects.get(manifest.key))!, manifest, keyOf)) {
        if (entry.status === 'deleted') continue;
        expect(entry.known).toEqual(known.get(entry.key));
        live++;
      }
    }
    expect(live).toBeGreaterThan(0);
    expect(live).toBe([...known.values()].filter(({ file }) => file.table === name).length);
  });

  test('or it is said what is damaged', async () => {
    const definition = SAMPLES_TABLE;
    const listKey = keyOf(world.tables.get('samples')!.current()!.metadata.snapshots.at(-1)!['manifest-list']);
    const [manifest] = decodeManifestList(definition, (await world.objects.get(listKey))!, keyOf, listKey);
    const bytes = Buffer.from((await world.objects.get(manifest!.key))!);
    bytes.write('{', bytes.indexOf('[[', bytes.indexOf(PLACES_KEY)));
    expect(() => decodeManifest(definition, bytes, manifest!, keyOf)).toThrow(`${manifest!.key}: ${PLACES_KEY}: `);
  });

  test('and of a file that it says nothing of the others are known', async () => {
    const listKey = keyOf(world.tables.get('samples')!.current()!.metadata.snapshots.at(-1)!['manifest-list']);
    const manifests = decodeManifestList(SAMPLES_TABLE, (await world.objects.get(listKey))!, keyOf, listKey);
    const manifest = manifests.find(({ added, existing }) => added.files + existing.files > 1)!;
    const bytes = Buffer.from((await world.objects.get(manifest.key))!);
    const whole = decodeManifest(SAMPLES_TABLE, bytes, manifest, keyOf);
    const first = bytes.indexOf('[[', bytes.indexOf(PLACES_KEY)) + 1;
    bytes.write('null'.padEnd(bytes.indexOf(']', first) + 1 - first), first);
    expect(decodeManifest(SAMPLES_TABLE, bytes, manifest, keyOf)).toEqual(whole.map((file, i) => (i === 0 ? { ...file, known: undefined } : file)));
  });

  test('and the files say it too, but for what is NaN', async () => {
    const tables = new Set<ArchiveTableName>();
    for (const { file } of known.values()) {
      tables.add(file.table);
      const withoutNaN: DataFile = { ...file, columns: file.columns.map((column) => ({ ...column, nanCount: undefined })) };
      expect(await describeObject(world.objects, file.table, file.key, file.sizeBytes)).toEqual(withoutNaN);
    }
    expect(tables.size).toBe(4);
  });
});

describe('Avro', () => {
  const schema: AvroSchema = {
    type: 'record',
    name: 'r',
    fields: [
      { name: 'long', type: 'long', 'field-id': 1 },
      { name: 'text', type: ['null', 'string'], default: null, 'field-id': 2 },
      { name: 'flag', type: 'boolean', 'field-id': 3 },
      { name: 'bytes', type: ['null', { type: 'array', items: { type: 'record', name: 'i', fields: [{ name: 'b', type: 'bytes', 'field-id': 5 }] } }], default: null, 'field-id': 4 },
    ],
  };
  const records = Array.from({ length: 5000 }, (_, i) => ({
    long: (i % 2 === 0 ? 1 : -1) * (2 ** (i % 51) + i),
    text: i % 3 === 0 ? undefined : `text ${i} ü`,
    flag: i % 2 === 1,
    bytes: i % 5 === 0 ? undefined : Array.from({ length: i % 4 }, () => ({ b: Uint8Array.of(i % 256, 1) })),
  }));
  const file = encodeAvroFile(schema, records, { a: 'b' }, SYNC);

  test('what is written is read, by us as by others', async () => {
    const read = decodeAvroFile(file, 'x.avro');
    expect(read.records).toEqual(records);
    expect(read.metadata.get('a')).toBe('b');
    expect((await readAvro(file)).records.length).toBe(records.length);
  });

  test('what is cut off or damaged is an error that names it', () => {
    for (let length = 0; length < file.length; length += 1 + Math.floor(length / 9)) {
      if (length === 0) continue;
      expect(() => decodeAvroFile(file.subarray(0, length), 'x.avro')).toThrow(/^x\.avro: /);
    }
    let unnoticed = 0;
    for (let at = 0; at < 600; at++) {
      const damaged = file.slice();
      damaged[at]! ^= 0x55;
      try {
        decodeAvroFile(damaged, 'x.avro');
        unnoticed++;
      } catch (error) {
        expect(String(error)).toContain('x.avro: ');
      }
    }
    // Names of fields, and what values are.
    expect(unnoticed).toBeLessThan(300);
  });
});
